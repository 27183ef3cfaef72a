"""Semi-supervised learning with GANs (1606.03498, section 5)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses, transforms
from gan_jax.game import Game
from gan_jax.methods.families import no_labels, play
from gan_jax.methods.recipe import Recipe
from gan_jax.methods.regularisers import feature_matching, supervised
from gan_jax.methods.terms import Weighted
from gan_jax.networks.heads import class_logits
from gan_jax.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_jax.nn.minibatch import MinibatchFactory
from gan_jax.nn.norm import BatchNorm
from gan_jax.priors import uniform

_ADAM = optax.adam(3e-3, b1=0.5)
_MATCHING = Recipe(
    loss=losses.one_sided(losses.non_saturating),
    prior=uniform(100),
    g_tx=_ADAM,
    d_tx=_ADAM,
    d_transform=transforms.weight_norm(),
    d_terms={"supervised": Weighted(1.0, supervised())},
    g_terms={"features": Weighted(1.0, feature_matching())},
)


def semi_supervised_gan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    classes: int = 10,
    g_features: tuple[int, ...] = (500, 500),
    d_features: tuple[int, ...] = (1000, 500, 250, 250, 250),
    input_noise: float = 0.6,
    hidden_noise: float = 0.5,
    minibatch: MinibatchFactory | None = None,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _MATCHING,
) -> Game:
    """A discriminator that names one of K classes or "generated" (1606.03498, section 5).

    A batch has `"labelled": {"image": ..., "label": ...}` beside its "image": the few
    labelled examples (the config's `data.labelled` draws them), whose cross entropy is the
    supervised part; all of "image" is the unsupervised part. Generated examples have no
    labels.

    Args:
        image_shape: (H, W, C), or (dim,) for points.
        num_classes: None: generated examples have no labels.
        classes: number K of classes of the labelled examples.
        g_features: widths of the generator's hidden layers, 500 twice in the authors' code.
        d_features: widths of the discriminator's.
        input_noise: deviation of noise on the discriminator's input; 0.3 in the authors'
            code, on digits in [0, 1], is 0.6 here.
        hidden_noise: of noise on its hidden layers, 0.5 in the authors' code.
        minibatch: factory of a layer before the discriminator's head that looks at the
            batch (`nn.MinibatchDiscrimination`), for the variant in which the generator
            has an adversarial loss and not features to match.
        dtype: compute type of the networks.
        recipe: loss, prior, optimizers and terms; the authors' Adam(0.003, 0.5) and weight
            normalisation, and a generator that matches features alone.
    """
    no_labels("semi_supervised_gan", num_classes)
    points = len(image_shape) == 1
    generator = MLPGenerator(
        tuple(g_features),
        image_shape,
        activation=jax.nn.softplus,
        out_activation=None if points else jnp.tanh,
        norm=BatchNorm,
        dtype=dtype,
    )
    discriminator = MLPDiscriminator(
        tuple(d_features),
        activation=jax.nn.relu,
        num_classes=classes,
        minibatch=minibatch,
        head=class_logits(),
        input_noise=input_noise,
        hidden_noise=hidden_noise,
        dtype=dtype,
    )
    return play(
        generator,
        discriminator,
        image_shape,
        recipe,
        None,
        couples=minibatch is not None,
        noisy=True,
    )
