"""What games of texts share: nets, the stage of maximum likelihood, samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from gan_jax.game import Aux, Batch, Game, Phase, Player, View, Views
from gan_jax.methods.recipe import Recipe
from gan_jax.methods.sides import DISCRIMINATOR, GENERATOR
from gan_jax.networks.text import (
    RecurrentGenerator,
    TextDiscriminator,
    counted,
)
from gan_jax.nn.adapter import from_linen
from gan_jax.numerics import mean32
from gan_jax.types import Array, Key, Net, PyTree, Scalar

USED = ("loss", "g_tx", "d_tx", "g_transform", "d_transform", "g_ema", "d_steps")
"""Fields of a recipe that games of texts have a place for."""
WINDOWS = (
    (1, 100), (2, 200), (3, 200), (4, 200), (5, 200), (6, 100), (7, 100), (8, 100),
    (9, 100), (10, 100), (15, 160), (20, 160),
)  # fmt: skip
"""Sizes of windows and numbers of filters in the authors' code of 1609.05473."""


def text_shape(method: str, image_shape: tuple[int, ...]) -> tuple[int, int]:
    """Length and size of the vocabulary.

    Raises:
        ValueError: the examples are no texts.
    """
    if len(image_shape) != 2 or image_shape[1] < 2:
        raise ValueError(
            f"{method} makes texts, of image_shape (length, tokens); got {image_shape}"
        )
    return image_shape[0], image_shape[1]


def text_nets(
    shape: tuple[int, int],
    generator: Mapping[str, Any],
    windows: tuple[tuple[int, int], ...] | None,
    d_embedding: int,
    dropout: float,
    dtype: DTypeLike,
) -> dict[str, Net]:
    """A recurrent generator and a discriminator of windows.

    Args:
        shape: length and size of the vocabulary.
        generator: further attributes of `RecurrentGenerator`.
        windows: see `TextDiscriminator`; None for `WINDOWS`, as far as they fit.
        d_embedding: of the discriminator.
        dropout: of the discriminator.
        dtype: compute type.

    Raises:
        ValueError: a window is longer than the texts.
    """
    length, tokens = shape
    if windows is None:
        windows = tuple(window for window in WINDOWS if window[0] <= length)
    if not windows or max(size for size, _ in windows) > length:
        raise ValueError(f"windows {windows} do not fit texts of {length} tokens")
    texts = jax.ShapeDtypeStruct((2, length), jnp.int32)
    policy = RecurrentGenerator(length, tokens, dtype=dtype, **generator)
    judge = TextDiscriminator(tokens, tuple(windows), d_embedding, dropout, dtype=dtype)
    return {
        GENERATOR: from_linen(policy, texts),
        DISCRIMINATOR: from_linen(judge, texts, stochastic=True),
    }


def text_players(recipe: Recipe) -> dict[str, Player]:
    """Who owns them."""
    return {
        GENERATOR: Player((GENERATOR,), recipe.g_tx, recipe.g_transform, recipe.g_ema),
        DISCRIMINATOR: Player((DISCRIMINATOR,), recipe.d_tx, recipe.d_transform),
    }


def asked(view: View, what: str, *inputs: Any) -> Array:
    """What a method of a net's module, such as "draw", gives."""
    made: Array = view.net.apply(
        view.params, view.stats, *inputs, train=False, method=what
    )[0]
    return made


def held(view: View) -> View:
    """A net through which no gradients flow."""
    return replace(view, params=jax.lax.stop_gradient(view.params))


def likelihood() -> Phase:
    """The generator maximises the likelihood of real texts, by teacher forcing."""

    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del keys, memory
        real = batch["image"]
        terms = asked(views[GENERATOR], "log_probs", real)
        # Over the whole length, as in the authors' code: an example weighs by its tokens.
        loss = -mean32(jnp.where(counted(real), terms, 0.0))
        return {GENERATOR: loss}, Aux(terms={"nll": loss * real.shape[1]})

    return Phase("likelihood", (GENERATOR,), objective)


def logit_size(view: View) -> Scalar:
    """Sum of squares of the discriminator's last layer, float32 ()."""
    leaves = jax.tree.leaves(view.params["logit"])
    return sum((jnp.sum(jnp.square(leaf)) for leaf in leaves), jnp.float32(0.0))


@dataclass(frozen=True)
class TextSample:
    """Samples of a game of texts, int32 (n, T).

    Attributes:
        averaged: whether they are of the generator's average, where it keeps one.
        temperature: that logits are divided by.
    """

    averaged: bool
    temperature: float = 1.0

    def __call__(self, views: Views, keys: Key, labels: Array | None) -> Array:
        """Texts of keys, one each."""
        if labels is not None:
            raise ValueError("labels were given to an unconditional model; leave them out")
        view = views.averaged(GENERATOR) if self.averaged else views[GENERATOR]
        return asked(view, "draw", keys, self.temperature)


def with_temperature(game: Game, temperature: float) -> Game:
    """A game of texts whose samples are of another temperature.

    Args:
        game: of texts.
        temperature: above 0; below 1 for likelier texts, above it for more unlike ones.

    Raises:
        ValueError: the game makes no texts, or the temperature is not positive.
    """
    if not isinstance(game.sample, TextSample):
        raise ValueError("the game makes no texts")
    if not temperature > 0.0:
        raise ValueError(f"the temperature must be positive, got {temperature}")
    return game._replace(sample=replace(game.sample, temperature=temperature))
