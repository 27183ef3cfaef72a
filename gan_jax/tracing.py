"""Facts about the program being traced: batch axis, target platform, placement of arrays.

Layers and losses that couple examples need the name of the mapped batch axis (under
`shard_map` and `pmap`; under `jit` over global arrays there is none and every mean is
global already). Convolutions and loops choose their formulation by the platform the
program is compiled for, which is not the host's when compiling ahead of time. Over global
arrays, what a step makes by itself must be told where to lie, or XLA would compute it
everywhere (`Placement`).

All are static while tracing, like JAX's own axis environment, so they are context
variables and not arguments of every layer. Only the engine and `gan_jax.parallel`
set them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from gan_jax.types import Array, PyTree

Axis = str | tuple[str, ...]
"""Mapped axes that split the batch together."""

ByShard = Callable[[PyTree, PyTree], PyTree]
"""`(whole, rows) -> whole`: something computed from what every device has alike and from
the rows of a batch, alike everywhere."""

_BATCH_AXIS: ContextVar[Axis | None] = ContextVar("batch_axis", default=None)
_PLATFORM: ContextVar[str | None] = ContextVar("platform", default=None)


class Placement(NamedTuple):
    """Where arrays lie in a program over global arrays.

    Attributes:
        rows: `(tree) -> tree`, splits the leading axis over the devices, as the batch is.
            Everything drawn per example follows the rows it is drawn for: without this,
            no input says that generated examples are to be split, and every device would
            compute all of them.
        whole: `(tree) -> tree`, gathers sharded leaves. Parameters are whole where a
            network uses them: otherwise their sharding spreads to activations, for which
            XLA's partitioner gives wrong convolution gradients (seen with jax 0.10.2).
        by_shard: `(function) -> function` that runs it on every device for its own rows,
            with the batch axes mapped. XLA would sum over the devices at every turn of a
            loop what need be summed once after it.
    """

    rows: Callable[[PyTree], PyTree]
    whole: Callable[[PyTree], PyTree]
    by_shard: Callable[[ByShard], ByShard]


_PLACEMENT: ContextVar[Placement | None] = ContextVar("placement", default=None)


@contextmanager
def batch_axis(name: Axis | None) -> Iterator[None]:
    """Traces the body with the batch split over the mapped axis (or axes) `name`."""
    token = _BATCH_AXIS.set(name)
    try:
        yield
    finally:
        _BATCH_AXIS.reset(token)


@contextmanager
def platform(name: str) -> Iterator[None]:
    """Traces the body for the platform `name` ("cpu", "gpu", "tpu")."""
    token = _PLATFORM.set(name)
    try:
        yield
    finally:
        _PLATFORM.reset(token)


@contextmanager
def placement(value: Placement | None) -> Iterator[None]:
    """Traces the body as a program over global arrays that lie so; None for one over the
    arrays of a single shard.
    """
    token = _PLACEMENT.set(value)
    try:
        yield
    finally:
        _PLACEMENT.reset(token)


def current_batch_axis() -> Axis | None:
    """The mapped batch axis (or axes) of the program being traced, or None."""
    return _BATCH_AXIS.get()


def current_platform() -> str:
    """The platform being compiled for: the one declared, else JAX's default backend."""
    return _PLATFORM.get() or jax.default_backend()


def batch_shards() -> int:
    """How many shards the batch axis has: 1 outside a mapped axis."""
    axis = current_batch_axis()
    return 1 if axis is None else jax.lax.axis_size(axis)


def pmean(tree: PyTree) -> PyTree:
    """Mean of every float leaf over the batch axis, and the largest value of every other;
    the identity outside a mapped axis.
    """
    axis = current_batch_axis()
    if axis is None:
        return tree
    leaves, structure = jax.tree.flatten(tree)
    floats = [i for i, x in enumerate(leaves) if jnp.issubdtype(x.dtype, jnp.floating)]
    reduced = [
        jax.lax.pmax(x, axis) if i not in floats else x for i, x in enumerate(leaves)
    ]
    mean = _packed_pmean if current_platform() == "cpu" else jax.lax.pmean
    for i, value in zip(floats, mean([leaves[i] for i in floats], axis), strict=True):
        reduced[i] = value
    return jax.tree.unflatten(structure, reduced)


def _packed_pmean(leaves: list[Array], axis: Axis) -> list[Array]:
    """`pmean` of one vector. On CPU devices meet once for every operand of an all-reduce,
    which takes longer than the work between when leaves are many and small.
    """
    with jax.numpy_dtype_promotion("standard"):
        vector, unravel = ravel_pytree(leaves)
        return unravel(jax.lax.pmean(vector, axis))


def settled(tree: PyTree) -> PyTree:
    """Values of a shard as they are, complete before they are reduced; the identity outside
    a mapped axis. XLA would else sum bfloat16 over the devices and widen the sum: gradients
    of networks that compute in it.
    """
    return tree if current_batch_axis() is None else jax.lax.optimization_barrier(tree)


def varying(tree: PyTree) -> PyTree:
    """Marks replicated leaves as differing between shards; the identity outside a mapped
    axis.
    """
    axis = current_batch_axis()
    if axis is None:
        return tree

    return jax.tree.map(lambda leaf: jax.lax.pcast(leaf, axis, to="varying"), tree)


def gather(x: Array) -> Array:
    """Rows of every shard, in global order; the identity outside a mapped axis."""
    axis = current_batch_axis()
    return x if axis is None else jax.lax.all_gather(x, axis, tiled=True)


def global_rows(local: int) -> Array:
    """Global row numbers, int32 (local,), of this shard's `local` examples."""
    axis = current_batch_axis()
    rows = jnp.arange(local)
    if axis is not None:
        return jax.lax.axis_index(axis) * local + rows
    place = _PLACEMENT.get()
    return rows if place is None else place.rows(rows)


def whole(tree: PyTree) -> PyTree:
    """Parameters ready for use, gathered where they are sharded."""
    place = _PLACEMENT.get()
    return tree if place is None else place.whole(tree)


def by_shard(function: ByShard) -> ByShard:
    """`function`, run on every device for its own rows where a program over global arrays
    is being traced; elsewhere itself. It reduces over the batch axis as under `shard_map`.
    """
    place = _PLACEMENT.get()
    return function if place is None else place.by_shard(function)
