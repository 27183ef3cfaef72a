"""BigGAN-deep (1809.11096, appendix B): bottleneck blocks and no hierarchy of latents.

Two published forms of the generator differ little: the public PyTorch code conditions on
(class, latent); the networks published as TensorFlow modules, and their PyTorch port, on
(latent, class), and their last convolution has `width` outputs of which 3 are the image.
"""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.biggan import biggan_plan
from gan_jax.networks.heads import Head, projection
from gan_jax.networks.labels import check_labels
from gan_jax.nn.attention import SelfAttention, check_attention
from gan_jax.nn.initializers import Initializer, orthogonal
from gan_jax.nn.layers import Conv, Dense, Embed, UpsampleConv
from gan_jax.nn.norm import BatchNorm, Modulated, NormFactory, normalise
from gan_jax.nn.remat import called
from gan_jax.nn.resample import avg_pool, global_sum_pool, upsample_nearest
from gan_jax.types import Array, Outputs

_REDUCTION = 4


class BigGANDeepPlan(NamedTuple):
    """What distinguishes one BigGAN-deep from another, for both networks.

    Attributes:
        base: (height, width) of the generator's first feature map.
        generator: channels, as multiples of the width, of the first feature map and after
            each block; they never grow.
        up: whether each block of the generator doubles the resolution.
        discriminator: channels, as multiples of the width, of the first convolution and
            after each block; they never shrink.
        down: whether each block of the discriminator halves the resolution.
        generator_attention: blocks, counted from 0, that self-attention follows.
        discriminator_attention: the same in the discriminator.
    """

    base: tuple[int, int]
    generator: tuple[int, ...]
    up: tuple[bool, ...]
    discriminator: tuple[int, ...]
    down: tuple[bool, ...]
    generator_attention: tuple[int, ...] = ()
    discriminator_attention: tuple[int, ...] = ()


def biggan_deep_plan(
    height: int, width: int, *, depth: int = 2, attention: tuple[int, ...] | None = None
) -> BigGANDeepPlan:
    """The channels of `biggan_plan`, with `depth` blocks at every resolution.

    In the generator the last block of a resolution changes channels and resolution, in the
    discriminator the first.

    Args:
        height: of the images; see `biggan_plan` for what is possible.
        width: of the images.
        depth: blocks of each resolution; published with 2.
        attention: as for `biggan_plan`.

    Raises:
        ValueError: the depth is less than 1, or `biggan_plan` refuses.
    """
    if depth < 1:
        raise ValueError(f"BigGAN-deep needs 1 or more blocks a resolution, got {depth}")
    shallow = biggan_plan(height, width, attention=attention)
    up: list[int] = [shallow.generator[0]]
    for multiple in shallow.generator[1:]:
        up += [up[-1]] * (depth - 1) + [multiple]
    stem, *stages = shallow.discriminator
    down = [stem, *(multiple for multiple in stages for _ in range(depth))]
    halves = [half and block == 0 for half in shallow.down[:-1] for block in range(depth)]
    return BigGANDeepPlan(
        shallow.base,
        tuple(up),
        ((False,) * (depth - 1) + (True,)) * (len(shallow.generator) - 1),
        tuple(down),
        tuple(halves),
        tuple(depth * (stage + 1) - 1 for stage in shallow.generator_attention),
        tuple(depth * (stage + 1) - 1 for stage in shallow.discriminator_attention),
    )


BIGGAN_DEEP_PLANS = {size: biggan_deep_plan(size, size) for size in (32, 64, 128, 256, 512)}
"""By resolution: up to 256 the public PyTorch code's; the generators from 128 up are those
published as TensorFlow modules. The paper's width is 128."""


