"""A convolution with stride 1 and its weight gradient, as XLA on CPU compiles them well.

XLA on CPU has a fast `dot` and a fast forward convolution, and naive loops for most
gradients of convolutions. The formulation follows from the channels: few of the output,
first all products and then sums of shifted images; many of both and small windows,
Winograd's minimal filtering. For the weight gradient of few channels of one side, all its
windows side by side.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.nn import winograd
from gan_jax.types import Array

NHWC = ("NHWC", "HWIO", "NHWC")
Pair = tuple[int, int]
Pads = tuple[Pair, Pair]
"""((top, bottom), (left, right)); negative ones crop."""

_NO_PADS: Pads = ((0, 0), (0, 0))

_FEW = 12
"""Channels up to which all windows of an image side by side are small."""

_PRODUCTS = 160
"""Taps times outputs up to which all products of an image are small: 3 of 7 x 7, 12 of
3 x 3. At 588 they are out of the cache, and 28 times as slow as the convolution."""

_MANY = 16
"""Channels from which on Winograd's transformations cost less than they save."""

_CONVOLVED, _CORRELATED = 2**22, 2**21
"""Transformed numbers of a block of images: they stay in the shared cache."""

_ROWS = 2048
"""Pixels of a weight gradient's `dot`: two such operands stay in the second-level cache."""


def convolve(x: Array, kernel: Array, pads: Pads = _NO_PADS) -> Array:
    """The convolution: (B, H, W, I) with (KH, KW, I, O) to (B, H', W', O)."""
    kh, kw, inputs, outputs = kernel.shape
    if outputs <= _FEW and kh * kw * outputs <= _PRODUCTS:
        return _sum_of_products(x, kernel, pads)
    if _minimal((kh, kw), inputs, outputs):
        return _filter(x, kernel, pads)
    return lax.conv_general_dilated(x, kernel, (1, 1), pads, dimension_numbers=NHWC)


def correlate(x: Array, y: Array, pads: Pads = _NO_PADS) -> Array:
    """The weight gradient: (B, H, W, I) and (B, H', W', O) to (KH, KW, I, O), summed in
    float32.
    """
    inputs, outputs, window = x.shape[3], y.shape[3], _window(x.shape, y.shape, pads)
    if inputs <= min(_FEW, outputs):
        block = partial(_correlate_inputs, pads=pads, window=window)
    elif outputs <= _FEW:
        block = partial(_correlate_outputs, pads=pads, window=window)
    elif _minimal(window, inputs, outputs):
        return _correlate_tiles(x, y, pads).astype(x.dtype)
    else:
        block = partial(_correlate_shifts, pads=pads, window=window)
    blocks = _blocks(x.shape[0], math.prod(y.shape[:3]) / _ROWS)
    return _sum_over_blocks(block, blocks, x, y).astype(x.dtype)


def _window(x: tuple[int, ...], y: tuple[int, ...], pads: Pads) -> Pair:
    """(KH, KW) of the kernel between an image and an output of these shapes."""
    kh, kw = (n + sum(pad) - m + 1 for n, m, pad in zip(x[1:3], y[1:3], pads, strict=True))
    return kh, kw


def _size(x: tuple[int, ...], kernel: tuple[int, ...], pads: Pads) -> Pair:
    """(H', W') of the output of an image and a kernel of these shapes."""
    h, w = (
        n + sum(pad) - k + 1 for n, k, pad in zip(x[1:3], kernel[:2], pads, strict=True)
    )
    return h, w


def resize(x: Array, edges: Pads) -> Array:
    """Adds zeros at the edges of images, or crops where negative."""
    (top, bottom), (left, right) = edges
    widths = ((0, 0, 0), (top, bottom, 0), (left, right, 0), (0, 0, 0))
    return lax.pad(x, jnp.zeros((), x.dtype), widths)


# Few channels.


def _sum_of_products(x: Array, kernel: Array, pads: Pads) -> Array:
    """Few outputs: one matrix product for every offset and output channel, channels first
    so that pixels fill the vector registers, then a sum of shifted images.
    """
    products = jnp.einsum("ijco,nhwc->ijonhw", kernel, x)
    widths = [(0, 0, 0)] * 4 + [(low, high, 0) for low, high in pads]
    padded = lax.pad(products, jnp.zeros((), x.dtype), widths)
    (kh, kw), (h, w) = kernel.shape[:2], _size(x.shape, kernel.shape, pads)
    shifted = (
        padded[i, j, :, :, i : i + h, j : j + w] for i in range(kh) for j in range(kw)
    )
    return sum(shifted, jnp.zeros((), x.dtype)).transpose(1, 2, 3, 0)


