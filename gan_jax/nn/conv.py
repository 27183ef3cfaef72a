"""Every convolution of the library: one function each, formulated for the platform.

On GPU and TPU they are `lax.conv_general_dilated`. On CPU, where XLA falls to naive loops
for most gradients of convolutions, they are the exact rewrites of `gan_jax.nn.conv_cpu`.
Images are (batch, height, width, channels), kernels (height, width, in, out).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from gan_jax import tracing
from gan_jax.nn import conv_cpu
from gan_jax.nn.conv_cpu import Geometry
from gan_jax.nn.conv_forms import NHWC, Pads
from gan_jax.nn.resample import upsample_bilinear, upsample_nearest
from gan_jax.types import Array

Padding = str | Sequence[tuple[int, int]]
"""`"SAME"`, `"VALID"` or `((top, bottom), (left, right))`."""


def conv(
    x: Array,
    kernel: Array,
    *,
    strides: tuple[int, int] = (1, 1),
    padding: Padding = "SAME",
    feature_group_count: int = 1,
) -> Array:
    """Convolution (correlation, as everywhere in deep learning).

    Args:
        x: (B, H, W, I).
        kernel: (KH, KW, I / feature_group_count, O), of the type of `x`.
        strides: steps between outputs.
        padding: see `Padding`.
        feature_group_count: groups of channels that are convolved apart.

    Returns:
        (B, H', W', O), equal on every platform to float32 rounding, and differentiable
        any number of times.
    """
    if tracing.current_platform() != "cpu" or feature_group_count != 1:
        return lax.conv_general_dilated(
            x,
            kernel if tuple(strides) == (1, 1) else _as_given(kernel),
            strides,
            padding,
            dimension_numbers=NHWC,
            feature_group_count=feature_group_count,
        )
    image, window = x.shape[1:3], kernel.shape[:2]
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(image, window, strides, padding)
    geometry = Geometry(_pair(image), _pair(window), _pair(strides), _pads(padding))
    return conv_cpu.convolve(x, kernel, geometry)


def conv_transpose(
    x: Array, kernel: Array, *, strides: tuple[int, int], padding: Padding = "SAME"
) -> Array:
    """Transposed convolution: a convolution of the input with zeros between its pixels.

    Args:
        x: (B, H, W, I).
        kernel: (KH, KW, I, O), of the type of `x`; not flipped.
        strides: upsampling factors.
        padding: "SAME" (outputs are `strides` times larger), "VALID" (all that is touched),
            or the explicit padding of the input with zeros between, as in `lax`.

    Returns:
        (B, H', W', O), equal on every platform to float32 rounding, and differentiable
        any number of times.
    """
    if tracing.current_platform() != "cpu":
        backwards = _as_given(kernel[::-1, ::-1])
        return lax.conv_transpose(
            x, backwards[::-1, ::-1], strides, padding, dimension_numbers=NHWC
        )
    window = _pair(kernel.shape[:2])
    if isinstance(padding, str):
        padding = [
            _dilated_pads(*each, padding) for each in zip(window, strides, strict=True)
        ]
    spans = [s * (n - 1) + k for n, k, s in zip(x.shape[1:3], window, strides, strict=True)]
    crops = [(k - 1 - lo, k - 1 - hi) for k, (lo, hi) in zip(window, padding, strict=True)]
    image = [span - sum(crop) for span, crop in zip(spans, crops, strict=True)]
    flipped = kernel[::-1, ::-1].transpose(0, 1, 3, 2)
    geometry = Geometry(_pair(image), window, _pair(strides), _pads(crops))
    return conv_cpu.spread(x, flipped, geometry)


def _as_given(kernel: Array) -> Array:
    """The kernel, kept apart from what it was computed from on GPUs. There XLA knows the
    input gradient of a strided convolution by its reversed kernel alone, and convolves over
    the zeros between pixels too where it has merged the reversal into something else.
    """
    if tracing.current_platform() != "gpu":
        return kernel
    return lax.optimization_barrier(kernel)


def _pair(values: Sequence[int]) -> tuple[int, int]:
    """Two hashable integers."""
    first, second = values
    return int(first), int(second)


def _pads(padding: Sequence[tuple[int, int]]) -> Pads:
    """Two hashable pairs."""
    vertical, horizontal = padding
    return _pair(vertical), _pair(horizontal)


def _dilated_pads(window: int, stride: int, padding: str) -> tuple[int, int]:
    """Padding along one axis of an input with `stride - 1` zeros between its pixels."""
    if padding.upper() == "VALID":
        return window - 1, max(window, stride) - 1
    total = window + stride - 2
    before = window - 1 if stride > window - 1 else -(-total // 2)
    return before, total - before


def upsample_conv(x: Array, kernel: Array) -> Array:
    """A "SAME" 3 x 3 convolution of the nearest-doubled image.

    Exactly a transposed 4 x 4 convolution, which has 16 products a pixel pair and channel
    pair instead of 36.

    Args:
        x: (B, H, W, I).
        kernel: (3, 3, I, O).

    Returns:
        (B, 2H, 2W, O).
    """
    return conv_transpose(x, _spread(kernel), strides=(2, 2), padding="SAME")


def conv_pool(x: Array, kernel: Array) -> Array:
    """2 x 2 means of a "SAME" 3 x 3 convolution.

    Exactly a 4 x 4 convolution with stride 2, which has 16 products instead of 36.

    Args:
        x: (B, 2H, 2W, I).
        kernel: (3, 3, I, O).

    Returns:
        (B, H, W, O).

    Raises:
        ValueError: a side is odd.
    """
    height, width = x.shape[1:3]
    if height % 2 or width % 2:
        raise ValueError(f"cannot halve {height} x {width} images: both sides must be even")
    mean = _spread(kernel) * 0.25
    return conv(x, mean, strides=(2, 2), padding=((1, 1), (1, 1)))


def _spread(kernel: Array) -> Array:
    """A kernel (3, 3, I, O) convolved with a 2 x 2 block of ones, (4, 4, I, O)."""
    rows = jnp.pad(kernel, ((0, 1), (0, 0), (0, 0), (0, 0)))
    rows = rows + jnp.pad(kernel, ((1, 0), (0, 0), (0, 0), (0, 0)))
    left = jnp.pad(rows, ((0, 0), (0, 1), (0, 0), (0, 0)))
    return left + jnp.pad(rows, ((0, 0), (1, 0), (0, 0), (0, 0)))


def bilinear_conv(x: Array, kernel: Array) -> Array:
    """A "SAME" 3 x 3 convolution of the bilinearly doubled image, (B, 2H, 2W, O)."""
    return conv(upsample_bilinear(x), kernel)


class Upsampling(NamedTuple):
    """A way to double a resolution.

    Attributes:
        resize: (B, H, W, C) to (B, 2H, 2W, C).
        conv: `(x, kernel)`, a 3 x 3 convolution of the resized image, (B, 2H, 2W, O).
    """

    resize: Callable[[Array], Array]
    conv: Callable[[Array, Array], Array]


NEAREST = Upsampling(upsample_nearest, upsample_conv)
BILINEAR = Upsampling(upsample_bilinear, bilinear_conv)
