"""Convolutions of groups of channels apart, which XLA on CPU does not know how to train."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen
from jax import lax
from jax.typing import DTypeLike

from gan_jax import tracing
from gan_jax.nn.conv import conv
from gan_jax.nn.initializers import Initializer, glorot_uniform
from gan_jax.nn.layers import add_bias
from gan_jax.types import Array


def grouped_conv(x: Array, kernel: Array, groups: int) -> Array:
    """A "SAME" convolution with stride 1 of every group of channels apart.

    On GPU and TPU it is `conv` with `feature_group_count`. On CPU, where the gradients of
    that take some hundred times as long as itself, it is a sum of matrix products of the
    shifted images.

    Args:
        x: (B, H, W, I).
        kernel: (KH, KW, I / groups, O), of the type of `x`.
        groups: divides I and O.

    Returns:
        (B, H, W, O), differentiable any number of times.
    """
    if tracing.current_platform() != "cpu" or groups == 1:
        return conv(x, kernel, feature_group_count=groups)
    b, h, w, inputs = x.shape
    high, wide, depth, outputs = kernel.shape
    kernel = kernel.reshape(high, wide, depth, groups, -1).transpose(0, 1, 3, 2, 4)
    x = x.reshape(b, h, w, groups, inputs // groups).transpose(3, 0, 1, 2, 4)
    x = jnp.pad(x, ((0, 0), (0, 0), _same(high), _same(wide), (0, 0)))
    total = jnp.zeros((groups, b * h * w, outputs // groups), x.dtype)
    for top in range(high):
        for left in range(wide):
            shifted = x[:, :, top : top + h, left : left + w]
            pixels = shifted.reshape(groups, b * h * w, depth)
            total = total + lax.batch_matmul(pixels, kernel[top, left])
    return total.reshape(groups, b, h, w, -1).transpose(1, 2, 3, 0, 4).reshape(b, h, w, -1)


def _same(window: int) -> tuple[int, int]:
    """Padding along an axis that keeps its length."""
    before = (window - 1) // 2
    return before, window - 1 - before


class GroupedConv(linen.Module):
    """`grouped_conv` with a kernel and a bias: (B, H, W, I) to (B, H, W, features).

    Attributes:
        features: output channels.
        groups: groups of channels that are convolved apart.
        kernel_size: height and width of the window.
        kernel_init: initialiser of the kernel (KH, KW, I / groups, features).
        dtype: compute type; parameters are float32.
    """

    features: int
    groups: int
    kernel_size: tuple[int, int] = (3, 3)
    kernel_init: Initializer = glorot_uniform()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array) -> Array:
        """Applies the layer to (B, H, W, I).

        Raises:
            ValueError: the groups do not divide the channels.
        """
        inputs = x.shape[-1]
        if inputs % self.groups or self.features % self.groups:
            raise ValueError(
                f"{self.groups} groups do not divide {inputs} inputs and {self.features} "
                "outputs"
            )
        shape = (*self.kernel_size, inputs // self.groups, self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        bias = self.param("bias", jax.nn.initializers.zeros, (self.features,), jnp.float32)
        h = grouped_conv(x.astype(self.dtype), kernel.astype(self.dtype), self.groups)
        return add_bias(h, bias)
