"""Parts of fixed networks: published ones whose features measures are taken in.

Their batch norms are folded into the convolutions, so every convolution has a bias.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen
from jax import lax

from gan_jax import tracing
from gan_jax.nn.conv import Padding, conv
from gan_jax.nn.initializers import normal
from gan_jax.types import Array

_INITIAL = 0.1


class Weights(linen.Module):
    """The parameters of a convolution or dense layer, without applying them.

    Returns:
        kernel (*window, inputs, features) and bias (features,).
    """

    features: int
    window: tuple[int, ...] = (1, 1)

    @linen.compact
    def __call__(self, inputs: int) -> tuple[Array, Array]:
        return _declare(self, (*self.window, inputs, self.features))


class Conv(linen.Module):
    """Convolution, bias and activation.

    Shape: (n, H, W, C) to (n, H', W', features).

    Attributes:
        features: output channels.
        window: of the kernel.
        stride: along both axes.
        padding: see `nn.conv.Padding`.
        activation: of the outputs.
    """

    features: int
    window: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: Padding = "SAME"
    activation: Callable[[Array], Array] = jax.nn.relu

    @linen.compact
    def __call__(self, x: Array) -> Array:
        kernel, bias = _declare(self, (*self.window, x.shape[-1], self.features))
        strides = (self.stride, self.stride)
        y = conv(x, kernel, strides=strides, padding=self.padding)
        return self.activation(y + along_channels(bias))


class Depthwise(linen.Module):
    """A "SAME" convolution of every channel apart, bias and activation.

    On CPU it is a sum of shifted images, as XLA has no fast form of it there.

    Shape: (n, H, W, C) to (n, H', W', C).

    Attributes:
        side: of the window.
        stride: along both axes.
        activation: of the outputs.
    """

    side: int
    stride: int
    activation: Callable[[Array], Array]

    @linen.compact
    def __call__(self, x: Array) -> Array:
        side, stride, channels = self.side, self.stride, x.shape[-1]
        kernel, bias = _declare(self, (side, side, 1, channels))
        if tracing.current_platform() == "cpu":
            y = _shifted_sums(x, kernel, stride)
        else:
            y = conv(x, kernel, strides=(stride, stride), feature_group_count=channels)
        return self.activation(y + along_channels(bias))


def _shifted_sums(x: Array, kernel: Array, stride: int) -> Array:
    side = kernel.shape[0]
    size = x.shape[1:3]
    pads = lax.padtype_to_pads(size, (side, side), (stride, stride), "SAME")
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    h, w = (stride * (-(-n // stride) - 1) + 1 for n in size)
    products = (
        padded[:, i : i + h : stride, j : j + w : stride] * along_channels(kernel[i, j, 0])
        for i in range(side)
        for j in range(side)
    )
    return reduce(jnp.add, products)


class Dense(linen.Module):
    """x kernel + bias: (..., inputs) to (..., features)."""

    features: int

    @linen.compact
    def __call__(self, x: Array) -> Array:
        kernel, bias = _declare(self, (x.shape[-1], self.features))
        return x @ kernel + jnp.expand_dims(bias, range(x.ndim - 1))


def _declare(module: linen.Module, shape: tuple[int, ...]) -> tuple[Array, Array]:
    kernel = module.param("kernel", normal(_INITIAL), shape)
    return kernel, module.param("bias", linen.initializers.zeros, shape[-1:])


def linear(x: Array) -> Array:
    """No activation."""
    return x


def along_channels(bias: Array) -> Array:
    """(C,) to (1, 1, 1, C)."""
    return bias[None, None, None]


def max_pool(x: Array, stride: int, pads: tuple[int, int] = (0, 0)) -> Array:
    """Maxima over 3 x 3 pixels.

    Args:
        x: (n, H, W, C).
        stride: along both axes.
        pads: pixels that windows may reach beyond the near and the far edges.

    Returns:
        (n, H', W', C).
    """
    for axis in (1, 2):
        x = _over_three(jnp.maximum, x, axis, stride, pads, -np.inf)
    return x


def mean_around(x: Array) -> Array:
    """Means over the 3 x 3 pixels around each, of those that there are: (n, H, W, C)."""
    for axis in (1, 2):
        sums = _over_three(jnp.add, x, axis, 1, (1, 1), 0.0)
        size = x.shape[axis]
        counts = np.full(size, 3, np.float32)
        counts[0] -= 1
        counts[-1] -= 1
        shape = [1] * x.ndim
        shape[axis] = size
        x = sums * jnp.asarray(1.0 / counts.reshape(shape), x.dtype)
    return x


def _over_three(
    combine: Callable[[Array, Array], Array],
    x: Array,
    axis: int,
    stride: int,
    pads: tuple[int, int],
    edge: float,
) -> Array:
    """Combines each three neighbours of an axis: shifted slices, which XLA fuses."""
    low, high = pads
    widths = [(0, 0, 0)] * x.ndim
    widths[axis] = (low, high, 0)
    padded = lax.pad(x, jnp.asarray(edge, x.dtype), widths)
    last = padded.shape[axis] - 2
    shifted = (lax.slice_in_dim(padded, i, i + last, stride, axis) for i in range(3))
    return reduce(combine, shifted)
