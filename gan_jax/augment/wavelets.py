"""Resampling by two and octave bands, with orthogonal wavelets and reflected borders.

A filter h is orthogonal if its moves by even numbers are orthonormal; then doubling by its
reverse and halving by itself give back the signal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import jax.numpy as jnp
from jax import lax

from gan_jax.types import Array

SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
"""Daubechies' least asymmetric low-pass filter with six vanishing moments; sum sqrt(2)."""

CENTRE = sum(k * tap for k, tap in enumerate(SYM6)) / sum(SYM6)
"""Where pixel n lies on the doubled grid: at 2 n + CENTRE, the filter's centre of mass.

It is 5.1. The middle of the taps, 5.5, would be a fifth of a pixel off."""

REACH = len(SYM6) - 2
"""Samples of the doubled grid that `halve` needs beyond twice its output."""

_SIDE = len(SYM6) // 2 - 1


def double(x: Array, axis: int) -> Array:
    """One period of the doubled signal, which is continued by reflection.

    Args:
        x: float, n samples along `axis`.
        axis: not negative.

    Returns:
        `axis` of length 2 max(2 (n - 1), 1): sample m is sqrt(2) sum_k h[m - 2 k] x[k], k
        over all whole numbers.
    """
    n = x.shape[axis]
    period = max(2 * (n - 1), 1)
    around = pad_reflected(x, axis, _SIDE, period - n)
    moved = [_part(around, axis, _SIDE - j, period) for j in range(_SIDE + 1)]
    phases = [_weighted(SYM6[phase::2], moved, math.sqrt(2.0)) for phase in (0, 1)]
    both = jnp.stack(phases, axis=axis + 1)
    return both.reshape(*x.shape[:axis], 2 * period, *x.shape[axis + 1 :])


def halve(x: Array, axis: int) -> Array:
    """Every second sample after the low-pass filter, the inverse of `double`.

    Args:
        x: float, 2 n + REACH samples along `axis`.
        axis: not negative.

    Returns:
        n samples along `axis`: sample i is sum_k h[k] x[2 i + k] / sqrt(2).
    """
    n = (x.shape[axis] - REACH) // 2
    pairs = x.reshape(*x.shape[:axis], n + _SIDE, 2, *x.shape[axis + 1 :])
    parts: list[Array] = []
    weights: list[float] = []
    for j in range(_SIDE + 1):
        part = _part(pairs, axis, j, n)
        parts += [lax.index_in_dim(part, i, axis + 1, keepdims=False) for i in (0, 1)]
        weights += SYM6[2 * j : 2 * j + 2]
    return _weighted(weights, parts, math.sqrt(0.5))


def scale_bands(x: Array, axis: int, gains: Array) -> Array:
    """Amplifies the octave bands of a signal that is continued by reflection.

    A filter of zero phase splits a signal into the two halves of its spectrum, which sum to
    it; the lower half is split again with holes in the filter, three times in all. The
    filter is sym2's autocorrelation, H(z) H(1/z) / 2.

    Args:
        x: float, any number of samples along `axis`.
        axis: not negative.
        gains: float (4,), of the bands [0, pi/8], [pi/8, pi/4], [pi/4, pi/2], [pi/2, pi].

    Returns:
        Like `x`; `x` itself for gains of 1.
    """
    lows = [x]
    for hole in (1, 2, 4):
        lows.append(_lower_half(lows[-1], axis, hole))
    total = gains[0] * lows[-1]
    for gain, (wide, narrow) in zip(gains[:0:-1], pairwise(lows), strict=True):
        total = total + gain * (wide - narrow)
    return total


def _lower_half(x: Array, axis: int, hole: int) -> Array:
    """The half-band filter (-1, 0, 9, 16, 9, 0, -1) / 32, stretched by `hole`."""
    n = x.shape[axis]
    around = pad_reflected(x, axis, 3 * hole, 3 * hole)
    taps = {-3: -1 / 32, -1: 9 / 32, 0: 1 / 2, 1: 9 / 32, 3: -1 / 32}
    parts = [_part(around, axis, (3 + offset) * hole, n) for offset in taps]
    return _weighted(list(taps.values()), parts, 1.0)


def pad_reflected(x: Array, axis: int, before: int, after: int) -> Array:
    """More samples at both ends, by reflection about the end samples."""
    widths = [(0, 0)] * x.ndim
    widths[axis] = (before, after)
    return jnp.pad(x, widths, mode="reflect")


def _part(x: Array, axis: int, start: int, length: int) -> Array:
    index = [slice(None)] * x.ndim
    index[axis] = slice(start, start + length)
    return x[tuple(index)]


def _weighted(weights: Sequence[float], parts: Sequence[Array], factor: float) -> Array:
    """`factor` times the weighted sum."""
    total = jnp.zeros_like(parts[0])
    for weight, part in zip(weights, parts, strict=True):
        total = total + factor * weight * part
    return total
