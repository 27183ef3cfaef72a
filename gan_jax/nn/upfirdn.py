"""Resampling with any low-pass filter, and convolutions that double or halve with one
(StyleGAN2, 1912.04958, appendix B; the filter and its place as in the authors' code).

A filter is made of sums of shifted images along one axis and then the other: XLA fuses
them, knows their derivatives of any order, and multiplies no zeros.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from gan_jax.nn.conv import conv, conv_transpose
from gan_jax.types import Array

Filter = ArrayLike | Sequence[float] | Sequence[Sequence[float]]
"""Taps along both axes (n,), or of the plane (rows, columns); constants of the program."""
Pair = int | tuple[int, int]
"""One number, or (vertical, horizontal)."""
Pads = tuple[tuple[int, int], tuple[int, int]]

BINOMIAL = (1.0, 3.0, 3.0, 1.0)
"""The filter of StyleGAN2."""

_NO_PADS: Pads = ((0, 0), (0, 0))
_RANK = 1e-6
"""Singular values of a plane filter, relative to the largest, that are rounding."""
_SUM = 0.1
"""Sums of a vector of length 1 below which it is no average."""


def upfirdn2d(
    x: Array,
    taps: Filter,
    *,
    up: Pair = 1,
    down: Pair = 1,
    padding: Pads = _NO_PADS,
    flip: bool = False,
    gain: float = 1.0,
) -> Array:
    """Zeros between pixels, padding, a filter, and every n-th pixel of what it gives.

    Args:
        x: (B, H, W, C).
        taps: the filter; with n taps along both axes it is their outer product.
        up: `up - 1` zeros follow every pixel.
        down: the step between the pixels that are kept, beginning with the first.
        padding: ((top, bottom), (left, right)) of the image with its zeros; negative ones
            crop.
        flip: whether the filter is correlated with the image, and not convolved.
        gain: factor of the result.

    Returns:
        (B, H', W', C) in the type of `x`, H' the number of windows of the filter in
        `H * up` and the padding, divided by `down` and rounded up.

    Raises:
        ValueError: the image is smaller than the filter.
    """
    ups, downs = _pair(up), _pair(down)

    def filtered(rows: np.ndarray, columns: np.ndarray) -> Array:
        half = _along(x, 1, rows * gain, ups[0], downs[0], padding[0])
        return _along(half, 2, columns, ups[1], downs[1], padding[1])

    pairs = _separated(np.asarray(taps, np.float64), flip)
    return functools.reduce(operator.add, (filtered(*pair) for pair in pairs))


def upsample2d(x: Array, taps: Filter = BINOMIAL) -> Array:
    """Doubles by a filter, which is made to keep means: (B, H, W, C) to (B, 2H, 2W, C)."""
    taps = _normalised(taps)
    rows, columns = _sides(taps)
    padding = _pads(lambda n: ((n + 1) // 2, (n - 2) // 2), rows, columns)
    return upfirdn2d(x, taps, up=2, padding=padding, gain=4.0)


def downsample2d(x: Array, taps: Filter = BINOMIAL) -> Array:
    """Halves by a filter, which is made to keep means: (B, 2H, 2W, C) to (B, H, W, C)."""
    taps = _normalised(taps)
    padding = _pads(lambda n: ((n - 1) // 2, (n - 2) // 2), *_sides(taps))
    return upfirdn2d(x, taps, down=2, padding=padding)


def filtered_upsample_conv(x: Array, kernel: Array, taps: Filter = BINOMIAL) -> Array:
    """A "SAME" convolution of the doubled image, whose zeros are filtered only after it.

    Args:
        x: (B, H, W, I).
        kernel: (K, K, I, O) with K odd, correlated as by `conv`.
        taps: see `upsample2d`.

    Returns:
        (B, 2H, 2W, O).
    """
    size = kernel.shape[0]
    if size == 1:
        return upsample2d(conv(x, kernel), taps)
    taps = _normalised(taps)
    around = size // 2

    def lacking(n: int) -> tuple[int, int]:
        return around + (n + 1) // 2 - size + 1, around + (n - 2) // 2 - size + 2

    spread = conv_transpose(x, kernel, strides=(2, 2), padding="VALID")
    return upfirdn2d(spread, taps, padding=_pads(lacking, *_sides(taps)), gain=4.0)


def filtered_conv_downsample(x: Array, kernel: Array, taps: Filter = BINOMIAL) -> Array:
    """Every second pixel of a "SAME" convolution of the filtered image.

    Args:
        x: (B, 2H, 2W, I).
        kernel: (K, K, I, O) with K odd.
        taps: see `downsample2d`.

    Returns:
        (B, H, W, O).
    """
    size = kernel.shape[0]
    if size == 1:
        return conv(downsample2d(x, taps), kernel)
    taps = _normalised(taps)
    around = size // 2
    padding = _pads(lambda n: (around + (n - 1) // 2, around + (n - 2) // 2), *_sides(taps))
    smooth = upfirdn2d(x, taps, padding=padding)
    return conv(smooth, kernel, strides=(2, 2), padding="VALID")


def _pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _normalised(taps: Filter) -> np.ndarray:
    """The filter with sum 1."""
    values = np.asarray(taps, np.float64)
    return values / values.sum()


def _sides(taps: np.ndarray) -> tuple[int, int]:
    """Rows and columns of the filter in the plane."""
    return taps.shape[0], taps.shape[-1]


def _pads(lacking: Callable[[int], tuple[int, int]], rows: int, columns: int) -> Pads:
    """Padding of both axes by the number of taps along them."""
    return lacking(rows), lacking(columns)


def _separated(taps: np.ndarray, flip: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of filters along the two axes, to be correlated, whose outer products add up
    to the filter: one pair for all filters in use, as many as its rank for any other.
    """
    plane = taps if taps.ndim == 2 else np.outer(taps, taps)
    plane = plane if flip else plane[::-1, ::-1]
    left, values, right = np.linalg.svd(plane)
    rank = max(int((values > _RANK * values[0]).sum()), 1)
    return [_balanced(left[:, i] * values[i], right[i]) for i in range(rank)]


