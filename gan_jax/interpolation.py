"""Ways between latents: straight lines and great circles."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jax.typing import ArrayLike

from gan_jax.numerics import safe_sqrt
from gan_jax.types import Array

Interpolation = Callable[[Array, Array, ArrayLike], Array]
"""`(a, b, t) -> points`: `a` at t = 0 and `b` at t = 1."""

_PARALLEL = 1e-6
"""Sine of an angle below which float32 does not tell a direction across."""


def lerp(a: Array, b: Array, t: ArrayLike) -> Array:
    """Points on the straight line: (1 - t) a + t b, exactly `a` at 0 and `b` at 1.

    Args:
        a: float (..., D).
        b: float, of the same shape and type.
        t: a number, or one per vector: float of the shape of the leading axes of `a`, or of
            some of them from the left.

    Returns:
        Like `a`.

    Raises:
        ValueError: unlike shapes.
    """
    a, b, t = _aligned(a, b, t)
    return (1.0 - t) * a + t * b


def slerp(a: Array, b: Array, t: ArrayLike) -> Array:
    """Points on the great circle between two directions, at constant speed, while the
    length goes from that of `a` to that of `b` in proportion.

    For vectors of equal lengths this is Shoemake's spherical interpolation, which White
    (1609.04468) proposed for latents: almost all normal vectors of D dimensions are about
    sqrt(D) long, and the middle of a straight line between two of them is not.

    Vectors of nearly one direction have one between them. Between opposite ones there are
    many ways, of which a fixed one is taken. Zero has no direction: it is taken to stand at
    a right angle to everything.

    Args:
        a: float (..., D).
        b: float, of the same shape and type.
        t: as in `lerp`.

    Returns:
        Like `a`.

    Raises:
        ValueError: unlike shapes.
    """
    a, b, t = _aligned(a, b, t)
    start, end = _unit(a), _unit(b)
    across = _reject(end, start)
    # Where rounding has decided the direction, any is as good that is at a right angle.
    doubtful = _length(across) < _PARALLEL
    across = jnp.where(doubtful, _reject(_least_axis(start), start), across)
    across = _unit(_reject(_unit(across), start))
    # Accurate for every angle, where the arc cosine is not near 0 and pi.
    angle = 2.0 * jnp.arctan2(_length(start - end), _length(start + end))
    direction = jnp.cos(t * angle) * start + jnp.sin(t * angle) * across
    return ((1.0 - t) * _length(a) + t * _length(b)) * direction


def _aligned(a: Array, b: Array, t: ArrayLike) -> tuple[Array, Array, Array]:
    """Arrays, with `t` broadcast to (..., 1) in the type of `a`."""
    a, b = jnp.asarray(a), jnp.asarray(b)
    t = jnp.asarray(t, a.dtype)
    if a.shape != b.shape or not a.ndim or t.shape != a.shape[:-1][: t.ndim]:
        raise ValueError(
            "interpolation needs a and b of one shape (..., D), and t of their leading "
            f"axes; got {a.shape}, {b.shape} and {t.shape}"
        )
    return a, b, jnp.reshape(t, t.shape + (1,) * (a.ndim - t.ndim))


def _length(x: Array) -> Array:
    """Lengths (..., 1)."""
    return safe_sqrt(jnp.sum(jnp.square(x), axis=-1, keepdims=True))


def _unit(x: Array) -> Array:
    """Vectors scaled to length 1; zeros stay."""
    length = _length(x)
    return x / jnp.where(length > 0.0, length, 1.0)


def _reject(x: Array, unit: Array) -> Array:
    """What of `x` is at a right angle to `unit`."""
    return x - jnp.sum(x * unit, axis=-1, keepdims=True) * unit


def _least_axis(unit: Array) -> Array:
    """The axis (one-hot) along which a vector is shortest."""
    axes = jnp.arange(unit.shape[-1]).reshape((1,) * (unit.ndim - 1) + (-1,))
    least = jnp.argmin(jnp.abs(unit), axis=-1, keepdims=True)
    return (axes == least).astype(unit.dtype)
