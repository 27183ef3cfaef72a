"""Methods published on DCGAN's networks: they differ in their recipes alone."""

from __future__ import annotations

from functools import partial

import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses
from gan_jax.game import Game
from gan_jax.methods.families import play
from gan_jax.methods.recipe import Recipe
from gan_jax.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.nn.norm import BatchNorm, NormFactory
from gan_jax.optim import keep_params_in_box
from gan_jax.priors import normal, uniform

_ADAM = optax.adam(2e-4, b1=0.5, b2=0.999)
_DCGAN = Recipe(loss=losses.non_saturating, prior=uniform(100), g_tx=_ADAM, d_tx=_ADAM)
_LSGAN = _DCGAN._replace(loss=losses.least_squares, prior=uniform(1024))
_WGAN = Recipe(
    loss=losses.wasserstein,
    prior=normal(100),
    g_tx=optax.rmsprop(5e-5, decay=0.99),
    d_tx=optax.chain(optax.rmsprop(5e-5, decay=0.99), keep_params_in_box(-0.01, 0.01)),
    d_steps=5,
)


def dcgan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    width: int = 128,
    kernel_size: int = 5,
    d_norm: NormFactory | None = BatchNorm,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _DCGAN,
) -> Game:
    """Deep convolutional GAN (1511.06434).

    Args:
        image_shape: (H, W, C), both sides even and at least 8.
        num_classes: number of classes, or None; conditional batch norm in the generator
            and a projection in the discriminator (1802.05637).
        width: channels of the finest layer; 128 gives the paper's 1024 at 4 x 4.
        kernel_size: side of the convolutions' windows, 5 in the paper.
        d_norm: normalisation of the discriminator. Penalties on input gradients need one
            that keeps examples apart (`LayerNorm`), or None.
        dtype: compute type of the networks.
        recipe: loss, prior, optimizers and terms; the paper's Adam(2e-4, 0.5, 0.999), and
            z uniform on [-1, 1]^100.
    """
    height, breadth, channels = image_shape
    generator = DCGANGenerator(
        (height, breadth, channels),
        width,
        kernel_size,
        num_classes=num_classes,
        dtype=dtype,
    )
    discriminator = DCGANDiscriminator(
        width, kernel_size, d_norm, num_classes=num_classes, dtype=dtype
    )
    return play(generator, discriminator, image_shape, recipe, num_classes)


lsgan = partial(dcgan, recipe=_LSGAN)
"""Least squares GAN (1611.04076, eq. 9) on DCGAN's networks."""

wgan = partial(dcgan, recipe=_WGAN)
"""Wasserstein GAN with clipped weights (1701.07875, algorithm 1) on DCGAN's networks.

All of the critic's parameters lie in [-0.01, 0.01] after each update, the gains of its
batch norm included, as in the authors' code.
"""
