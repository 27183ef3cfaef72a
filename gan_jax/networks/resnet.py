"""Residual networks of WGAN-GP (1704.00028), SNGAN (1802.05957) and SAGAN (1805.08318), at
any resolution.

Resampling and convolution are fused where that is exact (`gan_jax.nn.conv`), and 1 x 1
shortcuts act on the smaller side of a resampling, with which they commute.
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
from gan_jax.nn.attention import SelfAttention, check_attention
from gan_jax.nn.conv import NEAREST, Upsampling
from gan_jax.nn.initializers import Initializer, glorot_uniform
from gan_jax.nn.layers import Conv, ConvPool, Dense, UpsampleConv
from gan_jax.nn.minibatch import MinibatchFactory, combined
from gan_jax.nn.norm import BatchNorm, NormFactory, normalise
from gan_jax.nn.resample import avg_pool, global_sum_pool
from gan_jax.types import Array, Outputs


class GeneratorPlan(NamedTuple):
    """What distinguishes one residual generator from another.

    Attributes:
        base: (height, width, channels) the latent is projected to.
        features: channels after each block; every block doubles the resolution.
    """

    base: tuple[int, int, int]
    features: tuple[int, ...]


class DiscriminatorPlan(NamedTuple):
    """What distinguishes one residual discriminator from another.

    Attributes:
        features: channels after each block.
        down: whether each block halves the resolution. The first block is the one for
            images, which starts with a convolution.
    """

    features: tuple[int, ...]
    down: tuple[bool, ...]


_MOST = 16


def tapered_generator(height: int, width: int, features: int) -> GeneratorPlan:
    """SNGAN's proportions above 32 pixels, for as many doublings as the sides allow.

    Args:
        height: of the images; see `dcgan.halvings` for what is possible.
        width: of the images.
        features: channels of the last block, 64 in the paper; blocks before have up to 16
            times as many.
    """
    doublings = halvings(height, width)
    base = (height >> doublings, width >> doublings)
    multiples = [min(2**step, _MOST) for step in reversed(range(doublings + 1))]
    first, *rest = (features * multiple for multiple in multiples)
    return GeneratorPlan((*base, first), tuple(rest))


def tapered_discriminator(height: int, width: int, features: int) -> DiscriminatorPlan:
    """The same for discriminators, which halve a base of 6 or more once again.

    Args:
        height: of the images.
        width: of the images.
        features: channels of the first block, 64 in the paper.
    """
    down = halvings(height, width)
    sides = (height >> down, width >> down)
    if min(sides) > 4 and not any(side % 2 for side in sides):
        down += 1
    widths = tuple(features * min(2**step, _MOST) for step in range(down + 1))
    return DiscriminatorPlan(widths, (True,) * down + (False,))


_TAPERED = (48, 64, 128)
GENERATOR_PLANS = {
    32: GeneratorPlan((4, 4, 256), (256, 256, 256)),
    **{size: tapered_generator(size, size, 64) for size in _TAPERED},
}
"""SNGAN's generators (1802.05957, tables 4 to 6) by resolution."""

DISCRIMINATOR_PLANS = {
    32: DiscriminatorPlan((128, 128, 128, 128), (True, True, False, False)),
    **{size: tapered_discriminator(size, size, 64) for size in _TAPERED},
}
"""SNGAN's discriminators by resolution."""

GainInitializer = Callable[[float], Initializer]
"""`(gain) -> initialiser`: gain sqrt 2 within residual branches, 1 elsewhere."""


