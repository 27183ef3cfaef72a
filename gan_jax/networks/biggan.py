"""BigGAN (1809.11096, appendix B), at any resolution.

The blocks are those of `gan_jax.networks.resnet`. Spectral norms are transforms of the
parameters: the published code normalises all that is called "kernel" in the generator, and
in the discriminator the class embedding too (`transforms.kernels`, `transforms.matrices`).
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.dcgan import halvings
from gan_jax.networks.heads import Head, projection
from gan_jax.networks.labels import check_labels
from gan_jax.networks.resnet import DiscriminatorBlock, GeneratorBlock
from gan_jax.nn.attention import SelfAttention, check_attention
from gan_jax.nn.initializers import Initializer, orthogonal
from gan_jax.nn.layers import Conv, Dense, Embed
from gan_jax.nn.norm import BatchNorm, Modulated, NormFactory, conditioned
from gan_jax.nn.remat import called
from gan_jax.nn.resample import global_sum_pool
from gan_jax.types import Array, Outputs

_ATTENDED = 64


class BigGANPlan(NamedTuple):
    """What distinguishes one BigGAN from another, for both networks.

    Attributes:
        base: (height, width) of the generator's first feature map.
        generator: channels, as multiples of the width, of the first feature map and after
            each block; every block doubles the resolution.
        discriminator: channels, as multiples of the width, after each block.
        down: whether each block of the discriminator halves the resolution.
        generator_attention: blocks, counted from 0, that self-attention follows.
        discriminator_attention: the same in the discriminator.
    """

    base: tuple[int, int]
    generator: tuple[int, ...]
    discriminator: tuple[int, ...]
    down: tuple[bool, ...]
    generator_attention: tuple[int, ...] = ()
    discriminator_attention: tuple[int, ...] = ()


def biggan_plan(
    height: int, width: int, *, attention: tuple[int, ...] | None = None
) -> BigGANPlan:
    """The published channels for as many doublings as the sides allow, on any base.

    Up to 3 doublings all channels are equal, as for CIFAR; from 4 on they fall from 16
    widths at the base, with more blocks of 8 (from 6 doublings) and of 1 (from 7).

    Args:
        height: of the images; see `dcgan.halvings` for what is possible.
        width: of the images.
        attention: the smaller sides of the feature maps that self-attention follows, in
            each network that makes them. None is the published choice: 64, or up to 127 on
            other bases, for larger images only.

    Raises:
        ValueError: the sides cannot be halved, or no feature map has a side named.
    """
    doublings = halvings(height, width)
    up = _multiples(doublings)
    down = (up[0],) * 4 if doublings <= 3 else (*up[:0:-1], 16)
    if doublings == 4:
        down = (1, *up[:0:-1])
    halved = min(doublings, 2) if doublings <= 3 else doublings
    base = (height >> doublings, width >> doublings)
    plan = BigGANPlan(base, up, down, tuple(index < halved for index in range(len(down))))
    return _attended(plan, attention)


def _multiples(doublings: int) -> tuple[int, ...]:
    """Channels of the generator's feature maps in widths, from the base."""
    if doublings <= 3:
        return (4,) * (doublings + 1)
    middle = (8,) if doublings < 6 else (8, 8)
    return (16, 16, *middle, 4, 2, *(1,) * (doublings - 3 - len(middle)))


def _attended(plan: BigGANPlan, attention: tuple[int, ...] | None) -> BigGANPlan:
    """The plan with attention after feature maps of the sides named."""
    sides = [min(plan.base) << stage for stage in range(len(plan.generator))]
    if attention is None:
        attention = tuple(x for x in sides[1:-1] if _ATTENDED <= x < 2 * _ATTENDED)
    strange = [side for side in attention if side not in sides]
    if strange:
        raise ValueError(
            f"no feature map has a smaller side of {strange[0]} for attention: choose "
            f"among {sides}"
        )
    places = sorted(sides.index(side) for side in attention)
    halvings_done = sum(plan.down)
    finest = len(sides) - 1
    down = (finest - 1 - place for place in reversed(places))
    return plan._replace(
        generator_attention=tuple(place - 1 for place in places if place > 0),
        discriminator_attention=tuple(i for i in down if 0 <= i < halvings_done),
    )


BIGGAN_PLANS = {size: biggan_plan(size, size) for size in (32, 64, 128, 256, 512)}
"""By resolution: 128 to 512 are the paper's and of the public PyTorch code, which has no
discriminator for 512; 32 and 64 are of that code only. The paper's width is 96."""


