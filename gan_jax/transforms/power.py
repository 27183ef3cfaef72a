"""Power iteration, as every spectral transform uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.types import Array

INIT_ITERATIONS = 15
"""Iterations from random vectors, before a run begins."""

Vectors = dict[str, Array]
"""Left and right singular vectors, "u" and "v"."""


class UntilConvergence(NamedTuple):
    """Power iteration until the vectors are singular vectors.

    They are when ||W^T u - sigma v|| = 0, relative to the largest sigma. A value is then
    off by about the square of that over its distance to the next one: watching the values
    themselves would stop too early where two of them are close.

    Attributes:
        tolerance: stop when no pair's residual is larger; float32 reaches about 1e-6.
        at_most: stop after so many iterations anyway.
    """

    tolerance: float = 1e-4
    at_most: int = 1000


Iterations = int | UntilConvergence


def check_iterations(transform: str, iterations: Iterations) -> None:
    """Refuses what would never iterate.

    Raises:
        ValueError: there would be no iteration, or a negative tolerance.
    """
    if isinstance(iterations, UntilConvergence):
        if iterations.at_most < 1 or iterations.tolerance < 0.0:
            raise ValueError(
                f"{transform} needs at_most >= 1 and tolerance >= 0, got {iterations}"
            )
    elif iterations < 1:
        raise ValueError(f"{transform} needs 1 or more iterations, got {iterations}")


def iterate(
    step: Callable[[Vectors], Vectors],
    residual: Callable[[Vectors], Array],
    vectors: Vectors,
    iterations: Iterations,
) -> Vectors:
    """So many steps of a power iteration, or as many as it takes.

    Args:
        step: one iteration.
        residual: how far vectors are from singular vectors, ().
        vectors: where to begin.
        iterations: how many.
    """
    if not isinstance(iterations, UntilConvergence):
        for _ in range(iterations):
            vectors = step(vectors)
        return vectors
    tolerance, at_most = iterations

    def advance(carry: tuple[Vectors, Array]) -> tuple[Vectors, Array]:
        return step(carry[0]), carry[1] + 1

    def unfinished(carry: tuple[Vectors, Array]) -> Array:
        return (residual(carry[0]) > tolerance) & (carry[1] < at_most)

    # The first step is outside, so that what the loop carries has one type throughout.
    first = advance((vectors, jnp.zeros((), jnp.int32)))
    return jax.lax.while_loop(unfinished, advance, first)[0]


def from_random(
    step: Callable[[Array, Vectors], Vectors],
) -> Callable[[Array, Vectors], Vectors]:
    """`(kernel, random vectors) -> vectors` after `INIT_ITERATIONS` of `step`.

    To be made once for a transform: the loop is given its kernel, so that kernels of one
    shape share a program.
    """

    def body(_: Array, carry: tuple[Array, Vectors]) -> tuple[Array, Vectors]:
        kernel, vectors = carry
        return kernel, step(kernel, vectors)

    def run(kernel: Array, vectors: Vectors) -> Vectors:
        return jax.lax.fori_loop(0, INIT_ITERATIONS, body, (kernel, vectors))[1]

    return run


def relative_residual(pulled: Array, sigmas: Array, v: Array) -> Array:
    """max_i ||W^T u_i - sigma_i v_i|| / max_i |sigma_i|, ().

    Args:
        pulled: W^T u, (k, n).
        sigmas: (k,).
        v: (k, n).
    """
    gaps = jnp.linalg.norm(pulled - sigmas[:, None] * v, axis=1)
    largest = jnp.max(jnp.abs(sigmas))
    # A matrix of zeros has nothing to converge to.
    return jnp.max(gaps) / jnp.where(largest > 0.0, largest, 1.0)


def unit(x: Array) -> Array:
    """The unit vector along x, over all its axes."""
    return x / _norm(x)


def unit_or(x: Array, fallback: Array, eps: float) -> Array:
    """The unit vector along x; for a zero x `fallback`, or no iteration would recover."""
    norm = _norm(x)
    nonzero = norm > eps
    return jnp.where(nonzero, x / jnp.where(nonzero, norm, 1.0), fallback)


def at_least_float32(leaf: Array) -> jax.typing.DTypeLike:
    """The type in which to work on a leaf."""
    return jnp.float32 if jnp.finfo(leaf.dtype).bits < 32 else leaf.dtype


def _norm(x: Array) -> Array:
    return jnp.linalg.norm(x.reshape(-1))
