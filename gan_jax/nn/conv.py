"""Every convolution of the library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax

from gan_jax.nn.resample import avg_pool, upsample_bilinear, upsample_nearest
from gan_jax.types import Array

Padding = str | Sequence[tuple[int, int]]
_NHWC = ("NHWC", "HWIO", "NHWC")


def conv(
    x: Array,
    kernel: Array,
    *,
    strides: tuple[int, int] = (1, 1),
    padding: Padding = "SAME",
    feature_group_count: int = 1,
) -> Array:
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        strides,
        padding,
        dimension_numbers=_NHWC,
        feature_group_count=feature_group_count,
    )


def conv_transpose(
    x: Array, kernel: Array, *, strides: tuple[int, int], padding: Padding = "SAME"
) -> Array:
    return jax.lax.conv_transpose(x, kernel, strides, padding, dimension_numbers=_NHWC)


def upsample_conv(x: Array, kernel: Array) -> Array:
    return conv(upsample_nearest(x), kernel)


def conv_pool(x: Array, kernel: Array) -> Array:
    return avg_pool(conv(x, kernel))


def bilinear_conv(x: Array, kernel: Array) -> Array:
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