class BigGANGenerator(linen.Module):
    """Projection, doubling residual blocks, attention, norm, ReLU, 3 x 3, tanh.

    Attributes:
        plan: base, channels and attention; `BIGGAN_PLANS[128]` is the paper's at 128.
        width: channels of a multiple of 1, "ch" in the paper.
        channels: channels of the images.
        num_classes: number of classes; None is unconditional and ignores labels.
        embedding: length of the class embedding that all norms share, by linear maps to
            their gains, centred on 1, and biases. None gives every norm gains and biases
            of its own by class, as in SAGAN.
        hierarchical: whether the latent is split into equal chunks, the first to be
            projected, the others for the norms of one block each ("skip-z"), beside the
            embedding; otherwise all of it is projected.
        norm: factory of the normalisation, which takes `affine`.
        rows: queries that attention answers at a time; see `nn.attention.attend`.
        remat: whether the backward pass computes the inside of blocks again.
        kernel_init: initialiser of kernels and of the shared embedding.
        dtype: compute type; parameters, statistics, softmax and images are float32.
    """

    plan: BigGANPlan = BIGGAN_PLANS[128]
    width: int = 96
    channels: int = 3
    num_classes: int | None = None
    embedding: int | None = 128
    hierarchical: bool = True
    norm: NormFactory = BatchNorm
    rows: int | None = 1024
    remat: bool = False
    kernel_init: Initializer = orthogonal()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps latents (B, Z) and labels (B,) to images (B, H, W, channels) in [-1, 1].

        Raises:
            ValueError: the latent cannot be split, or a hierarchy has no embedding.
        """
        plan, blocks = self.plan, len(self.plan.generator) - 1
        check_attention(plan.generator_attention, blocks)
        first, styles = self._styles(z, y, blocks)
        init, dtype = self.kernel_init, self.dtype
        base = (*plan.base, plan.generator[0] * self.width)
        project = Dense(math.prod(base), kernel_init=init, dtype=dtype, name="project")
        h = project(first).reshape(-1, *base)
        for index, (multiple, style) in enumerate(
            zip(plan.generator[1:], styles, strict=True)
        ):
            block = GeneratorBlock(
                multiple * self.width,
                norm=self._norm(),
                kernel_init=partial(_ungained, init),
                dtype=dtype,
                name=f"block_{index}",
            )
            h = called(block, h, style, remat=self.remat, train=train)
            if index in plan.generator_attention:
                h = SelfAttention(self.rows, init, dtype, name=f"attention_{index}")(h)
        h = jax.nn.relu(self.norm(dtype=dtype, name="norm")(h, train=train))
        image = Conv(self.channels, kernel_init=init, dtype=dtype, name="image")(h)
        return jnp.tanh(image.astype(jnp.float32))

    def _norm(self) -> NormFactory | None:
        """The normalisation of the blocks."""
        if self.num_classes is not None and self.embedding is None:
            return conditioned(self.norm, self.num_classes)
        if self.num_classes is None and not self.hierarchical:
            return self.norm
        return partial(
            Modulated,
            base=partial(self.norm, affine=False),
            use_bias=False,
            kernel_init=self.kernel_init,
        )

    def _styles(
        self, z: Array, y: Array | None, blocks: int
    ) -> tuple[Array, list[Array | None]]:
        """What is projected, and what the norms of each block are conditioned on."""
        style = None
        if self.num_classes is not None:
            style = check_labels(y, self.num_classes)
            if self.embedding is not None:
                table = Embed(
                    self.num_classes, self.embedding, self.kernel_init, name="shared_embed"
                )
                style = table(style)
        if not self.hierarchical:
            return z, [style] * blocks
        if self.num_classes is not None and self.embedding is None:
            raise ValueError(
                "a hierarchical latent needs a shared embedding to stand beside: set "
                "embedding, or hierarchical=False"
            )
        chunks = _chunks(z, blocks + 1)
        if style is None:
            return chunks[0], list(chunks[1:])
        wide = style.astype(z.dtype)
        return chunks[0], [jnp.concatenate([wide, part], -1) for part in chunks[1:]]


class BigGANDiscriminator(linen.Module):
    """Residual blocks, attention, ReLU, sum over space, linear logit and projection.

    Attributes:
        plan: channels and attention; `BIGGAN_PLANS[128]` is the paper's at 128.
        width: channels of a multiple of 1, "ch" in the paper.
        num_classes: number of classes; None is unconditional and ignores labels.
        wide: whether the first convolution of every block has the block's outputs as
            channels, as published, and not its inputs, as in SNGAN.
        head: what becomes of the pooled features and the labels.
        rows: queries that attention answers at a time; see `nn.attention.attend`.
        remat: whether the backward pass computes the inside of blocks again.
        kernel_init: initialiser of the kernels.
        dtype: compute type; parameters, softmax, pooling and logits are float32.
    """

    plan: BigGANPlan = BIGGAN_PLANS[128]
    width: int = 96
    num_classes: int | None = None
    wide: bool = True
    head: Head = projection
    rows: int | None = 1024
    remat: bool = False
    kernel_init: Initializer = orthogonal()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(
        self, x: Array, y: Array | None = None, *, train: bool = False
    ) -> Array | Outputs:
        """Maps images (B, H, W, C) and labels (B,) to logits (B,), or what the head
        gives.
        """
        plan, init, dtype = self.plan, self.kernel_init, self.dtype
        check_attention(plan.discriminator_attention, len(plan.discriminator))
        h = x.astype(dtype)
        for index, (multiple, down) in enumerate(
            zip(plan.discriminator, plan.down, strict=True)
        ):
            block = DiscriminatorBlock(
                multiple * self.width,
                down=down,
                first=index == 0,
                hidden=None if self.wide else h.shape[-1],
                kernel_init=partial(_ungained, init),
                dtype=dtype,
                name=f"block_{index}",
            )
            h = called(block, h, remat=self.remat, train=train)
            if index in plan.discriminator_attention:
                h = SelfAttention(self.rows, init, dtype, name=f"attention_{index}")(h)
        h = global_sum_pool(jax.nn.relu(h).astype(jnp.float32))
        return self.head(h, y, self.num_classes, init)


def _ungained(kernel_init: Initializer, gain: float) -> Initializer:
    """`kernel_init` as an initialiser by gain: spectral norms remove whatever gain."""
    del gain
    return kernel_init


def _chunks(z: Array, count: int) -> list[Array]:
    """`count` equal parts of latents (B, Z).

    Raises:
        ValueError: Z is not a multiple of `count`.
    """
    size, rest = divmod(z.shape[-1], count)
    if rest or not size:
        raise ValueError(
            f"a hierarchical latent of {z.shape[-1]} dimensions cannot be split into "
            f"{count} equal chunks: choose a multiple of {count}, such as "
            f"{max(size, 1) * count}, or hierarchical=False"
        )
    return jnp.split(z, count, axis=-1)
