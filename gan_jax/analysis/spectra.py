"""Top singular values of every kernel: the sign of collapse to watch in training.

Brock, Donahue and Simonyan, "Large Scale GAN Training for High Fidelity Natural Image
Synthesis" (2019), section 4: collapse announces itself in the spectra of the weights.
"""

from __future__ import annotations

import zlib

import jax
import jax.numpy as jnp

from gan_jax import trees
from gan_jax.types import Array, Params

_HIGHEST = jax.lax.Precision.HIGHEST


def top_singular_values(
    params: Params,
    k: int = 1,
    *,
    iterations: int = 32,
    oversample: int = 8,
    exact_below: int = 65,
    where: trees.Where | None = None,
) -> dict[str, Array]:
    """Largest singular values of every kernel, reshaped (prod(in), out).

    Small matrices are decomposed exactly. Larger ones go through orthogonal (block power)
    iteration on `k + oversample` vectors, started from a fixed draw: a lower bound that
    converges like (sigma_[k + oversample + 1] / sigma_k) ** (2 * iterations) in the vectors
    and the square of it in the values.

    Args:
        params: a parameter pytree; leaves of fewer than two dimensions are left out.
        k: how many values, the largest first.
        iterations: steps of the block power iteration.
        oversample: further vectors carried along to speed up convergence.
        exact_below: matrices whose shorter side is less than this are decomposed exactly.
        where: `(path, leaf) -> bool`, a further condition on leaves.

    Returns:
        Path to float32 (min(k, rows, columns),), descending.

    Raises:
        ValueError: `k`, `iterations` or `oversample` out of range.
    """
    if k < 1 or iterations < 1 or oversample < 0:
        raise ValueError(
            "need k >= 1, iterations >= 1 and oversample >= 0, "
            f"got {k}, {iterations} and {oversample}"
        )
    values = {}
    for path, leaf in trees.leaves_with_path(params):
        if leaf.ndim < 2 or not (where is None or where(path, leaf)):
            continue
        matrix = leaf.astype(jnp.float32).reshape(-1, leaf.shape[-1])
        if min(matrix.shape) < max(exact_below, k + 1):
            values[path] = jnp.linalg.svd(matrix, compute_uv=False)[:k]
        else:
            key = jax.random.key(zlib.crc32(path.encode()))
            values[path] = _block_power(matrix, k, iterations, oversample, key)
    return values


def _block_power(
    matrix: Array, k: int, iterations: int, oversample: int, key: Array
) -> Array:
    """Singular values of `matrix` on the subspace that the iteration ends in."""
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T
    # Scaled to 1, so that squares neither overflow nor vanish in float32.
    scale = jnp.maximum(jnp.max(jnp.abs(matrix)), jnp.finfo(jnp.float32).tiny)
    matrix = matrix / scale
    width = min(k + oversample, matrix.shape[1])
    start = jnp.linalg.qr(jax.random.normal(key, (matrix.shape[1], width)))[0]

    def advance(_: Array, basis: Array) -> Array:
        image = _dot(matrix.T, _dot(matrix, basis))
        return jnp.linalg.qr(image)[0]

    basis = jax.lax.fori_loop(0, iterations, advance, start)
    return jnp.linalg.svd(_dot(matrix, basis), compute_uv=False)[:k] * scale


def _dot(a: Array, b: Array) -> Array:
    """A matrix product in full float32 on every backend."""
    return jnp.dot(a, b, precision=_HIGHEST)
