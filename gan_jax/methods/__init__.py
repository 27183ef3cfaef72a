"""Methods: builders of games, by name in `METHODS`."""

from __future__ import annotations

from collections.abc import Callable

from gan_jax.game import Game
from gan_jax.methods.dcgan import dcgan, lsgan, wgan
from gan_jax.methods.gan import gan, ns_gan
from gan_jax.methods.recipe import Augmentation, Recipe
from gan_jax.methods.resnet import sngan, wgan_gp
from gan_jax.methods.terms import Remembering, Round, Term, Weighted
from gan_jax.methods.two_player import from_recipe, two_player

METHODS: dict[str, Callable[..., Game]] = {
    "gan": gan,
    "ns_gan": ns_gan,
    "dcgan": dcgan,
    "lsgan": lsgan,
    "wgan": wgan,
    "wgan_gp": wgan_gp,
    "sngan": sngan,
}
"""Every builder is called `(*, image_shape, num_classes=None, recipe=..., **sizes)`."""

__all__ = [
    "METHODS",
    "Augmentation",
    "Recipe",
    "Remembering",
    "Round",
    "Term",
    "Weighted",
    "dcgan",
    "from_recipe",
    "gan",
    "lsgan",
    "ns_gan",
    "sngan",
    "two_player",
    "wgan",
    "wgan_gp",
]
