"""BigGAN and BigGAN-deep (1809.11096)."""

from __future__ import annotations

from functools import partial

import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses, penalties, transforms
from gan_jax.game import Game
from gan_jax.methods.families import play
from gan_jax.methods.recipe import Recipe
from gan_jax.methods.terms import Weighted
from gan_jax.networks.biggan import BigGANDiscriminator, BigGANGenerator, biggan_plan
from gan_jax.networks.biggan_deep import (
    BigGANDeepDiscriminator,
    BigGANDeepGenerator,
    biggan_deep_plan,
)
from gan_jax.nn.initializers import Initializer, orthogonal
from gan_jax.nn.norm import BatchNorm
from gan_jax.priors import normal

_ORTHOGONAL = orthogonal()
_BIGGAN = Recipe(
    loss=losses.hinge,
    prior=normal(120),
    g_tx=optax.adam(5e-5, b1=0.0, b2=0.999),
    d_tx=optax.adam(2e-4, b1=0.0, b2=0.999),
    g_transform=transforms.spectral_norm(where=transforms.kernels),
    d_transform=transforms.spectral_norm(where=transforms.matrices),
    g_terms={
        "ortho": Weighted(1e-4, penalties.orthogonal(where=transforms.kernels)),
    },
    d_steps=2,
    joint_forward=True,
)
_DEEP = _BIGGAN._replace(prior=normal(128))


def biggan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    g_width: int = 96,
    d_width: int = 96,
    embedding: int | None = 128,
    hierarchical: bool = True,
    attention: tuple[int, ...] | None = None,
    group_size: int | None = None,
    rows: int | None = 1024,
    remat: bool = False,
    kernel_init: Initializer = _ORTHOGONAL,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _BIGGAN,
) -> Game:
    """BigGAN (1809.11096, appendix B, tables 4 to 6).

    Args:
        image_shape: (H, W, C); see `networks.biggan.biggan_plan`.
        num_classes: number of classes, or None.
        g_width: the generator's "ch".
        d_width: the discriminator's.
        embedding: length of the class embedding that all norms share; None gives each norm
            gains and biases of its own by class.
        hierarchical: whether the latent is split over the blocks; its length must then be
            a multiple of one more than the generator's blocks: 120, 140 and 160 at 128,
            256 and 512 pixels.
        attention: smaller sides of the feature maps that self-attention follows; None is
            the published choice, 64 for images above it.
        group_size: examples that share batch-norm moments; None is the whole global batch.
        rows: queries that attention answers at a time; see `nn.attention.attend`.
        remat: whether the backward pass computes the inside of blocks again.
        kernel_init: initialiser of kernels and embeddings.
        dtype: compute type of the networks.
        recipe: loss, prior, optimizers and terms; hinge, Adam(5e-5 and 2e-4, 0, 0.999), two
            discriminator steps, spectral norm of everything but the generator's class
            embedding, and modified orthogonal regularisation of the generator's kernels.
    """
    height, breadth, channels = image_shape
    plan = biggan_plan(height, breadth, attention=attention)
    generator = BigGANGenerator(
        plan,
        g_width,
        channels,
        num_classes=num_classes,
        embedding=embedding,
        hierarchical=hierarchical,
        norm=partial(BatchNorm, group_size=group_size),
        rows=rows,
        remat=remat,
        kernel_init=kernel_init,
        dtype=dtype,
    )
    discriminator = BigGANDiscriminator(
        plan,
        d_width,
        num_classes,
        rows=rows,
        remat=remat,
        kernel_init=kernel_init,
        dtype=dtype,
    )
    return play(generator, discriminator, image_shape, recipe, num_classes)


def biggan_deep(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    g_width: int = 128,
    d_width: int = 128,
    embedding: int = 128,
    depth: int = 2,
    attention: tuple[int, ...] | None = None,
    group_size: int | None = None,
    rows: int | None = 1024,
    remat: bool = False,
    kernel_init: Initializer = _ORTHOGONAL,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _DEEP,
) -> Game:
    """BigGAN-deep (1809.11096, appendix B, tables 7 to 9).

    Args:
        image_shape: as of `biggan`, as what follows but for the blocks.
        num_classes: number of classes, or None.
        g_width: the generator's "ch".
        d_width: the discriminator's.
        embedding: length of the class embedding, which stands beside the whole latent at
            every block.
        depth: blocks of each resolution.
        attention: smaller sides of the feature maps that self-attention follows, or None.
        group_size: examples that share batch-norm moments, or None.
        rows: queries that attention answers at a time.
        remat: whether the backward pass computes the inside of blocks again.
        kernel_init: initialiser of kernels and embeddings.
        dtype: compute type of the networks.
        recipe: loss, prior, optimizers and terms; as BigGAN's, with latents of 128.
    """
    height, breadth, channels = image_shape
    plan = biggan_deep_plan(height, breadth, depth=depth, attention=attention)
    generator = BigGANDeepGenerator(
        plan,
        g_width,
        channels,
        num_classes=num_classes,
        embedding=embedding,
        norm=partial(BatchNorm, group_size=group_size),
        rows=rows,
        remat=remat,
        kernel_init=kernel_init,
        dtype=dtype,
    )
    discriminator = BigGANDeepDiscriminator(
        plan,
        d_width,
        num_classes,
        rows=rows,
        remat=remat,
        kernel_init=kernel_init,
        dtype=dtype,
    )
    return play(generator, discriminator, image_shape, recipe, num_classes)
