"""Deep bottleneck residual networks: the 101 layers of WGAN-GP (1704.00028, section 5.2).

As in the authors' code a branch ends with its normalisation and is added with a factor of
0.3. Resolutions change by nearest neighbours and by means, as in the other residual
networks here; there it is by transposed and strided convolutions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.dcgan import halvings
from gan_jax.networks.heads import Head, projection
from gan_jax.networks.labels import (
    BY_CLASS,
    Join,
    Modulation,
    check_entries,
    joined,
    modulated,
)
from gan_jax.nn.initializers import glorot_uniform, he_uniform
from gan_jax.nn.layers import Conv, ConvPool, Dense, UpsampleConv
from gan_jax.nn.norm import BatchNorm, NormFactory, normalise
from gan_jax.nn.resample import avg_pool, upsample_nearest
from gan_jax.types import Array, Outputs

_BRANCH = 0.3
_CONVS = 3


def _same(x: Array) -> Array:
    return x


class Resampling(NamedTuple):
    """How a block changes the resolution.

    Attributes:
        layer: the 3 x 3 layer of the branch.
        before: of the shortcut, before its 1 x 1 convolution.
        after: of the shortcut, after it.
    """

    layer: Callable[..., linen.Module]
    before: Callable[[Array], Array] = _same
    after: Callable[[Array], Array] = _same


KEEP = Resampling(Conv)
UP = Resampling(UpsampleConv, after=upsample_nearest)
DOWN = Resampling(ConvPool, before=avg_pool)


def blocks_per_resolution(layers: int, stages: int) -> tuple[int, ...]:
    """Blocks that keep the resolution, at each of `stages + 1` resolutions from the
    coarsest; beside them one block changes it between every two.

    101 layers and 4 stages give the published 6, 6, 6, 6, 5.

    Args:
        layers: layers in all: three a block, the first and the last.
        stages: how often the resolution doubles.

    Raises:
        ValueError: `layers` are not those of whole blocks, or too few.
    """
    blocks, rest = divmod(layers - 2, _CONVS)
    if rest or blocks < stages:
        raise ValueError(
            f"a bottleneck network of {stages} stages cannot have {layers} layers: choose "
            f"{2 + _CONVS * stages} or more, and 2 more than a multiple of {_CONVS}"
        )
    each, extra = divmod(blocks - stages, stages + 1)
    return tuple(each + int(index < extra) for index in range(stages + 1))


def _features(width: int, stages: int) -> list[int]:
    """Channels at each resolution, from the coarsest to the finest, `width / 2`.

    Raises:
        ValueError: half of the finest channels are not a whole number.
    """
    if width % 4:
        raise ValueError(
            f"a bottleneck network cannot have width {width}: choose a multiple of 4"
        )
    return [width * 2**stage // 2 for stage in range(stages, -1, -1)]


class BottleneckBlock(linen.Module):
    """ReLU and 1 x 1 to half of the channels, ReLU and 3 x 3, ReLU and 1 x 1, norm; a
    factor of 0.3; plus a shortcut.

    Attributes:
        features: output channels, even.
        resampling: how the resolution changes.
        norm: factory of the normalisation; None for none.
        dtype: compute type.
    """

    features: int
    resampling: Resampling = KEEP
    norm: NormFactory | None = BatchNorm
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps (B, H, W, I), and what the norm is conditioned on, to (B, H', W',
        features).
        """
        one = partial(Conv, kernel_size=(1, 1), kernel_init=he_uniform(), dtype=self.dtype)
        middle = self.resampling.layer(
            self.features // 2, kernel_init=he_uniform(), dtype=self.dtype, name="conv_1"
        )
        h = one(x.shape[-1] // 2, name="conv_0")(jax.nn.relu(x))
        h = middle(jax.nn.relu(h))
        use_bias = self.norm is None
        h = one(self.features, use_bias=use_bias, name="conv_2")(jax.nn.relu(h))
        h = normalise(self.norm, h, y, train=train, name="norm")
        if self.resampling == KEEP and x.shape[-1] == self.features:
            return x + _BRANCH * h
        shortcut = one(self.features, name="shortcut")(self.resampling.before(x))
        return self.resampling.after(shortcut) + _BRANCH * h


class BottleneckGenerator(linen.Module):
    """Projection, bottleneck blocks, 3 x 3, tanh of a fifth.

    Attributes:
        out_shape: (H, W, C) of the images; see `dcgan.halvings` for what is possible.
        width: twice the channels at full resolution, which double towards the base; a
            multiple of 4.
        layers: depth, shortcuts not counted; see `blocks_per_resolution`.
        norm: factory of the normalisation at the end of every branch; None for none.
        num_classes: number of classes; None is unconditional and ignores labels.
        input_labels: how labels join the latent, if they do.
        modulation: what the normalisations are conditioned on.
        dtype: compute type; parameters, statistics and images are float32.
    """

    out_shape: tuple[int, int, int]
    width: int = 64
    layers: int = 101
    norm: NormFactory | None = BatchNorm
    num_classes: int | None = None
    input_labels: Join | None = None
    modulation: Modulation | None = BY_CLASS
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps latents (B, Z) and labels (B,) to images (B, H, W, C) in [-1, 1]."""
        check_entries(self.num_classes, self.input_labels, self.modulation)
        norm, style = modulated(self.modulation, self.norm, z, y, self.num_classes)
        height, width, channels = self.out_shape
        stages = halvings(height, width)
        features = _features(self.width, stages)
        plan: list[tuple[int, Resampling]] = []
        counts = blocks_per_resolution(self.layers, stages)
        for stage, (size, count) in enumerate(zip(features, counts, strict=True)):
            plan += ([(size, UP)] if stage > 0 else []) + [(size, KEEP)] * count
        base = (height >> stages, width >> stages, features[0])
        z = joined(self.input_labels, z, y, self.num_classes)
        h = Dense(math.prod(base), dtype=self.dtype, name="project")(z).reshape(-1, *base)
        for index, (size, resampling) in enumerate(plan):
            block = BottleneckBlock(
                size, resampling, norm, self.dtype, name=f"block_{index}"
            )
            h = block(h, style, train=train)
        image = Conv(channels, kernel_init=glorot_uniform(), dtype=self.dtype, name="image")
        return jnp.tanh(image(h).astype(jnp.float32) / 5.0)


class BottleneckDiscriminator(linen.Module):
    """3 x 3, bottleneck blocks, and a linear head on the flattened base.

    Attributes:
        width: twice the channels at full resolution, which double towards the base; a
            multiple of 4.
        layers: depth, shortcuts not counted; see `blocks_per_resolution`.
        norm: factory of the normalisation at the end of every branch: `LayerNorm` where a
            gradient penalty needs it, or None.
        num_classes: number of classes; None is unconditional and ignores labels.
        input_labels: how labels join the image, if they do.
        head: what becomes of the flattened features and the labels.
        dtype: compute type; parameters, statistics and logits are float32.
    """

    width: int = 64
    layers: int = 101
    norm: NormFactory | None = BatchNorm
    num_classes: int | None = None
    input_labels: Join | None = None
    head: Head = projection
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(
        self, x: Array, y: Array | None = None, *, train: bool = False
    ) -> Array | Outputs:
        """Maps images (B, H, W, C) and labels (B,) to logits (B,), or what the head
        gives.
        """
        stages = halvings(*x.shape[1:3])
        features = _features(self.width, stages)[::-1]
        counts = blocks_per_resolution(self.layers, stages)[::-1]
        plan: list[tuple[int, Resampling]] = []
        for stage, (size, count) in enumerate(zip(features, counts, strict=True)):
            plan += ([(size, DOWN)] if stage > 0 else []) + [(size, KEEP)] * count
        x = joined(self.input_labels, x, y, self.num_classes)
        h = Conv(features[0], dtype=self.dtype, name="image")(x)
        for index, (size, resampling) in enumerate(plan):
            block = BottleneckBlock(
                size, resampling, self.norm, self.dtype, name=f"block_{index}"
            )
            h = block(h, train=train)
        h = h.reshape(h.shape[0], -1).astype(jnp.float32)
        return self.head(h, y, self.num_classes, glorot_uniform())
