"""Layers with parameters: `kernel` and `bias`, float32, computed in `dtype`.

A layer creates its parameters and hands them to one function of `gan_jax.nn.conv`, which
knows the fastest formulation for the platform.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.nn.conv import NEAREST, Padding, Upsampling, conv, conv_pool, conv_transpose
from gan_jax.nn.initializers import Initializer, glorot_uniform, normal
from gan_jax.types import Array

BinaryOp = Callable[[Array, Array], Array]


def add_bias(x: Array, bias: Array) -> Array:
    """Adds `bias` (C,) to the last axis of `x` (..., C), in the type of `x`."""
    return x + bias.astype(x.dtype).reshape((1,) * (x.ndim - 1) + (-1,))


class _Affine(linen.Module):
    """What the layers share: a kernel, an optional bias, a compute type.

    Attributes:
        features: output channels.
        use_bias: whether a bias is added; leave it out before a normalisation.
        kernel_init: initialiser of the kernel, whose last two axes are (in, out).
        dtype: compute type; parameters are float32.
    """

    features: int
    use_bias: bool = True
    kernel_init: Initializer = glorot_uniform()
    dtype: DTypeLike = jnp.float32

    def _affine(self, x: Array, shape: tuple[int, ...], op: BinaryOp) -> Array:
        """`op(x, kernel) + bias` with a kernel of the given shape."""
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        y = op(x.astype(self.dtype), kernel.astype(self.dtype))
        if not self.use_bias:
            return y
        zeros = jax.nn.initializers.zeros
        return add_bias(y, self.param("bias", zeros, (self.features,), jnp.float32))


class Dense(_Affine):
    """`x @ kernel + bias`: (B, I) to (B, features)."""

    @linen.compact
    def __call__(self, x: Array) -> Array:
        """Applies the layer to (B, I)."""
        return self._affine(x, (x.shape[-1], self.features), jnp.dot)


class Conv(_Affine):
    """Convolution of images: (B, H, W, I) to (B, H', W', features).

    Attributes:
        kernel_size: height and width of the window.
        strides: steps between outputs.
        padding: "SAME", "VALID" or ((top, bottom), (left, right)).
        feature_group_count: groups of channels that are convolved apart.
    """

    kernel_size: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    padding: Padding = "SAME"
    feature_group_count: int = 1

    @linen.compact
    def __call__(self, x: Array) -> Array:
        """Applies the layer to (B, H, W, I)."""
        inputs = x.shape[-1] // self.feature_group_count
        op = partial(
            conv,
            strides=self.strides,
            padding=self.padding,
            feature_group_count=self.feature_group_count,
        )
        return self._affine(x, (*self.kernel_size, inputs, self.features), op)


class ConvTranspose(_Affine):
    """Transposed convolution: (B, H, W, I) to (B, H * strides, W * strides, features)
    with "SAME" padding.

    Attributes:
        kernel_size: height and width of the window.
        strides: upsampling factors.
        padding: "SAME", "VALID", or the explicit padding of the dilated input.
    """

    kernel_size: tuple[int, int] = (4, 4)
    strides: tuple[int, int] = (2, 2)
    padding: Padding = "SAME"

    @linen.compact
    def __call__(self, x: Array) -> Array:
        """Applies the layer to (B, H, W, I)."""
        op = partial(conv_transpose, strides=self.strides, padding=self.padding)
        return self._affine(x, (*self.kernel_size, x.shape[-1], self.features), op)


class UpsampleConv(_Affine):
    """Doubling, then a 3 x 3 convolution: (B, H, W, I) to (B, 2H, 2W, features).

    Attributes:
        upsampling: how to double.
    """

    upsampling: Upsampling = NEAREST

    @linen.compact
    def __call__(self, x: Array) -> Array:
        """Applies the layer to (B, H, W, I)."""
        return self._affine(x, (3, 3, x.shape[-1], self.features), self.upsampling.conv)


class ConvPool(_Affine):
    """A 3 x 3 convolution, then 2 x 2 means: (B, 2H, 2W, I) to (B, H, W, features)."""

    @linen.compact
    def __call__(self, x: Array) -> Array:
        """Applies the layer to (B, 2H, 2W, I)."""
        return self._affine(x, (3, 3, x.shape[-1], self.features), conv_pool)


class Embed(linen.Module):
    """A learned vector per class.

    Attributes:
        num_classes: rows of the table.
        features: length of the vectors.
        embedding_init: initialiser of the table.
        dtype: type of the result; the table is float32.
    """

    num_classes: int
    features: int
    embedding_init: Initializer = normal(1.0)
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, y: Array) -> Array:
        """Rows (B, features) of the labels `y`, int (B,); NaN for labels outside."""
        shape = (self.num_classes, self.features)
        table = self.param("embedding", self.embedding_init, shape, jnp.float32)
        return jnp.take(table.astype(self.dtype), y, axis=0)
