"""ResNets with pre-activation (ResNet-v2, 1603.05027), to be trained as encoders.

As in most public code the strides are in the 3 x 3 convolutions, no convolution has a bias,
and where the shape changes the shortcut is a 1 x 1 convolution of the pre-activation.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.nn.initializers import Initializer, he_uniform
from gan_jax.nn.layers import Conv
from gan_jax.nn.norm import BatchNorm, NormFactory, normalise
from gan_jax.nn.remat import called
from gan_jax.nn.resample import global_mean_pool
from gan_jax.types import Array

BLOCKS = (3, 4, 6, 3)
"""Blocks at each resolution in a network of 50 layers."""

GROWTH = 4
"""Channels of a block's outputs in channels of its 3 x 3 convolution."""


class Stem(linen.Module):
    """The first layers: 7 x 7 and 3 x 3 maxima, each of stride 2, or 3 x 3 of stride 1.

    Attributes:
        features: output channels.
        reduce: whether the resolution is divided by 4; otherwise it is kept, which suits
            images of 32 pixels.
        kernel_init: initialiser of the kernel.
        dtype: compute type.
    """

    features: int
    reduce: bool = True
    kernel_init: Initializer = he_uniform()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array) -> Array:
        """Maps images (B, H, W, C) to (B, H', W', features)."""
        conv = partial(
            Conv,
            self.features,
            use_bias=False,
            kernel_init=self.kernel_init,
            dtype=self.dtype,
            name="conv",
        )
        if not self.reduce:
            return conv()(x)
        h = conv(kernel_size=(7, 7), strides=(2, 2), padding=((3, 3), (3, 3)))(x)
        return linen.max_pool(h, (3, 3), (2, 2), ((1, 1), (1, 1)))


class PreActivatedBottleneck(linen.Module):
    """Norm, ReLU, 1 x 1 to a quarter of the channels; norm, ReLU, 3 x 3; norm, ReLU, 1 x 1;
    plus a shortcut.

    Attributes:
        features: output channels, a multiple of 4.
        stride: of the 3 x 3 convolution.
        shortcut: whether the input is added; a branch of a reversible network is without.
        norm: factory of the normalisation.
        kernel_init: initialiser of the kernels.
        dtype: compute type.
    """

    features: int
    stride: int = 1
    shortcut: bool = True
    norm: NormFactory = BatchNorm
    kernel_init: Initializer = he_uniform()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, *, train: bool = False) -> Array:
        """Maps (B, H, W, I) to (B, H', W', features)."""
        conv = partial(Conv, use_bias=False, kernel_init=self.kernel_init, dtype=self.dtype)
        strides, inner = (self.stride, self.stride), self.features // GROWTH
        before = self._activated(x, 0, train)
        h = conv(inner, kernel_size=(1, 1), name="conv_0")(before)
        h = self._activated(h, 1, train)
        # Not "SAME", which for even sides and a stride of 2 pads on one side only.
        h = conv(inner, strides=strides, padding=((1, 1), (1, 1)), name="conv_1")(h)
        h = self._activated(h, 2, train)
        h = conv(self.features, kernel_size=(1, 1), name="conv_2")(h)
        if not self.shortcut:
            return h
        if self.stride == 1 and x.shape[-1] == self.features:
            return x + h
        resized = conv(self.features, kernel_size=(1, 1), strides=strides, name="shortcut")
        return resized(before) + h

    def _activated(self, x: Array, index: int, train: bool) -> Array:
        return jax.nn.relu(normalise(self.norm, x, None, train=train, name=f"norm_{index}"))


class ResNetV2(linen.Module):
    """Stem, pre-activated bottlenecks, norm, ReLU, means over space: an image's features.

    Attributes:
        blocks: of each resolution, which halves between them while channels double;
            `BLOCKS` is ResNet-50.
        width: channels of the stem; the features are 4 * 2 ** (len(blocks) - 1) times as
            many, 2048 for 64 and four resolutions.
        multiple: of the width, the "x 2" and "x 4" of 1901.09005 and 1907.02544.
        reduce: whether the stem divides the resolution by 4; see `Stem`.
        norm: factory of the normalisation.
        remat: whether the backward pass computes the inside of blocks again.
        kernel_init: initialiser of the kernels.
        dtype: compute type; parameters, statistics, pooling and features are float32.
    """

    blocks: tuple[int, ...] = BLOCKS
    width: int = 64
    multiple: int = 1
    reduce: bool = True
    norm: NormFactory = BatchNorm
    remat: bool = False
    kernel_init: Initializer = he_uniform()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, *, train: bool = False) -> Array:
        """Maps images (B, H, W, C) of any size to features (B, F)."""
        width = self.width * self.multiple
        h = Stem(width, self.reduce, self.kernel_init, self.dtype, name="stem")(x)
        for stage, count in enumerate(self.blocks):
            for number in range(count):
                block = PreActivatedBottleneck(
                    GROWTH * width * 2**stage,
                    stride=2 if stage > 0 and number == 0 else 1,
                    norm=self.norm,
                    kernel_init=self.kernel_init,
                    dtype=self.dtype,
                    name=f"block_{stage}_{number}",
                )
                h = called(block, h, remat=self.remat, train=train)
        h = jax.nn.relu(normalise(self.norm, h, None, train=train, name="norm"))
        return global_mean_pool(h.astype(jnp.float32))
