"""Resampling with any low-pass filter, and convolutions that double or halve with one
(StyleGAN2, 1912.04958, appendix B; the filter and its place as in the authors' code).

A filter is made of sums of shifted images along one axis and then the other: XLA fuses
them, and multiplies no zeros. It is a primitive of JAX, since its transpose is such a
filter too, with its factors changed over: left to XLA, sums of shifts turn into slow sums
of padded images, the slower the higher the derivative.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
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
    sides = x.shape[1], x.shape[2]

    def filtered(rows: np.ndarray, columns: np.ndarray) -> Array:
        taps = tuple(map(float, rows * gain)), tuple(map(float, columns))
        return _filter(x, _Filtering(sides, taps, _pair(up), _pair(down), padding))

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


# The primitive.


class _Filtering(NamedTuple):
    """`upfirdn2d` by two filters along the axes, to be correlated.

    Attributes:
        sides: (H, W) of the image.
        taps: of both axes.
        ups: pixels, with the zeros after each, along both.
        downs: steps between the pixels that are kept.
        pads: of the image with its zeros.
    """

    sides: tuple[int, int]
    taps: tuple[tuple[float, ...], tuple[float, ...]]
    ups: tuple[int, int]
    downs: tuple[int, int]
    pads: Pads

    @property
    def axes(self) -> tuple[_Axis, _Axis]:
        """Both axes apart."""
        rows, columns = (_Axis(*fields) for fields in zip(*self, strict=True))
        return rows, columns

    @property
    def transposed(self) -> _Filtering:
        """The filter whose matrix is the transpose of this one's."""
        rows, columns = (axis.transposed for axis in self.axes)
        return _Filtering(
            (rows.side, columns.side),
            (rows.taps, columns.taps),
            (rows.up, columns.up),
            (rows.down, columns.down),
            (rows.pads, columns.pads),
        )


class _Axis(NamedTuple):
    """One axis of a `_Filtering`."""

    side: int
    taps: tuple[float, ...]
    up: int
    down: int
    pads: tuple[int, int]

    @property
    def outputs(self) -> int:
        """Pixels of the result."""
        return (self.side * self.up + sum(self.pads) - len(self.taps)) // self.down + 1

    @property
    def transposed(self) -> _Axis:
        """This axis of `_Filtering.transposed`."""
        before = len(self.taps) - 1 - self.pads[0]
        whole = (self.side - 1) * self.up + len(self.taps)
        after = whole - self.outputs * self.down - before
        flipped = self.taps[::-1]
        return _Axis(self.outputs, flipped, self.down, self.up, (before, after))


def _filter(x: Array, filtering: _Filtering) -> Array:
    """Applies the primitive to (B, H, W, C).

    Raises:
        ValueError: the image is smaller than the filter.
    """
    for axis in filtering.axes:
        if axis.side * axis.up + sum(axis.pads) < len(axis.taps):
            raise ValueError(
                f"a filter of {len(axis.taps)} taps does not fit into "
                f"{axis.side * axis.up} pixels with padding {axis.pads}"
            )
    filtered: Array = _filter_p.bind(x, filtering=filtering)
    return filtered


def _evaluate(x: Array, *, filtering: _Filtering) -> Array:
    """Both axes; all padding comes first, since XLA on CPU adds padded images slowly."""
    rows, columns = map(_phased, filtering.axes)
    edges = ((0, 0, 0), (*rows.edges, 0), (*columns.edges, 0), (0, 0, 0))
    padded = lax.pad(x, jnp.zeros((), x.dtype), edges)
    return _along(_along(padded, 1, rows), 2, columns)


def _batched(
    operands: Sequence[Array], axes: Sequence[int], *, filtering: _Filtering
) -> tuple[Array, int]:
    """Mapped images are further images."""
    x = jnp.moveaxis(operands[0], axes[0], 0)
    y = _filter_p.bind(x.reshape(-1, *x.shape[2:]), filtering=filtering)
    return y.reshape(*x.shape[:2], *y.shape[1:]), 0


_filter_p = Primitive("filter")
_filter_p.def_impl(jax.jit(_evaluate, static_argnames="filtering"))
_filter_p.def_abstract_eval(
    lambda x, *, filtering: x.update(
        shape=(x.shape[0], *(axis.outputs for axis in filtering.axes), x.shape[3]),
        weak_type=False,
    )
)
mlir.register_lowering(_filter_p, mlir.lower_fun(_evaluate, multiple_results=False))
ad.deflinear2(
    _filter_p,
    lambda y, x, *, filtering: [_filter_p.bind(y, filtering=filtering.transposed)],
)
batching.primitive_batchers[_filter_p] = _batched


# What it computes.


class _Phases(NamedTuple):
    """How an axis is computed.

    Attributes:
        parts: for each of the outputs that see the pixels between zeros in the same place,
            which are computed together, the weights of pixels and where these begin.
        reach: pixels from the first to the last that a weight is given to.
        stride: between these.
        edges: what the image lacks before and after; negative crops.
        outputs: pixels of the result.
    """

    parts: tuple[tuple[tuple[float, int], ...], ...]
    reach: int
    stride: int
    edges: tuple[int, int]
    outputs: int


def _phased(axis: _Axis) -> _Phases:
    """An axis in phases, of which each knows the taps that meet pixels and not zeros."""
    common = math.gcd(axis.up, axis.down)
    phases, stride = axis.up // common, axis.down // common
    outputs, before = axis.outputs, axis.pads[0]
    reach = stride * (-(-outputs // phases) - 1) + 1
    places = [
        [
            (weight, (phase * axis.down + tap - before) // axis.up)
            for tap, weight in enumerate(axis.taps)
            if (phase * axis.down + tap - before) % axis.up == 0
        ]
        for phase in range(phases)
    ]
    starts = [start for place in places for _, start in place] or [0]
    low = min(starts)
    edges = (-low, max(starts) + reach - axis.side)
    parts = tuple(
        tuple((weight, start - low) for weight, start in place) for place in places
    )
    return _Phases(parts, reach, stride, edges, outputs)


def _along(x: Array, axis: int, phases: _Phases) -> Array:
    """One axis of an image that has its edges."""
    reach, stride = phases.reach, phases.stride
    parts = [_total(x, axis, part, reach, stride) for part in phases.parts]
    if len(parts) == 1:
        return parts[0]
    woven = jnp.stack(parts, axis=axis + 1)
    woven = woven.reshape(*x.shape[:axis], -1, *x.shape[axis + 1 :])
    return lax.slice_in_dim(woven, 0, phases.outputs, axis=axis)


def _total(
    x: Array, axis: int, weighted: Sequence[tuple[float, int]], reach: int, stride: int
) -> Array:
    """Weighted sum of stretches of `reach` pixels from several starts, every `stride`."""
    if not weighted:
        return jnp.zeros_like(lax.slice_in_dim(x, 0, reach, stride, axis))
    stretches = (
        weight * lax.slice_in_dim(x, start, start + reach, stride, axis)
        for weight, start in weighted
    )
    return functools.reduce(operator.add, stretches)
