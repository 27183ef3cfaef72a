"""R3GAN (2501.05441): residual networks without normalisation, at any resolution.

Blocks of 1 x 1, grouped 3 x 3 and 1 x 1 convolutions, each but the last followed by a bias
and LeakyReLU 0.2, start as the identity. Resolutions change between stages by a low-pass
filter; a 4 x 4 basis of the channels starts the generator and ends the discriminator.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.dcgan import halvings
from gan_jax.networks.heads import Head
from gan_jax.networks.labels import check_labels
from gan_jax.nn.grouped import GroupedConv
from gan_jax.nn.initializers import Initializer, normal
from gan_jax.nn.layers import Conv, Dense, Embed
from gan_jax.nn.lowpass import TENT, lowpass_downsample, lowpass_upsample
from gan_jax.nn.remat import called
from gan_jax.types import Array, Outputs

_SLOPE = 0.2
_GAIN = math.sqrt(2.0 / (1.0 + _SLOPE**2))
_CONVS = 3
_EXPANSION = 2


class R3GANPlan(NamedTuple):
    """What distinguishes one R3GAN from another, for both networks, from the coarsest stage
    to the finest.

    Attributes:
        base: (height, width) of the coarsest feature map.
        features: channels of each stage.
        groups: groups of each stage's 3 x 3 convolutions.
        blocks: residual blocks of each stage.
        expansion: channels within a block, as a multiple of the stage's.
        full: coarsest stages computed in float32 whatever the compute type.
    """

    base: tuple[int, int]
    features: tuple[int, ...]
    groups: tuple[int, ...]
    blocks: tuple[int, ...]
    expansion: int = _EXPANSION
    full: int = 1


def r3gan_plan(
    height: int,
    width: int,
    *,
    features: int = 768,
    tapered: int = 0,
    group_size: int = 16,
    blocks: int = 2,
    full: int = 1,
) -> R3GANPlan:
    """The published proportions for as many stages as the sides allow, on any base.

    Args:
        height: of the images; see `dcgan.halvings` for what is possible.
        width: of the images.
        features: channels of the coarsest stage.
        tapered: how many of the finest stages have half of the channels of the stage
            before; the others have `features`.
        group_size: channels of a group within the blocks, where there are twice as many.
        blocks: residual blocks of each stage.
        full: coarsest stages computed in float32 whatever the compute type.

    Raises:
        ValueError: the sides cannot be halved, more stages are to taper than there are
            beside the coarsest, or channels do not make whole groups.
    """
    doublings = halvings(height, width)
    if not 0 <= tapered <= doublings:
        raise ValueError(f"{doublings + 1} stages can taper 0 to {doublings} times")
    widths = [features] * (doublings + 1 - tapered)
    widths += [features >> step for step in range(1, tapered + 1)]
    odd = [x for x in widths if _EXPANSION * x % group_size]
    if odd or features % 2**tapered:
        raise ValueError(
            f"{features} features, halved {tapered} times, do not make whole groups of "
            f"{group_size} in blocks of twice as many"
        )
    groups = tuple(_EXPANSION * x // group_size for x in widths)
    base = (height >> doublings, width >> doublings)
    return R3GANPlan(base, tuple(widths), groups, (blocks,) * len(widths), full=full)


R3GAN_PLANS = {
    "cifar10": r3gan_plan(32, 32),
    "ffhq64": r3gan_plan(64, 64, tapered=1),
    "ffhq256": r3gan_plan(256, 256, tapered=3, full=3),
    "imagenet32": r3gan_plan(32, 32, features=1536, group_size=32),
    "imagenet64": r3gan_plan(64, 64, features=1536, group_size=32),
}
"""As trained by the authors' code, by data set. All latents have 64 dimensions."""


def fan_in_normal(gain: float = 1.0) -> Initializer:
    """N(0, gain^2 / fan_in)."""
    return jax.nn.initializers.variance_scaling(gain**2, "fan_in", "normal")


class R3GANBlock(linen.Module):
    """1 x 1 to more channels, grouped 3 x 3, 1 x 1 back; plus the input.

    Attributes:
        groups: groups of the 3 x 3 convolution.
        expansion: channels within, as a multiple of the input's.
        total: residual blocks of the whole network, by which the start is scaled.
        dtype: compute type.
    """

    groups: int
    expansion: int
    total: int
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array) -> Array:
        """Maps (B, H, W, C) to (B, H, W, C); the identity at the start."""
        hidden = self.expansion * x.shape[-1]
        init = fan_in_normal(_GAIN * self.total ** (-1.0 / (2 * _CONVS - 2)))
        widen = Conv(hidden, True, init, self.dtype, (1, 1), name="conv_0")
        h = jax.nn.leaky_relu(widen(x), _SLOPE)
        apart = GroupedConv(
            hidden, self.groups, kernel_init=init, dtype=self.dtype, name="conv_1"
        )
        h = jax.nn.leaky_relu(apart(h), _SLOPE)
        zeros = jax.nn.initializers.zeros
        return x + _one_by_one(x.shape[-1], self.dtype, "conv_2", zeros)(h)


