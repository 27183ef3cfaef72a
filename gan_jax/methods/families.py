"""What builders of methods share: networks as nets of a two-player game."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen

from gan_jax.game import Game
from gan_jax.methods.recipe import Recipe
from gan_jax.methods.two_player import from_recipe
from gan_jax.nn.adapter import from_linen
from gan_jax.types import Array, Net, Outputs


def play(
    generator: linen.Module,
    discriminator: linen.Module,
    image_shape: tuple[int, ...],
    recipe: Recipe,
    num_classes: int | None,
    *,
    couples: bool = False,
) -> Game:
    """The two-player game of two flax networks.

    Args:
        generator: `(z, y=None, *, train) -> examples (batch, *image_shape)`.
        discriminator: `(x, y=None, *, train) -> logits (batch,)`.
        image_shape: shape of one example.
        recipe: the method.
        num_classes: number of classes, or None; conditional networks take labels.
        couples: whether a layer of the discriminator looks at the batch as a whole.
    """
    latent = jax.eval_shape(recipe.prior, jax.random.key(0)).shape
    labels = () if num_classes is None else (jax.ShapeDtypeStruct((2,), jnp.int32),)
    judge = from_linen(discriminator, image_shape, *labels)
    return from_recipe(
        from_linen(generator, latent, *labels),
        judge,
        recipe,
        num_classes=num_classes,
        couples=couples,
        outputs=lambda: _outputs(judge, image_shape, labels),
    )


def _outputs(
    net: Net, image_shape: tuple[int, ...], labels: tuple[jax.ShapeDtypeStruct, ...]
) -> Array | Outputs:
    """Shapes of what a discriminator returns for two examples."""
    params, stats = jax.eval_shape(net.init, jax.random.key(0))
    images = jax.ShapeDtypeStruct((2, *image_shape), jnp.float32)
    apply = partial(net.apply, train=False)
    return jax.eval_shape(apply, params, stats, images, *labels)[0]