class GeneratorBlock(linen.Module):
    """Norm, ReLU, doubling and 3 x 3, norm, ReLU, 3 x 3; plus a doubled 1 x 1 shortcut.

    Attributes:
        features: output channels.
        norm: factory of the normalisation; None for none.
        upsampling: how the resolution is doubled.
        use_bias: whether the convolutions have biases.
        kernel_init: initialiser by gain.
        dtype: compute type.
    """

    features: int
    norm: NormFactory | None = BatchNorm
    upsampling: Upsampling = NEAREST
    use_bias: bool = True
    kernel_init: GainInitializer = glorot_uniform
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps (B, H, W, I), and what the norms are conditioned on, to (B, 2H, 2W,
        features).
        """
        conv = partial(Conv, self.features, use_bias=self.use_bias, dtype=self.dtype)
        gain = self.kernel_init(math.sqrt(2.0))
        up = UpsampleConv(
            self.features,
            use_bias=self.use_bias,
            kernel_init=gain,
            dtype=self.dtype,
            upsampling=self.upsampling,
            name="conv_0",
        )
        h = normalise(self.norm, x, y, train=train, name="norm_0")
        h = normalise(self.norm, up(jax.nn.relu(h)), y, train=train, name="norm_1")
        h = conv(kernel_init=gain, name="conv_1")(jax.nn.relu(h))
        shortcut = conv(
            kernel_size=(1, 1), kernel_init=self.kernel_init(1.0), name="shortcut"
        )
        return h + self.upsampling.resize(shortcut(x))


class ResNetGenerator(linen.Module):
    """Residual generator: projection, doubling blocks, norm, ReLU, 3 x 3, tanh.

    Attributes:
        plan: base shape and channels of the blocks; `GENERATOR_PLANS[32]` is SNGAN's.
        channels: channels of the images.
        norm: factory of the normalisation; None for none.
        num_classes: number of classes; None is unconditional and ignores labels.
        input_labels: how labels join the latent, if they do.
        hidden_labels: how labels join the base feature map, if they do.
        modulation: what the normalisations of the blocks are conditioned on; by default the
            classes, by a conditional batch normalisation in place of `norm`. The last norm
            is shared.
        attention: blocks, counted from 0, that self-attention follows; in SAGAN the one
            to a quarter of the resolution (2 at 128, 1 at 32).
        upsampling: how resolutions are doubled; nearest in the papers.
        use_bias: biases in the blocks' convolutions. A later batch normalisation removes
            whatever they add, so None means: only without a norm. The published networks
            have them, so that their parameter counts need True.
        kernel_init: initialiser by gain; Glorot in SNGAN, He in WGAN-GP.
        dtype: compute type; parameters, statistics and images are float32.
    """

    plan: GeneratorPlan = GENERATOR_PLANS[32]
    channels: int = 3
    norm: NormFactory | None = BatchNorm
    num_classes: int | None = None
    input_labels: Join | None = None
    hidden_labels: Join | None = None
    modulation: Modulation | None = BY_CLASS
    attention: tuple[int, ...] = ()
    upsampling: Upsampling = NEAREST
    use_bias: bool | None = None
    kernel_init: GainInitializer = glorot_uniform
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps latents (B, Z) and labels (B,) to images (B, H, W, channels) in [-1, 1]."""
        classes = self.num_classes
        check_entries(classes, self.input_labels, self.hidden_labels, self.modulation)
        check_attention(self.attention, len(self.plan.features))
        norm, style = modulated(self.modulation, self.norm, z, y, classes)
        block = partial(
            GeneratorBlock,
            norm=norm,
            upsampling=self.upsampling,
            use_bias=self.norm is None if self.use_bias is None else self.use_bias,
            kernel_init=self.kernel_init,
            dtype=self.dtype,
        )
        plain = self.kernel_init(1.0)
        size = math.prod(self.plan.base)
        project = Dense(size, kernel_init=plain, dtype=self.dtype, name="project")
        h = project(joined(self.input_labels, z, y, classes)).reshape(-1, *self.plan.base)
        h = joined(self.hidden_labels, h, y, classes, self.norm, train=train)
        for index, features in enumerate(self.plan.features):
            h = block(features, name=f"block_{index}")(h, style, train=train)
            if index in self.attention:
                h = SelfAttention(
                    kernel_init=plain, dtype=self.dtype, name=f"attention_{index}"
                )(h)
        h = jax.nn.relu(normalise(self.norm, h, None, train=train, name="norm"))
        image = Conv(self.channels, kernel_init=plain, dtype=self.dtype, name="image")(h)
        return jnp.tanh(image.astype(jnp.float32))


