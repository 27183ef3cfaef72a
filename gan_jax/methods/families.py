"""What builders of methods share: networks as nets of a two-player game."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen

from gan_jax.game import Game
from gan_jax.methods.recipe import Recipe
from gan_jax.methods.sides import Make
from gan_jax.methods.two_player import from_recipe
from gan_jax.nn.adapter import from_linen
from gan_jax.priors import Prior
from gan_jax.types import Array, Net, Outputs


def play(
    generator: linen.Module,
    discriminator: linen.Module,
    image_shape: tuple[int, ...],
    recipe: Recipe,
    num_classes: int | None,
    *,
    couples: bool = False,
    noisy: bool = False,
) -> Game:
    """The two-player game of two flax networks.

    Args:
        generator: `(z, y=None, *, train) -> examples (batch, *image_shape)`.
        discriminator: `(x, y=None, *, train) -> logits (batch,)`.
        image_shape: shape of one example.
        recipe: the method.
        num_classes: number of classes, or None; conditional networks take labels.
        couples: whether a layer of the discriminator looks at the batch as a whole.
        noisy: whether the discriminator draws noise, and takes `keys`.
    """
    latent = jax.eval_shape(recipe.prior, jax.random.key(0)).shape
    labels = () if num_classes is None else (jax.ShapeDtypeStruct((2,), jnp.int32),)
    judge = from_linen(discriminator, image_shape, *labels, stochastic=noisy)
    return from_recipe(
        from_linen(generator, latent, *labels),
        judge,
        recipe,
        num_classes=num_classes,
        couples=couples,
        outputs=lambda: _outputs(judge, image_shape, labels),
    )


def play_pairs(
    generator: linen.Module,
    encoder: linen.Module,
    discriminator: linen.Module,
    image_shape: tuple[int, ...],
    recipe: Recipe,
    make: Make | None = None,
) -> Game:
    """The game of pairs of examples and codes: a generator and an encoder against one
    discriminator (1605.09782, 1606.00704).

    Args:
        generator: `(z, *, train) -> examples`.
        encoder: `(x, *, train) -> codes (batch, Z)`, or a `Posterior` of them.
        discriminator: `((x, z), *, train) -> logits`.
        image_shape: shape of one example.
        recipe: the method.
        make: see `from_recipe`; where generated examples have another shape than real ones.
    """
    latent = jax.eval_shape(recipe.prior, jax.random.key(0)).shape
    made = from_linen(generator, latent)
    pair = (
        jax.eval_shape(
            lambda key: made.apply(*made.init(key), jnp.zeros((2, *latent)), train=False)[
                0
            ],
            jax.random.key(0),
        ),
        jax.ShapeDtypeStruct((2, *latent), jnp.float32),
    )
    return from_recipe(
        made,
        from_linen(discriminator, pair),
        recipe,
        encoder=from_linen(encoder, image_shape),
        make=make,
    )


def latent_dim(method: str, prior: Prior) -> int:
    """Length of the latents of a prior, which an encoder is to find.

    Raises:
        ValueError: they are not rows of numbers.
    """
    shape = jax.eval_shape(prior, jax.random.key(0)).shape
    if len(shape) != 1:
        raise ValueError(f"{method} needs latents (Z,), its prior draws {shape}")
    return int(shape[0])


def no_labels(method: str, num_classes: int | None) -> None:
    """Refuses classes where a method has no place for them.

    Raises:
        ValueError: there are classes.
    """
    if num_classes is not None:
        raise ValueError(f"{method} takes no labels: leave data.num_classes out")


def _outputs(
    net: Net, image_shape: tuple[int, ...], labels: tuple[jax.ShapeDtypeStruct, ...]
) -> Array | Outputs:
    """Shapes of what a discriminator returns for two examples."""
    params, stats = jax.eval_shape(net.init, jax.random.key(0))
    images = jax.ShapeDtypeStruct((2, *image_shape), jnp.float32)
    apply = partial(net.apply, train=False)
    return jax.eval_shape(apply, params, stats, images, *labels)[0]
