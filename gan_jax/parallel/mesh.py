"""Meshes of devices, and batches split over them."""

from __future__ import annotations

import collections
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from gan_jax import trees
from gan_jax.errors import UserError
from gan_jax.types import PyTree

DATA_AXIS = "data"
"""The mesh axis that splits the batch; also the `axis_name` of `shard_map` and `pmap`."""
FSDP_AXIS = "fsdp"
"""An optional axis that splits the batch too, and large leaves of the state by a rule."""
MODEL_AXIS = "model"
"""An optional axis that splits leaves of the state only: its devices share their rows."""

_AXES = (DATA_AXIS, FSDP_AXIS, MODEL_AXIS)


def make_mesh(
    devices: Sequence[jax.Device] | None = None, shape: Mapping[str, int] | None = None
) -> Mesh:
    """A mesh of devices with named axes.

    Args:
        devices: devices to use, in this order; default: every device of every process.
        shape: sizes of the axes "data" (required), "fsdp" and "model", in the order from
            the slowest to the fastest links. One size may be -1: all devices that are left.
            Default: all devices on "data".

    Returns:
        A mesh of automatic axes. With fewer devices asked than present, the first are used.

    Raises:
        UserError: an unknown axis, more devices asked than present, or a mesh that leaves
            out devices of a run of several processes.
    """
    present = _in_process_order(jax.devices()) if devices is None else list(devices)
    sizes = _axis_sizes(dict(shape or {DATA_AXIS: -1}), len(present))
    needed = math.prod(sizes.values())
    if needed > len(present):
        raise UserError(
            f"the mesh {sizes} asks for {needed} devices, but {len(present)} are present"
        )
    if devices is None and needed < len(present) and jax.process_count() > 1:
        raise UserError(
            f"the mesh {sizes} uses {needed} of {len(present)} devices; with several "
            "processes it must use all, so that none is left without work"
        )
    grid = np.array(present[:needed]).reshape(tuple(sizes.values()))
    return Mesh(grid, tuple(sizes), axis_types=(AxisType.Auto,) * len(sizes))


def _in_process_order(devices: Sequence[jax.Device]) -> list[jax.Device]:
    """So that each process feeds one slice of the batch. An order after the network's
    topology, as of `jax.make_mesh`, can scatter the devices of a host; an all-reduce over
    all devices is as fast in any order.
    """
    return sorted(devices, key=lambda device: (device.process_index, device.id))


def _axis_sizes(sizes: dict[str, int], present: int) -> dict[str, int]:
    unknown = sorted(set(sizes) - set(_AXES))
    if unknown or DATA_AXIS not in sizes:
        raise UserError(
            f"mesh axes are {_AXES}, of which 'data' must be given; got {sizes}"
        )
    free = [name for name, size in sizes.items() if size == -1]
    if len(free) > 1 or any(size < 1 and size != -1 for size in sizes.values()):
        raise UserError(
            f"mesh sizes must be positive, and at most one may be -1; got {sizes}"
        )
    if free:
        others = math.prod(size for size in sizes.values() if size != -1)
        if present % others:
            raise UserError(
                f"{present} devices cannot be split into groups of {others} for {sizes}"
            )
        sizes[free[0]] = present // others
    return sizes


# Batches.


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Of batch leaves (rounds, batch, ...): the rows are split over "data" and "fsdp"."""
    return NamedSharding(mesh, P(None, batch_axes(mesh)))


def batch_axes(mesh: Mesh) -> tuple[str, ...]:
    """The axes of a mesh that split the batch."""
    return tuple(name for name in (DATA_AXIS, FSDP_AXIS) if name in mesh.axis_names)


def _batch_shards(mesh: Mesh) -> int:
    return math.prod(mesh.shape[name] for name in batch_axes(mesh))


def _own_shards(mesh: Mesh) -> list[int]:
    """The batch shards that lie on devices of this process, ascending."""
    shards = _batch_shards(mesh)
    indices = batch_sharding(mesh).addressable_devices_indices_map((1, shards)).values()
    return sorted({index[1].indices(shards)[0] for index in indices if index is not None})


def check_batch(mesh: Mesh, batch_size: int) -> None:
    """Checks that a global batch can be split over the mesh.

    Raises:
        UserError: `batch_size` is not a positive multiple of the number of batch shards.
    """
    shards = _batch_shards(mesh)
    if batch_size < 1 or batch_size % shards:
        below = max(batch_size, 0) // shards * shards
        near = " or ".join(str(n) for n in (below, below + shards) if n > 0)
        raise UserError(
            f"a global batch of {batch_size} cannot be split over {shards} devices; "
            f"use {near}, or another number of devices"
        )


def process_rows(mesh: Mesh, batch_size: int) -> slice:
    """The rows of a global batch that this process must feed to `shard_batch`.

    Args:
        mesh: the mesh of the run.
        batch_size: rows of the global batch.

    Returns:
        A contiguous slice; all rows, with one process.

    Raises:
        UserError: the batch cannot be split over the mesh.
        ValueError: the devices of this process do not lie together on it.
    """
    check_batch(mesh, batch_size)
    own = _own_shards(mesh)
    if own != list(range(own[0], own[-1] + 1)):
        raise ValueError("the devices of a process must lie together on the batch axes")
    rows = batch_size // _batch_shards(mesh)
    return slice(own[0] * rows, (own[-1] + 1) * rows)


def shard_batch(mesh: Mesh, host_batch: PyTree) -> PyTree:
    """Global arrays from the rows that each process has.

    Args:
        mesh: the mesh of the run.
        host_batch: leaves (rounds, local batch, ...): the `process_rows` of this process.

    Returns:
        Leaves (rounds, batch, ...) under `batch_sharding(mesh)`.

    Raises:
        ValueError: the rows cannot be split over the devices of this process.
    """
    sharding = batch_sharding(mesh)
    own = len(_own_shards(mesh))
    for path, leaf in trees.leaves_with_path(host_batch):
        if leaf.ndim < 2 or leaf.shape[1] % own:
            raise ValueError(
                f"batch leaf {path!r} of shape {leaf.shape} must be (rounds, batch, ...), "
                f"with a batch that can be split over the {own} devices of this process"
            )
    return jax.tree.map(
        lambda leaf: jax.make_array_from_process_local_data(sharding, leaf), host_batch
    )


def prefetch_to_device(
    batches: Iterable[PyTree], mesh: Mesh, depth: int = 2
) -> Iterator[PyTree]:
    """Sends batches to the devices ahead of their use.

    Transfers are asynchronous, so that they overlap with the steps that run. `batches` must
    not write again into arrays that it has yielded.

    Args:
        batches: host batches of this process, as for `shard_batch`.
        mesh: the mesh of the run.
        depth: number of batches held on the devices, at least 1.

    Yields:
        Global batches, in order.

    Raises:
        ValueError: `depth` is below 1.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    queue: collections.deque[PyTree] = collections.deque()
    for batch in batches:
        queue.append(shard_batch(mesh, batch))
        if len(queue) == depth:
            yield queue.popleft()
    yield from queue
