"""Random numbers that depend on the example, not on the layout of the computation.

Every example has its own typed key, folded from the run's key, the step, the phase's name,
the repeat and the example's global row. Draws are written for one example and vmapped, so
results are the same for any number of devices, hosts and micro-batches.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import jax
import jax.numpy as jnp

from gan_jax.types import Array, Key, PyTree


def fold_name(key: Key, name: str) -> Key:
    """Folds a name into a key, stable between Python processes."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


def per_example(key: Key, n: int) -> Key:
    """One key per example.

    Args:
        key: a typed key of shape (), folded with the rows 0..n-1, or already (n,).
        n: number of examples.

    Returns:
        Keys of shape (n,).

    Raises:
        ValueError: `key` has another shape.
    """
    if key.shape == (n,):
        return key
    if key.shape != ():
        raise ValueError(f"expected one key, or {n} keys; got keys of shape {key.shape}")
    return fold_rows(key, jnp.arange(n))


def fold_rows(key: Key, rows: Array) -> Key:
    """Keys (n,) of the given global rows, int (n,)."""
    return jax.vmap(jax.random.fold_in, (None, 0))(key, rows)


def stream(keys: Key, name: str) -> Key:
    """An independent stream of each key; `keys` of shape () or (n,)."""
    tag = zlib.crc32(name.encode())
    if keys.shape == ():
        return jax.random.fold_in(keys, tag)
    return jax.vmap(lambda key: jax.random.fold_in(key, tag))(keys)


def draw(keys: Key, sampler: Callable[[Key], PyTree]) -> PyTree:
    """`sampler` of every key, written for one example: leaves of shape (n, ...)."""
    return jax.vmap(sampler)(keys)