class DiscriminatorBlock(linen.Module):
    """Norm, ReLU, 3 x 3, norm, ReLU, 3 x 3 and means; plus a shortcut.

    Attributes:
        features: output channels.
        down: whether the resolution is halved.
        first: whether the input is an image: no norm and no ReLU before the first
            convolution.
        hidden: outputs of the first convolution; None for `features`.
        norm: factory of the normalisation; None for none.
        rectified_shortcut: whether the shortcut sees relu(x) and not x, as in networks
            trained by code with an in-place ReLU.
        kernel_init: initialiser by gain.
        dtype: compute type.
    """

    features: int
    down: bool = True
    first: bool = False
    hidden: int | None = None
    norm: NormFactory | None = None
    rectified_shortcut: bool = False
    kernel_init: GainInitializer = glorot_uniform
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, *, train: bool = False) -> Array:
        """Maps (B, H, W, I) to (B, H, W, features), or half of H and W."""
        gain = self.kernel_init(math.sqrt(2.0))
        conv = partial(Conv, kernel_init=gain, dtype=self.dtype)
        last = partial(ConvPool if self.down else Conv, kernel_init=gain, dtype=self.dtype)
        h = x
        if not self.first:
            h = jax.nn.relu(normalise(self.norm, x, None, train=train, name="norm_0"))
            x = jax.nn.relu(x) if self.rectified_shortcut else x
        h = conv(self.hidden or self.features, name="conv_0")(h)
        h = jax.nn.relu(normalise(self.norm, h, None, train=train, name="norm_1"))
        return last(self.features, name="conv_1")(h) + self._shortcut(x)

    def _shortcut(self, x: Array) -> Array:
        """Means first: the 1 x 1 convolution commutes with them and is then 4 times
        cheaper.
        """
        if not self.down and x.shape[-1] == self.features:
            return x
        conv = Conv(
            self.features,
            kernel_size=(1, 1),
            kernel_init=self.kernel_init(1.0),
            dtype=self.dtype,
            name="shortcut",
        )
        return conv(avg_pool(x) if self.down else x)


class ResNetDiscriminator(linen.Module):
    """Residual discriminator or critic: blocks, ReLU, pooling over space, one logit.

    Attributes:
        plan: channels of the blocks; `DISCRIMINATOR_PLANS[32]` is SNGAN's and WGAN-GP's.
        norm: factory of the normalisation in all blocks but the first; None for none
            (SNGAN), `LayerNorm` for a critic with a gradient penalty.
        pool: (B, H, W, C) to (B, C): sum in SNGAN, mean in WGAN-GP.
        num_classes: number of classes; None is unconditional and ignores labels.
        input_labels: how labels join the image, if they do.
        hidden_labels: how labels join the last feature map, if they do.
        minibatch: factory of a layer between pooling and the head.
        head: what becomes of the pooled features and the labels; by default a projection
            (1802.05637).
        attention: blocks, counted from 0, that self-attention follows; in SAGAN the second.
        wide: whether the first convolution of every block has the block's outputs as
            channels (SAGAN's authors) and not its inputs (SNGAN); the first block always.
        rectified_shortcut: see `DiscriminatorBlock`.
        kernel_init: initialiser by gain; Glorot in SNGAN, He in WGAN-GP.
        dtype: compute type; parameters and logits are float32.
    """

    plan: DiscriminatorPlan = DISCRIMINATOR_PLANS[32]
    norm: NormFactory | None = None
    pool: Callable[[Array], Array] = global_sum_pool
    num_classes: int | None = None
    input_labels: Join | None = None
    hidden_labels: Join | None = None
    minibatch: MinibatchFactory | None = None
    head: Head = projection
    attention: tuple[int, ...] = ()
    wide: bool = False
    rectified_shortcut: bool = False
    kernel_init: GainInitializer = glorot_uniform
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(
        self, x: Array, y: Array | None = None, *, train: bool = False
    ) -> Array | Outputs:
        """Maps images (B, H, W, C) and labels (B,) to logits (B,), or what the head
        gives.
        """
        check_attention(self.attention, len(self.plan.features))
        plain = self.kernel_init(1.0)
        h = joined(self.input_labels, x.astype(self.dtype), y, self.num_classes)
        for index, (features, down) in enumerate(zip(*self.plan, strict=True)):
            block = DiscriminatorBlock(
                features,
                down=down,
                first=index == 0,
                hidden=features if index == 0 or self.wide else h.shape[-1],
                norm=self.norm if index > 0 else None,
                rectified_shortcut=self.rectified_shortcut,
                kernel_init=self.kernel_init,
                dtype=self.dtype,
                name=f"block_{index}",
            )
            h = block(h, train=train)
            if index in self.attention:
                h = SelfAttention(
                    kernel_init=plain, dtype=self.dtype, name=f"attention_{index}"
                )(h)
        h = joined(
            self.hidden_labels, jax.nn.relu(h), y, self.num_classes, self.norm, train=train
        )
        h = combined(self.minibatch, self.pool(h.astype(jnp.float32)))
        return self.head(h, y, self.num_classes, plain)