def _correlate_inputs(x: Array, y: Array, pads: Pads, window: Pair) -> Array:
    """All windows of the image side by side in one matrix product."""
    products = _dot(jnp.stack(_windows(resize(x, pads), window), axis=3), y)
    return products.reshape(*window, x.shape[3], y.shape[3])


def _correlate_outputs(x: Array, y: Array, pads: Pads, window: Pair) -> Array:
    """All windows of the output side by side."""
    kh, kw = window
    around = resize(y, ((kh - 1, kh - 1), (kw - 1, kw - 1)))
    patches = jnp.stack(_windows(around, window)[::-1], axis=3)
    products = _dot(resize(x, pads), patches)
    return products.reshape(x.shape[3], kh, kw, y.shape[3]).transpose(1, 2, 0, 3)


def _correlate_shifts(x: Array, y: Array, pads: Pads, window: Pair) -> Array:
    """One matrix product for every offset."""
    products = [_dot(shifted, y) for shifted in _windows(resize(x, pads), window)]
    return jnp.stack(products).reshape(*window, x.shape[3], y.shape[3])


def _windows(x: Array, window: Pair) -> list[Array]:
    """The part of an image that each tap of a kernel sees, in row-major order of taps."""
    kh, kw = window
    h, w = x.shape[1] - kh + 1, x.shape[2] - kw + 1
    return [x[:, i : i + h, j : j + w] for i in range(kh) for j in range(kw)]


def _dot(a: Array, b: Array) -> Array:
    """Sum over pixels of outer products of channels, float32 (..., O).

    As matrices: XLA would transpose operands with several contracted axes.
    """
    pixels, outputs = math.prod(b.shape[:3]), b.shape[3:]
    matrices = a.reshape(pixels, -1), b.reshape(pixels, -1)
    axes = (((0,), (0,)), ((), ()))
    products = lax.dot_general(*matrices, axes, preferred_element_type=jnp.float32)
    return products.reshape(*a.shape[3:], *outputs)


# Strides.


def strided_pays(
    window: tuple[int, ...], strides: tuple[int, int], channels: tuple[int, ...]
) -> bool:
    """Whether a stride is better left in the convolution than folded into channels: where
    the window is no whole number of strides, and would have to be filled up with zeros.
    """
    whole = all(k % s == 0 for k, s in zip(window, strides, strict=True))
    return not whole and min(channels) >= _MANY


def convolve_strided(x: Array, kernel: Array, strides: Pair) -> Array:
    """The convolution of an image without edges: one matrix product for every tap, in
    blocks of images.
    """
    kh, kw, inputs, outputs = kernel.shape
    taps = kernel.reshape(-1, inputs, outputs)

    def block(x: Array) -> Array:
        seen = _strided_windows(x, (kh, kw), strides)
        products = (
            jnp.dot(pixels.reshape(-1, inputs), tap, preferred_element_type=jnp.float32)
            for pixels, tap in zip(seen, taps, strict=True)
        )
        return functools.reduce(operator.add, products).astype(x.dtype)

    h, w = _strided_size(x, (kh, kw), strides)
    blocks = _blocks(x.shape[0], 2 * x.shape[0] * h * w / _ROWS)
    parts = x.reshape(blocks, -1, *x.shape[1:])
    y = block(x) if blocks == 1 else lax.map(block, parts)
    return y.reshape(-1, h, w, outputs)


def correlate_strided(x: Array, y: Array, window: Pair, strides: Pair) -> Array:
    """The weight gradient of `convolve_strided`, likewise."""

    def block(x: Array, y: Array) -> Array:
        products = [_dot(seen, y) for seen in _strided_windows(x, window, strides)]
        return jnp.stack(products).reshape(*window, x.shape[3], y.shape[3])

    blocks = _blocks(x.shape[0], 2 * math.prod(y.shape[:3]) / _ROWS)
    return _sum_over_blocks(block, blocks, x, y).astype(x.dtype)


