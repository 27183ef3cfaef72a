"""The GAN of 1406.2661: perceptrons, for digits and for points in the plane."""

from __future__ import annotations

from functools import partial

import jax.numpy as jnp
import optax

from gan_jax import losses
from gan_jax.game import Game
from gan_jax.methods.conditioning import EMBEDDED, Conditioning
from gan_jax.methods.families import play
from gan_jax.methods.recipe import Recipe
from gan_jax.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_jax.nn.minibatch import MinibatchFactory
from gan_jax.priors import normal, uniform

_PUBLISHED = Recipe(loss=losses.minimax, prior=uniform(100), joint_forward=True)
_NON_SATURATING = _PUBLISHED._replace(loss=losses.non_saturating)
_UNROLLED = Recipe(
    loss=losses.non_saturating,
    prior=normal(256),
    g_tx=optax.adam(1e-3, b1=0.5, b2=0.999),
    d_tx=optax.adam(1e-4, b1=0.5, b2=0.999, eps_root=1e-12),
    joint_forward=True,
    unroll=10,
)


def gan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    g_features: tuple[int, ...] = (1200, 1200),
    d_features: tuple[int, ...] = (240, 240),
    conditioning: Conditioning = EMBEDDED,
    minibatch: MinibatchFactory | None = None,
    recipe: Recipe = _PUBLISHED,
) -> Game:
    """Generative adversarial nets with the minimax loss (1406.2661, eq. 1).

    Args:
        image_shape: (H, W, C), or (dim,) for points, whose generator has no tanh.
        num_classes: number of classes, or None.
        g_features: widths of the generator's hidden layers, 1200 twice on MNIST.
        d_features: widths of the discriminator's hidden layers. The paper's are maxout
            units with dropout; these are leaky rectifiers.
        conditioning: where labels enter, if there are classes.
        minibatch: factory of a layer before the discriminator's head that looks at the
            batch (`nn.MinibatchDiscrimination`).
        recipe: loss, prior, optimizers and terms.
    """
    points = len(image_shape) == 1
    generator = MLPGenerator(
        tuple(g_features),
        image_shape,
        out_activation=None if points else jnp.tanh,
        num_classes=num_classes,
        input_labels=conditioning.g_input,
        hidden_labels=conditioning.g_hidden,
        modulation=conditioning.g_modulation,
    )
    discriminator = MLPDiscriminator(
        tuple(d_features),
        num_classes=num_classes,
        input_labels=conditioning.d_input,
        hidden_labels=conditioning.d_hidden,
        minibatch=minibatch,
        head=conditioning.head,
    )
    return play(
        generator,
        discriminator,
        image_shape,
        recipe,
        num_classes,
        couples=minibatch is not None,
    )


ns_gan = partial(gan, recipe=_NON_SATURATING)
"""`gan` with the non-saturating generator loss (1406.2661, section 3)."""

unrolled_gan = partial(gan, g_features=(128, 128), d_features=(128, 128), recipe=_UNROLLED)
"""Unrolled GAN (1611.02163): the generator looks through ten discriminator updates. Widths,
latents and learning rates are those of the authors' published example on a ring of
Gaussians, where the hidden layers have tanh and the loss is minimax.
"""
