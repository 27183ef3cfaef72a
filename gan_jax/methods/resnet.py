"""WGAN-GP, SNGAN and SAGAN on SNGAN's residual networks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses, penalties, transforms
from gan_jax.game import Game
from gan_jax.methods.conditioning import BY_NORM, Conditioning
from gan_jax.methods.families import play
from gan_jax.methods.recipe import Recipe
from gan_jax.methods.terms import Weighted
from gan_jax.networks.resnet import (
    DISCRIMINATOR_PLANS,
    GENERATOR_PLANS,
    DiscriminatorPlan,
    GainInitializer,
    GeneratorPlan,
    ResNetDiscriminator,
    ResNetGenerator,
    tapered_discriminator,
    tapered_generator,
)
from gan_jax.nn.initializers import glorot_uniform, he_uniform
from gan_jax.nn.minibatch import MinibatchFactory
from gan_jax.nn.norm import LayerNorm, NormFactory
from gan_jax.nn.resample import global_mean_pool, global_sum_pool
from gan_jax.priors import normal
from gan_jax.types import Array

_WGAN_GP_ADAM = optax.adam(1e-4, b1=0.0, b2=0.9)
_WGAN_GP = Recipe(
    loss=losses.wasserstein,
    prior=normal(128),
    g_tx=_WGAN_GP_ADAM,
    d_tx=_WGAN_GP_ADAM,
    d_terms={"gp": Weighted(10.0, penalties.gradient_penalty())},
    d_steps=5,
    joint_forward=True,
)
_SNGAN_ADAM = optax.adam(2e-4, b1=0.0, b2=0.9)
_SNGAN = Recipe(
    loss=losses.hinge,
    prior=normal(128),
    g_tx=_SNGAN_ADAM,
    d_tx=_SNGAN_ADAM,
    d_transform=transforms.spectral_norm(where=transforms.matrices),
    d_steps=5,
    joint_forward=True,
    fakes_per_real=2,
)
_SAGAN = Recipe(
    loss=losses.hinge,
    prior=normal(128),
    g_tx=optax.adam(1e-4, b1=0.0, b2=0.9),
    d_tx=optax.adam(4e-4, b1=0.0, b2=0.9),
    g_transform=transforms.spectral_norm(where=transforms.kernels),
    d_transform=transforms.spectral_norm(where=transforms.matrices),
    joint_forward=True,
)


def wgan_gp(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    g_width: int = 128,
    d_width: int = 128,
    d_norm: NormFactory | None = LayerNorm,
    conditioning: Conditioning = BY_NORM,
    minibatch: MinibatchFactory | None = None,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _WGAN_GP,
) -> Game:
    """Wasserstein GAN with gradient penalty (1704.00028, algorithm 1, appendix F).

    Args:
        image_shape: (H, W, C), both sides multiples of 8.
        num_classes: number of classes, or None.
        g_width: channels of the generator's blocks.
        d_width: channels of the critic's blocks.
        d_norm: normalisation of the critic, which must keep examples apart; the authors'
            code for CIFAR-10 has none.
        conditioning: where labels enter, if there are classes.
        minibatch: factory of a layer before the critic's head that looks at the batch; the
            gradient penalty cannot be had with one.
        dtype: compute type of the networks.
        recipe: loss, optimizers and terms; weight 10, five critic steps and the Adam(1e-4,
            0, 0.9) of algorithm 1. Appendix F trains on CIFAR-10 with 2e-4, falling to 0
            over 100,000 generator updates.
    """
    return _residual(
        _Plans(_generator_plan(image_shape, g_width), _discriminator_plan(d_width)),
        image_shape,
        num_classes,
        conditioning,
        recipe,
        minibatch=minibatch,
        d_norm=d_norm,
        pool=global_mean_pool,
        kernel_init=he_uniform,
        dtype=dtype,
    )


def sngan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    g_width: int | None = None,
    d_width: int | None = None,
    tapered: bool | None = None,
    conditioning: Conditioning = BY_NORM,
    minibatch: MinibatchFactory | None = None,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _SNGAN,
) -> Game:
    """Spectrally normalised GAN (1802.05957, appendix B.4, tables 4 to 6).

    Convolutions before a batch norm have no biases, which it would remove; the authors'
    code has them.

    Args:
        image_shape: (H, W, C), both sides multiples of 8; larger tapered images need sides
            that can be halved on.
        num_classes: number of classes, or None.
        g_width: channels of the generator's blocks, or of its last one where they taper;
            256 and 64 are published.
        d_width: channels of the discriminator's blocks, or of its first; 128 and 64.
        tapered: whether channels halve with every doubling of the resolution, as published
            above 32 pixels, which is what None means.
        conditioning: where labels enter, if there are classes; conditional batch norm in
            the generator and a projection in the discriminator (1802.05637).
        minibatch: factory of a layer before the discriminator's head that looks at the
            batch.
        dtype: compute type of the networks.
        recipe: loss, optimizers and terms; hinge, Adam(2e-4, 0, 0.9), five discriminator
            steps, and two generated examples per real one in the generator's phase, as in
            the authors' code.
    """
    return _residual(
        _plans(image_shape, g_width, d_width, tapered),
        image_shape,
        num_classes,
        conditioning,
        recipe,
        minibatch=minibatch,
        dtype=dtype,
    )


projection_cgan = partial(sngan, recipe=_SNGAN._replace(fakes_per_real=1))
"""cGAN with a projection discriminator (1802.05637) on SNGAN's networks."""