class DeepGeneratorBlock(linen.Module):
    """Norm, ReLU, 1 x 1 to a quarter; twice norm, ReLU, 3 x 3, the first after doubling;
    norm, ReLU, 1 x 1; plus the first of the input's channels, doubled.

    Attributes:
        features: output channels, at most as many as inputs.
        up: whether the resolution is doubled.
        norm: factory of the normalisation; None for none.
        kernel_init: initialiser of the kernels.
        dtype: compute type.
    """

    features: int
    up: bool = False
    norm: NormFactory | None = BatchNorm
    kernel_init: Initializer = orthogonal()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps (B, H, W, I), and what the norms are conditioned on, to (B, H, W, features),
        or twice H and W.

        Raises:
            ValueError: there are fewer inputs than outputs.
        """
        inputs = x.shape[-1]
        if inputs < self.features:
            raise ValueError(
                f"a block of BigGAN-deep's generator drops channels: it cannot make "
                f"{self.features} of {inputs}"
            )
        hidden = max(inputs // _REDUCTION, 1)
        conv = partial(Conv, kernel_init=self.kernel_init, dtype=self.dtype)
        layer = UpsampleConv if self.up else Conv
        wide = partial(layer, kernel_init=self.kernel_init, dtype=self.dtype)

        def active(h: Array, index: int) -> Array:
            h = normalise(self.norm, h, y, train=train, name=f"norm_{index}")
            return jax.nn.relu(h)

        h = conv(hidden, kernel_size=(1, 1), name="conv_0")(active(x, 0))
        h = wide(hidden, name="conv_1")(active(h, 1))
        h = conv(hidden, name="conv_2")(active(h, 2))
        h = conv(self.features, kernel_size=(1, 1), name="conv_3")(active(h, 3))
        kept = x[..., : self.features]
        return h + (upsample_nearest(kept) if self.up else kept)


class BigGANDeepGenerator(linen.Module):
    """Projection, bottleneck blocks, attention, norm, ReLU, 3 x 3, tanh.

    The class embedding and the whole latent, one beside the other, are projected and
    condition all norms of the blocks.

    Attributes:
        plan: base, blocks and attention; `BIGGAN_DEEP_PLANS[128]` is the paper's at 128.
        width: channels of a multiple of 1, "ch" in the paper.
        channels: channels of the images.
        num_classes: number of classes; None is unconditional and ignores labels.
        embedding: length of the class embedding.
        latent_first: whether the latent stands before the embedding.
        image_features: outputs of the last convolution, of which the first `channels` are
            the image; None for `channels`.
        norm: factory of the normalisation, which takes `affine`.
        rows: queries that attention answers at a time; see `nn.attention.attend`.
        remat: whether the backward pass computes the inside of blocks again.
        kernel_init: initialiser of kernels and of the embedding.
        dtype: compute type; parameters, statistics, softmax and images are float32.
    """

    plan: BigGANDeepPlan = BIGGAN_DEEP_PLANS[128]
    width: int = 128
    channels: int = 3
    num_classes: int | None = None
    embedding: int = 128
    latent_first: bool = False
    image_features: int | None = None
    norm: NormFactory = BatchNorm
    rows: int | None = 1024
    remat: bool = False
    kernel_init: Initializer = orthogonal()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps latents (B, Z) and labels (B,) to images (B, H, W, channels) in [-1, 1].

        Raises:
            ValueError: the last convolution has fewer outputs than an image channels.
        """
        plan, init, dtype = self.plan, self.kernel_init, self.dtype
        check_attention(plan.generator_attention, len(plan.up))
        style = self._style(z, y)
        base = (*plan.base, plan.generator[0] * self.width)
        project = Dense(math.prod(base), kernel_init=init, dtype=dtype, name="project")
        h = project(style).reshape(-1, *base)
        for index, (multiple, up) in enumerate(
            zip(plan.generator[1:], plan.up, strict=True)
        ):
            features, name = multiple * self.width, f"block_{index}"
            block = DeepGeneratorBlock(features, up, self._norm(), init, dtype, name=name)
            h = called(block, h, style, remat=self.remat, train=train)
            if index in plan.generator_attention:
                h = SelfAttention(self.rows, init, dtype, name=f"attention_{index}")(h)
        h = jax.nn.relu(self.norm(dtype=dtype, name="norm")(h, train=train))
        outputs = self.channels if self.image_features is None else self.image_features
        if outputs < self.channels:
            raise ValueError(
                f"{outputs} image_features do not hold an image of {self.channels} channels"
            )
        image = Conv(outputs, kernel_init=init, dtype=dtype, name="image")(h)
        return jnp.tanh(image[..., : self.channels].astype(jnp.float32))

    def _norm(self) -> NormFactory:
        """The normalisation of the blocks."""
        return partial(
            Modulated,
            base=partial(self.norm, affine=False),
            use_bias=False,
            kernel_init=self.kernel_init,
        )

    def _style(self, z: Array, y: Array | None) -> Array:
        """Class embedding and latent, (B, embedding + Z)."""
        if self.num_classes is None:
            return z
        table = Embed(
            self.num_classes, self.embedding, self.kernel_init, name="shared_embed"
        )
        label = table(check_labels(y, self.num_classes)).astype(z.dtype)
        return jnp.concatenate([z, label] if self.latent_first else [label, z], axis=-1)


