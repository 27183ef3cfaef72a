"""The GAN of 1406.2661: perceptrons, for digits and for points in the plane."""

from __future__ import annotations

from functools import partial

import jax.numpy as jnp

from gan_jax import losses
from gan_jax.game import Game
from gan_jax.methods.families import play
from gan_jax.methods.recipe import Recipe
from gan_jax.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_jax.priors import uniform

_PUBLISHED = Recipe(loss=losses.minimax, prior=uniform(100), joint_forward=True)
_NON_SATURATING = _PUBLISHED._replace(loss=losses.non_saturating)


def gan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    g_features: tuple[int, ...] = (1200, 1200),
    d_features: tuple[int, ...] = (240, 240),
    recipe: Recipe = _PUBLISHED,
) -> Game:
    """Generative adversarial nets with the minimax loss (1406.2661, eq. 1).

    Args:
        image_shape: (H, W, C), or (dim,) for points, whose generator has no tanh.
        num_classes: number of classes, or None.
        g_features: widths of the generator's hidden layers, 1200 twice on MNIST.
        d_features: widths of the discriminator's hidden layers. The paper's are maxout
            units with dropout; these are leaky rectifiers.
        recipe: loss, prior, optimizers and terms.
    """
    points = len(image_shape) == 1
    generator = MLPGenerator(
        tuple(g_features),
        image_shape,
        out_activation=None if points else jnp.tanh,
        num_classes=num_classes,
    )
    discriminator = MLPDiscriminator(tuple(d_features), num_classes=num_classes)
    return play(generator, discriminator, image_shape, recipe, num_classes)


ns_gan = partial(gan, recipe=_NON_SATURATING)
"""`gan` with the non-saturating generator loss (1406.2661, section 3)."""