def _strided_size(x: Array, window: Pair, strides: Pair) -> Pair:
    """(H', W') of the output of an image without edges."""
    h, w = ((n - k) // s + 1 for n, k, s in zip(x.shape[1:3], window, strides, strict=True))
    return h, w


def _strided_windows(x: Array, window: Pair, strides: Pair) -> list[Array]:
    """The pixels that each tap of a kernel sees, in row-major order of taps."""
    (sh, sw), (h, w) = strides, _strided_size(x, window, strides)
    high, wide = sh * (h - 1) + 1, sw * (w - 1) + 1
    return [
        x[:, i : i + high : sh, j : j + wide : sw]
        for i in range(window[0])
        for j in range(window[1])
    ]


# Minimal filtering.


def _minimal(window: Pair, inputs: int, outputs: int) -> bool:
    """Whether Winograd's algorithm pays."""
    return set(window) <= set(winograd.FILTERS) and min(inputs, outputs) >= _MANY


def _filter(x: Array, kernel: Array, pads: Pads) -> Array:
    """`convolve` by Winograd, in blocks of images."""
    window, size = (kernel.shape[0], kernel.shape[1]), _size(x.shape, kernel.shape, pads)
    tiles = _tiles(size)
    taps = winograd.transform_kernel(kernel.astype(jnp.float32))

    def block(x: Array) -> Array:
        images = winograd.transform_image(_tiled(x, window, tiles, pads), window, tiles)
        y = winograd.restore_output(jax.tree.map(jnp.matmul, images, taps))
        return y[:, : size[0], : size[1]].astype(x.dtype)

    blocks = _blocks(x.shape[0], _transformed(x.shape, kernel.shape, tiles) / _CONVOLVED)
    if blocks == 1:
        return block(x)
    y = lax.map(block, x.reshape(blocks, -1, *x.shape[1:]))
    return y.reshape(x.shape[0], *y.shape[2:])


def _correlate_tiles(x: Array, y: Array, pads: Pads) -> Array:
    """`correlate` by Winograd: blocks are summed before the last transformation."""
    window, size = _window(x.shape, y.shape, pads), y.shape[1:3]
    tiles = _tiles(size)
    bottom, right = (2 * n - m for n, m in zip(tiles, size, strict=True))

    def block(x: Array, y: Array) -> winograd.Grid:
        whole = resize(y.astype(jnp.float32), ((0, bottom), (0, right)))
        images = winograd.transform_image(_tiled(x, window, tiles, pads), window, tiles)
        outputs = winograd.transform_output(whole, window, tiles)
        return jax.tree.map(_dot, images, outputs)

    kernel = (*window, x.shape[3], y.shape[3])
    blocks = _blocks(x.shape[0], _transformed(x.shape, kernel, tiles) / _CORRELATED)
    return winograd.restore_kernel(_sum_over_blocks(block, blocks, x, y))


def _tiles(outputs: tuple[int, ...]) -> Pair:
    """How many tiles of 2 x 2 cover so many outputs."""
    h, w = outputs
    return -(-h // 2), -(-w // 2)


def _tiled(x: Array, window: Pair, tiles: Pair, pads: Pads) -> Array:
    """An image padded to what its tiles see."""
    (top, _), (left, _) = pads
    bottom, right = (
        2 * t + k - 1 - n - low
        for t, k, n, low in zip(tiles, window, x.shape[1:3], (top, left), strict=True)
    )
    return resize(x.astype(jnp.float32), ((top, bottom), (left, right)))


def _transformed(x: tuple[int, ...], kernel: tuple[int, ...], tiles: Pair) -> int:
    """Numbers of a transformed batch of images and outputs."""
    kh, kw, inputs, outputs = kernel
    return x[0] * math.prod(tiles) * (kh + 1) * (kw + 1) * (inputs + outputs)


# Blocks of a batch.


def _blocks(batch: int, wanted: float) -> int:
    """The least number of equal parts of a batch that is as large as wanted."""
    least = min(max(1, math.floor(wanted)), batch)
    return next(n for n in range(least, batch + 1) if batch % n == 0)


def _sum_over_blocks(
    function: Callable[[Array, Array], Any], blocks: int, x: Array, y: Array
) -> Any:
    """The sum of a function of parts of two batches."""
    if blocks == 1:
        return function(x, y)

    def add(total: Any, block: tuple[Array, Array]) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, function(*block)), None

    xs, ys = (a.reshape(blocks, -1, *a.shape[1:]) for a in (x, y))
    return lax.scan(add, function(xs[0], ys[0]), (xs[1:], ys[1:]))[0]