class DeepDiscriminatorBlock(linen.Module):
    """ReLU and 1 x 1 to a quarter, twice ReLU and 3 x 3, ReLU, means, 1 x 1; plus the means
    of the input, with further channels by a 1 x 1 convolution of them.

    Attributes:
        features: output channels, at least as many as inputs.
        down: whether the resolution is halved.
        kernel_init: initialiser of the kernels.
        dtype: compute type.
    """

    features: int
    down: bool = False
    kernel_init: Initializer = orthogonal()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array) -> Array:
        """Maps (B, H, W, I) to (B, H, W, features), or half of H and W.

        Raises:
            ValueError: there are more inputs than outputs.
        """
        more = self.features - x.shape[-1]
        if more < 0:
            raise ValueError(
                f"a block of BigGAN-deep's discriminator adds channels: it cannot make "
                f"{self.features} of {x.shape[-1]}"
            )
        hidden = max(self.features // _REDUCTION, 1)
        conv = partial(Conv, kernel_init=self.kernel_init, dtype=self.dtype)
        h = conv(hidden, kernel_size=(1, 1), name="conv_0")(jax.nn.relu(x))
        h = conv(hidden, name="conv_1")(jax.nn.relu(h))
        h = jax.nn.relu(conv(hidden, name="conv_2")(jax.nn.relu(h)))
        if self.down:
            x, h = avg_pool(x), avg_pool(h)
        h = conv(self.features, kernel_size=(1, 1), name="conv_3")(h)
        if more:
            new = conv(more, kernel_size=(1, 1), name="shortcut")(x)
            x = jnp.concatenate([x, new], axis=-1)
        return h + x


class BigGANDeepDiscriminator(linen.Module):
    """3 x 3, bottleneck blocks, attention, ReLU, sum over space, logit and projection.

    Attributes:
        plan: blocks and attention; `BIGGAN_DEEP_PLANS[128]` is the public code's at 128.
        width: channels of a multiple of 1, "ch" in the paper.
        num_classes: number of classes; None is unconditional and ignores labels.
        head: what becomes of the pooled features and the labels.
        rows: queries that attention answers at a time; see `nn.attention.attend`.
        remat: whether the backward pass computes the inside of blocks again.
        kernel_init: initialiser of the kernels.
        dtype: compute type; parameters, softmax, pooling and logits are float32.
    """

    plan: BigGANDeepPlan = BIGGAN_DEEP_PLANS[128]
    width: int = 128
    num_classes: int | None = None
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
        gives. The mode is not used.
        """
        plan, init, dtype = self.plan, self.kernel_init, self.dtype
        check_attention(plan.discriminator_attention, len(plan.down))
        stem, *multiples = (multiple * self.width for multiple in plan.discriminator)
        h = Conv(stem, kernel_init=init, dtype=dtype, name="image")(x)
        for index, (features, down) in enumerate(zip(multiples, plan.down, strict=True)):
            block = DeepDiscriminatorBlock(
                features, down, init, dtype, name=f"block_{index}"
            )
            h = called(block, h, remat=self.remat)
            if index in plan.discriminator_attention:
                h = SelfAttention(self.rows, init, dtype, name=f"attention_{index}")(h)
        h = global_sum_pool(jax.nn.relu(h).astype(jnp.float32))
        return self.head(h, y, self.num_classes, init)