def sagan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    g_width: int | None = None,
    d_width: int | None = None,
    tapered: bool | None = None,
    g_attention: tuple[int, ...] | None = None,
    d_attention: tuple[int, ...] = (1,),
    wide: bool = True,
    conditioning: Conditioning = BY_NORM,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _SAGAN,
) -> Game:
    """Self-attention GAN (1805.08318) on SNGAN's networks.

    Args:
        image_shape: as of `sngan`, as what follows but for the attention.
        num_classes: number of classes, or None.
        g_width: channels of the generator's blocks, or of its last one.
        d_width: channels of the discriminator's blocks, or of its first.
        tapered: whether channels halve with every doubling, or None.
        g_attention: blocks of the generator, counted from 0, that self-attention follows;
            None for the middle one, to 32 x 32 in images of 128.
        d_attention: the same of the discriminator; its second block ends at 32 x 32 too.
        wide: whether the first convolution of the discriminator's blocks has their outputs
            as channels, as in the authors' code.
        conditioning: where labels enter, if there are classes.
        dtype: compute type of the networks.
        recipe: loss, optimizers and terms; hinge, Adam at 1e-4 and 4e-4, one discriminator
            step, spectral norm of both players.
    """
    plans = _plans(image_shape, g_width, d_width, tapered)
    if g_attention is None:
        g_attention = (len(plans.generator.features) // 2,)
    return _residual(
        plans,
        image_shape,
        num_classes,
        conditioning,
        recipe,
        g_attention=tuple(g_attention),
        d_attention=tuple(d_attention),
        wide=wide,
        dtype=dtype,
    )


class _Plans(NamedTuple):
    generator: GeneratorPlan
    discriminator: DiscriminatorPlan


def _residual(
    plans: _Plans,
    image_shape: tuple[int, ...],
    num_classes: int | None,
    conditioning: Conditioning,
    recipe: Recipe,
    *,
    minibatch: MinibatchFactory | None = None,
    d_norm: NormFactory | None = None,
    pool: Callable[[Array], Array] = global_sum_pool,
    g_attention: tuple[int, ...] = (),
    d_attention: tuple[int, ...] = (),
    wide: bool = False,
    kernel_init: GainInitializer = glorot_uniform,
    dtype: DTypeLike,
) -> Game:
    """The game of residual networks; what it takes is named as by builders and networks."""
    generator = ResNetGenerator(
        plans.generator,
        image_shape[-1],
        num_classes=num_classes,
        input_labels=conditioning.g_input,
        hidden_labels=conditioning.g_hidden,
        modulation=conditioning.g_modulation,
        attention=g_attention,
        kernel_init=kernel_init,
        dtype=dtype,
    )
    discriminator = ResNetDiscriminator(
        plans.discriminator,
        d_norm,
        pool=pool,
        num_classes=num_classes,
        input_labels=conditioning.d_input,
        hidden_labels=conditioning.d_hidden,
        minibatch=minibatch,
        head=conditioning.head,
        attention=d_attention,
        wide=wide,
        kernel_init=kernel_init,
        dtype=dtype,
    )
    return play(
        generator,
        discriminator,
        image_shape,
        recipe,
        num_classes,
        couples=minibatch is not None,
    )


def _plans(
    image_shape: tuple[int, ...],
    g_width: int | None,
    d_width: int | None,
    tapered: bool | None,
) -> _Plans:
    """SNGAN's published plans, at any size."""
    if tapered is None:
        tapered = min(image_shape[:2]) > 32
    if tapered:
        height, width = image_shape[:2]
        return _Plans(
            tapered_generator(height, width, 64 if g_width is None else g_width),
            tapered_discriminator(height, width, 64 if d_width is None else d_width),
        )
    return _Plans(
        _generator_plan(image_shape, 256 if g_width is None else g_width),
        _discriminator_plan(128 if d_width is None else d_width),
    )


def _generator_plan(image_shape: tuple[int, ...], width: int) -> GeneratorPlan:
    """The 32-pixel plan at another size: three doublings from an eighth of the image."""
    if len(image_shape) != 3 or image_shape[0] % 8 or image_shape[1] % 8:
        raise ValueError(
            "these residual networks need (H, W, C) images whose sides are multiples of 8, "
            f"got {image_shape}; resize or pad the data"
        )
    blocks = len(GENERATOR_PLANS[32].features)
    base = (image_shape[0] // 8, image_shape[1] // 8, width)
    return GeneratorPlan(base, (width,) * blocks)


def _discriminator_plan(width: int) -> DiscriminatorPlan:
    published = DISCRIMINATOR_PLANS[32]
    return published._replace(features=(width,) * len(published.features))
