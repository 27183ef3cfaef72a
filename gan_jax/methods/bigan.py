"""Games of pairs: a generator and an encoder against a discriminator of both."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses
from gan_jax.game import Game
from gan_jax.methods.families import latent_dim, no_labels, play_pairs
from gan_jax.methods.recipe import Recipe
from gan_jax.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.networks.encoders import Encoder, Flatten, JointDiscriminator
from gan_jax.networks.heads import flat
from gan_jax.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_jax.nn.norm import BatchNorm, NormFactory
from gan_jax.priors import normal, uniform

_LEAKY = partial(jax.nn.leaky_relu, negative_slope=0.2)
_BIGAN = Recipe(
    loss=losses.swapped(losses.non_saturating),
    prior=uniform(50),
    g_tx=optax.adam(2e-4, b1=0.5, b2=0.999),
    d_tx=optax.adam(2e-4, b1=0.5, b2=0.999),
)
_ALI_ADAM = optax.adam(1e-4, b1=0.5, b2=0.999)
_ALI = _BIGAN._replace(prior=normal(64), g_tx=_ALI_ADAM, d_tx=_ALI_ADAM)


def bigan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    g_features: tuple[int, ...] = (1024, 1024),
    e_features: tuple[int, ...] = (1024, 1024),
    d_features: tuple[int, ...] = (1024, 1024),
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _BIGAN,
) -> Game:
    """Bidirectional GAN (1605.09782) on perceptrons, as on digits in section 4.2.

    The discriminator tells (x, E(x)) from (G(z), z); generator and encoder are one player.

    Args:
        image_shape: (H, W, C), or (dim,) for points, whose generator has no tanh.
        num_classes: None.
        g_features: widths of the generator's hidden layers, 1024 twice in the paper.
        e_features: widths of the encoder's.
        d_features: widths of the discriminator's, after pixels and codes lie side by side.
        dtype: compute type of the networks.
        recipe: loss, prior, optimizers and terms; 50 latents uniform on [-1, 1] and Adam
            (2e-4, 0.5), as in the paper.
    """
    no_labels("bigan", num_classes)
    points = len(image_shape) == 1
    generator = MLPGenerator(
        tuple(g_features),
        image_shape,
        out_activation=None if points else jnp.tanh,
        norm=BatchNorm,
        dtype=dtype,
    )
    trunk = partial(MLPDiscriminator, tuple(e_features), norm=BatchNorm, head=flat)
    encoder = Encoder(partial(trunk, dtype=dtype), latent_dim("bigan", recipe.prior))
    discriminator = JointDiscriminator(Flatten, (), tuple(d_features), dtype=dtype)
    return play_pairs(generator, encoder, discriminator, image_shape, recipe)


def ali(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    width: int = 64,
    kernel_size: int = 5,
    stochastic: bool = True,
    d_norm: NormFactory | None = BatchNorm,
    code_features: tuple[int, ...] = (512, 512),
    features: tuple[int, ...] = (1024, 1024),
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _ALI,
) -> Game:
    """Adversarially learned inference (1606.00704), on DCGAN's networks.

    As `bigan`, with an encoder that gives a Gaussian, from which codes are drawn by
    reparameterisation. The generator is deterministic, as in the paper's experiments.

    Args:
        image_shape: (H, W, C), both sides even and at least 8.
        num_classes: None.
        width: channels of the finest layer.
        kernel_size: side of the convolutions' windows.
        stochastic: whether codes are drawn; False is a BiGAN on these networks.
        d_norm: normalisation of the discriminator's convolutions.
        code_features: widths of the layers that codes pass before they meet images.
        features: widths of the layers after that.
        dtype: compute type of the networks.
        recipe: loss, prior, optimizers and terms; the paper's Adam(1e-4, 0.5) and normal
            latents.
    """
    no_labels("ali", num_classes)
    height, breadth, channels = image_shape
    generator = DCGANGenerator(
        (height, breadth, channels), width, kernel_size, modulation=None, dtype=dtype
    )
    trunk = partial(DCGANDiscriminator, width, kernel_size, head=flat, dtype=dtype)
    encoder = Encoder(
        partial(trunk, norm=BatchNorm), latent_dim("ali", recipe.prior), stochastic
    )
    discriminator = JointDiscriminator(
        partial(trunk, norm=d_norm),
        tuple(code_features),
        tuple(features),
        activation=_LEAKY,
        dtype=dtype,
    )
    return play_pairs(generator, encoder, discriminator, image_shape, recipe)