class R3GANGenerator(linen.Module):
    """A basis weighted by the latent, stages of blocks with doubling between, 1 x 1.

    The image is not squashed: there is no tanh.

    Attributes:
        plan: base and stages.
        channels: channels of the images.
        num_classes: number of classes; None is unconditional and ignores labels.
        embedding: length of the class embedding that stands after the latent.
        taps: low-pass filter of doubling; see `nn.lowpass.lowpass_upsample`.
        remat: whether the backward pass computes the inside of blocks again.
        dtype: compute type of all stages but the plan's `full` coarsest; parameters and
            images are float32.
    """

    plan: R3GANPlan = R3GAN_PLANS["cifar10"]
    channels: int = 3
    num_classes: int | None = None
    embedding: int = 64
    taps: tuple[float, ...] = TENT
    remat: bool = False
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps latents (B, Z) and labels (B,) to images (B, H, W, channels). The mode is
        not used.
        """
        plan = self.plan
        if self.num_classes is not None:
            init = normal(1.0 / math.sqrt(self.num_classes))
            table = Embed(self.num_classes, self.embedding, init, name="embed")
            label = table(check_labels(y, self.num_classes)).astype(z.dtype)
            z = jnp.concatenate([z, label], axis=-1)
        dtypes = _stage_dtypes(plan, self.dtype)
        h = self._basis(z.astype(dtypes[0]))
        for stage, (features, dtype) in enumerate(zip(plan.features, dtypes, strict=True)):
            h = h.astype(dtype)
            if stage > 0:
                if h.shape[-1] != features:
                    h = _one_by_one(features, dtype, f"transition_{stage}")(h)
                h = lowpass_upsample(h, self.taps)
            h = _blocks(h, plan, stage, dtype, self.remat)
        image = _one_by_one(self.channels, h.dtype, "image")(h)
        return image.astype(jnp.float32)

    def _basis(self, z: Array) -> Array:
        """Learned feature maps, weighted by channel: the coarsest stage's input."""
        features = self.plan.features[0]
        basis = self.param(
            "basis", normal(1.0), (*self.plan.base, features), jnp.float32
        ).astype(z.dtype)
        weigh = Dense(features, False, fan_in_normal(), z.dtype, name="project")
        return basis[None] * weigh(z)[:, None, None, :]


def class_product(
    h: Array, y: Array | None, num_classes: int | None, kernel_init: Initializer
) -> Array:
    """R3GAN's head: `linear(h) . embed(y)`, or one linear logit without classes; there are
    no biases.
    """
    size = 1 if num_classes is None else h.shape[-1]
    out = Dense(size, use_bias=False, kernel_init=kernel_init, name="logit")(h)
    if num_classes is None:
        return out[:, 0]
    embed = Embed(num_classes, size, normal((size * num_classes) ** -0.5), name="embed")
    return (out * embed(check_labels(y, num_classes))).sum(axis=-1)


class R3GANDiscriminator(linen.Module):
    """1 x 1, stages of blocks with halving between, inner products with a basis, head.

    Attributes:
        plan: stages, from the coarsest, as for the generator.
        num_classes: number of classes; None is unconditional and ignores labels.
        head: what becomes of the products, one by channel, and the labels.
        taps: low-pass filter of halving; see `nn.lowpass.lowpass_downsample`.
        remat: whether the backward pass computes the inside of blocks again.
        dtype: compute type of all stages but the plan's `full` coarsest; parameters and
            logits are float32.
    """

    plan: R3GANPlan = R3GAN_PLANS["cifar10"]
    num_classes: int | None = None
    head: Head = class_product
    taps: tuple[float, ...] = TENT
    remat: bool = False
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(
        self, x: Array, y: Array | None = None, *, train: bool = False
    ) -> Array | Outputs:
        """Maps images (B, H, W, C) and labels (B,) to logits (B,), or what the head gives.
        The mode is not used.
        """
        plan = self.plan
        dtypes = _stage_dtypes(plan, self.dtype)
        h = _one_by_one(plan.features[-1], dtypes[-1], "image")(x)
        for stage in reversed(range(len(plan.features))):
            dtype = dtypes[stage]
            h = _blocks(h.astype(dtype), plan, stage, dtype, self.remat)
            if stage > 0:
                h = lowpass_downsample(h, self.taps)
                features = plan.features[stage - 1]
                if h.shape[-1] != features:
                    h = _one_by_one(features, dtype, f"transition_{stage}")(h)
        h = h.astype(jnp.float32)
        init = normal(1.0 / math.sqrt(math.prod(h.shape[1:3])))
        basis = self.param("basis", init, h.shape[1:], jnp.float32)
        h = (h * basis[None]).sum(axis=(1, 2))
        return self.head(h, y, self.num_classes, fan_in_normal())


def _stage_dtypes(plan: R3GANPlan, dtype: DTypeLike) -> list[DTypeLike]:
    """Compute types of the stages, from the coarsest."""
    return [
        jnp.float32 if stage < plan.full else dtype for stage in range(len(plan.features))
    ]


def _blocks(h: Array, plan: R3GANPlan, stage: int, dtype: DTypeLike, remat: bool) -> Array:
    """The residual blocks of a stage."""
    groups, total = plan.groups[stage], sum(plan.blocks)
    for index in range(plan.blocks[stage]):
        name = f"block_{stage}_{index}"
        block = R3GANBlock(groups, plan.expansion, total, dtype, name=name)
        h = called(block, h, remat=remat)
    return h


def _one_by_one(
    features: int, dtype: DTypeLike, name: str, kernel_init: Initializer | None = None
) -> Conv:
    """A 1 x 1 convolution without bias."""
    return Conv(
        features,
        use_bias=False,
        kernel_init=fan_in_normal() if kernel_init is None else kernel_init,
        dtype=dtype,
        kernel_size=(1, 1),
        name=name,
    )