def _balanced(rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same product with columns of sum 1, where they have a sum: those of low-pass
    filters are then numbers that few bits hold.
    """
    total = columns.sum()
    if abs(total) < _SUM:
        return rows, columns
    return rows * total, columns / total


def _along(
    x: Array, axis: int, taps: np.ndarray, up: int, down: int, pads: tuple[int, int]
) -> Array:
    """One axis of `upfirdn2d`. Outputs that see the pixels between zeros in the same place
    are computed together, by the taps that meet pixels there.
    """
    size, (before, after) = x.shape[axis], pads
    span = size * up + before + after - len(taps)
    if span < 0:
        raise ValueError(
            f"a filter of {len(taps)} taps does not fit into {size * up} pixels with "
            f"padding {pads}"
        )
    outputs, common = span // down + 1, math.gcd(up, down)
    phases, stride = up // common, down // common
    each = -(-outputs // phases)
    places = [
        [
            (tap, (phase * down + tap - before) // up)
            for tap in range(len(taps))
            if (phase * down + tap - before) % up == 0
        ]
        for phase in range(phases)
    ]
    starts = [start for place in places for _, start in place] or [0]
    reach = stride * (each - 1) + 1
    low = min(starts)
    padded = _resized(x, axis, -low, max(starts) + reach - size)
    parts = [
        _total(
            padded, axis, [(taps[tap], start - low) for tap, start in place], reach, stride
        )
        for place in places
    ]
    if phases == 1:
        return parts[0]
    woven = jnp.stack(parts, axis=axis + 1)
    woven = woven.reshape(*x.shape[:axis], phases * each, *x.shape[axis + 1 :])
    return lax.slice_in_dim(woven, 0, outputs, axis=axis)


def _resized(x: Array, axis: int, before: int, after: int) -> Array:
    """Zeros at the two ends of an axis, or crops where negative."""
    widths = [(0, 0, 0)] * x.ndim
    widths[axis] = (before, after, 0)
    return lax.pad(x, jnp.zeros((), x.dtype), widths)


def _total(
    x: Array, axis: int, weighted: Sequence[tuple[float, int]], reach: int, stride: int
) -> Array:
    """Weighted sum of stretches of `reach` pixels from several starts, every `stride`."""
    if not weighted:
        return jnp.zeros_like(lax.slice_in_dim(x, 0, reach, stride, axis))
    stretches = (
        float(weight) * lax.slice_in_dim(x, start, start + reach, stride, axis)
        for weight, start in weighted
    )
    return functools.reduce(operator.add, stretches)
