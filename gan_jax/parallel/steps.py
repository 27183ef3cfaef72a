"""A step on many devices: by `jit`, by `shard_map`, by `pmap`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from gan_jax import tracing
from gan_jax.parallel.mesh import DATA_AXIS, batch_axes, batch_sharding
from gan_jax.types import Array, PyTree, Scalar

Step = Callable[[PyTree, PyTree], tuple[PyTree, dict[str, Scalar]]]
"""`(state, batch) -> (state, metrics)` over global arrays."""


class Stepper(Protocol):
    """What this module needs of an `Algorithm`."""

    @property
    def step(self) -> Callable[[Any, Any], tuple[Any, dict[str, Scalar]]]:
        """`(state, batch) -> (state, metrics)`."""


def jit_step(
    algorithm: Stepper,
    mesh: Mesh,
    shardings: PyTree | None = None,
    *,
    donate: bool = True,
    steps_per_call: int = 1,
    unroll: int = 1,
) -> jax.stages.Wrapped:
    """The step as one program over globally sharded arrays.

    Args:
        algorithm: compiled without `axis_name`.
        mesh: where to run.
        shardings: of the state, as of `state_shardings`; default: replicated.
        donate: whether the new state takes the buffers of the old, which is then deleted.
        steps_per_call: steps in one dispatch, as a `lax.scan`. Batch leaves are then
            (steps_per_call * rounds, batch, ...), the data of one step after another.
        unroll: how many steps stand in the body of that scan.

    Returns:
        A jitted `(state, batch) -> (state, metrics)`, also with `.lower` for ahead-of-time
        compilation. Metrics are replicated float32 scalars, means over `steps_per_call`.

    Raises:
        ValueError: `steps_per_call` or `unroll` is below 1.
    """
    step = several_steps(algorithm, mesh, steps_per_call, unroll)
    place = _placement(mesh)

    def placed(state: PyTree, batch: PyTree) -> tuple[PyTree, dict[str, Scalar]]:
        with tracing.placement(place):
            return step(state, batch)

    return _jit(placed, mesh, shardings, donate)


def shard_map_step(
    algorithm: Stepper,
    mesh: Mesh,
    *,
    donate: bool = True,
    steps_per_call: int = 1,
    unroll: int = 1,
) -> jax.stages.Wrapped:
    """The step as a program per device, with explicit collectives.

    Args:
        algorithm: compiled with `axis_name=DATA_AXIS`.
        mesh: a mesh of the axis "data" alone.
        donate: as for `jit_step`, like the further arguments.
        steps_per_call: steps in one dispatch.
        unroll: how many steps stand in the body of the scan.

    Returns:
        As `jit_step`; the state is replicated.

    Raises:
        ValueError: the mesh has other axes, or a count is below 1.
    """
    check_data_only(mesh, "shard_map_step")
    mapped = jax.shard_map(
        several_steps(algorithm, mesh, steps_per_call, unroll),
        mesh=mesh,
        in_specs=(P(), batch_sharding(mesh).spec),
        out_specs=(P(), P()),
    )
    return _jit(mapped, mesh, None, donate)


def pmap_step(
    algorithm: Stepper,
    mesh: Mesh,
    *,
    donate: bool = True,
    steps_per_call: int = 1,
    unroll: int = 1,
) -> Step:
    """The step under `pmap`, over the same global arrays as `jit_step`.

    Each call restacks the shards of state and batch on their devices, which costs a copy:
    this is for comparison and for programs written around `pmap`.

    Args:
        algorithm: compiled with `axis_name=DATA_AXIS`.
        mesh: a mesh of the axis "data" alone.
        donate: whether the stacked copy of the state is donated; the caller's lives on.
        steps_per_call: as for `jit_step`.
        unroll: as for `jit_step`.

    Raises:
        ValueError: the mesh has other axes, or a count is below 1.
    """
    check_data_only(mesh, "pmap_step")
    mapped = jax.pmap(
        several_steps(algorithm, mesh, steps_per_call, unroll),
        axis_name=DATA_AXIS,
        devices=list(mesh.devices.flat),
        donate_argnums=(0,) if donate else (),
    )
    own = Mesh(mesh.local_devices, (DATA_AXIS,))
    replicated = NamedSharding(mesh, P())

    def stack(leaf: Array) -> Array:
        shards = [shard.data[None] for shard in leaf.addressable_shards]
        shape = (len(shards), *shards[0].shape[1:])
        sharding = NamedSharding(own, P(DATA_AXIS))
        return jax.make_array_from_single_device_arrays(shape, sharding, shards)

    def unstack(leaf: Array) -> Array:
        shards = [shard.data[0] for shard in leaf.addressable_shards]
        return jax.make_array_from_single_device_arrays(leaf.shape[1:], replicated, shards)

    def step(state: PyTree, batch: PyTree) -> tuple[PyTree, dict[str, Scalar]]:
        out = mapped(*jax.tree.map(stack, (state, batch)))
        return jax.tree.map(unstack, out)

    return step


def _placement(mesh: Mesh) -> tracing.Placement:
    axes = batch_axes(mesh)
    rows = NamedSharding(mesh, P(axes))
    whole = NamedSharding(mesh, P())

    def by_shard(function: tracing.ByShard) -> tracing.ByShard:
        def local(alike: PyTree, own: PyTree) -> PyTree:
            with tracing.placement(None), tracing.batch_axis(axes):
                return function(alike, own)

        return jax.shard_map(local, mesh=mesh, in_specs=(P(), P(axes)), out_specs=P())

    return tracing.Placement(
        rows=lambda tree: jax.lax.with_sharding_constraint(tree, rows),
        whole=lambda tree: jax.lax.with_sharding_constraint(tree, whole),
        by_shard=by_shard,
    )


def check_data_only(mesh: Mesh, name: str) -> None:
    """Refuses a mesh with other axes than "data" for the function called `name`."""
    if mesh.axis_names != (DATA_AXIS,):
        raise ValueError(
            f"{name} needs a mesh of the axis {DATA_AXIS!r} alone, got {dict(mesh.shape)}; "
            "use jit_step for sharded states"
        )


def _jit(
    step: Step, mesh: Mesh, shardings: PyTree | None, donate: bool
) -> jax.stages.Wrapped:
    replicated = NamedSharding(mesh, P())
    placed = replicated if shardings is None else shardings
    return jax.jit(
        step,
        in_shardings=(placed, batch_sharding(mesh)),
        out_shardings=(placed, replicated),
        donate_argnums=(0,) if donate else (),
    )


def several_steps(algorithm: Stepper, mesh: Mesh, count: int, unroll: int) -> Step:
    """`count` steps, traced for the platform of the mesh and not for that of the host."""
    platform = mesh.devices.flat[0].platform
    if count < 1 or unroll < 1:
        raise ValueError(
            f"steps_per_call and unroll must be at least 1, got {count} and {unroll}"
        )

    def run(state: PyTree, batch: PyTree) -> tuple[PyTree, dict[str, Scalar]]:
        with tracing.platform(platform):
            if count == 1:
                return algorithm.step(state, batch)
            batches = jax.tree.map(lambda leaf: _split_steps(leaf, count), batch)
            state, metrics = jax.lax.scan(algorithm.step, state, batches, unroll=unroll)
            return state, jax.tree.map(lambda m: jnp.mean(m, axis=0), metrics)

    return run


def _split_steps(leaf: Array, count: int) -> Array:
    if leaf.shape[0] % count:
        raise ValueError(
            f"the batch has {leaf.shape[0]} rounds, which do not make {count} equal steps"
        )
    return leaf.reshape(count, leaf.shape[0] // count, *leaf.shape[1:])
