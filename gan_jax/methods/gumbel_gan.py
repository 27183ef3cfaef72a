"""A GAN of texts whose symbols are relaxed, to let gradients through (1611.04051)."""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import prng
from gan_jax.game import Aux, Batch, Game, Phase, Views
from gan_jax.methods.families import no_labels
from gan_jax.methods.recipe import Recipe, check_used
from gan_jax.methods.sides import DISCRIMINATOR, GENERATOR
from gan_jax.methods.texts import (
    USED,
    TextSample,
    asked,
    likelihood,
    logit_size,
    text_nets,
    text_players,
    text_shape,
)
from gan_jax.networks.text import CellFactory, lstm
from gan_jax.numerics import mean32
from gan_jax.types import Array, Key, PyTree, Scalar

STAGES = ("likelihood", "adversarial")
_GUMBEL = Recipe(g_tx=optax.adam(1e-3), d_tx=optax.adam(1e-3))


def gumbel_gan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    stage: str = "adversarial",
    embedding: int = 32,
    hidden: int = 32,
    cell: CellFactory = lstm,
    full: bool = False,
    temperatures: tuple[float, float] = (5.0, 1.0),
    annealing: tuple[float, float] = (0.0, 1e6),
    straight_through: bool = False,
    windows: tuple[tuple[int, int], ...] | None = None,
    d_embedding: int = 64,
    dropout: float = 0.25,
    l2: float = 0.0,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _GUMBEL,
) -> Game:
    """A GAN of texts by the Gumbel-softmax relaxation (1611.04051) on SeqGAN's networks.

    Rows of relaxed symbols (`RecurrentGenerator.relax`) are judged beside one-hot rows of
    real texts, and gradients reach the generator through them. Samples are drawn as texts.

    Args:
        image_shape: (length, tokens), tokens being the size of the vocabulary with the end.
        num_classes: None.
        stage: "likelihood", to begin with, or "adversarial".
        embedding: length of a token's vector in the generator.
        hidden: units of its cell.
        cell: "lstm" or "gru".
        full: whether all texts have the full length.
        temperatures: of the relaxation, the first and the last; in a straight line between.
        annealing: images seen at which it leaves the first and reaches the last.
        straight_through: whether the discriminator sees one-hot rows, with gradients as if
            they were relaxed (1611.01144, section 2.2).
        windows: sizes of the discriminator's windows and filters of each; None for those
            of SeqGAN, as far as they fit.
        d_embedding: length of a token's vector in the discriminator.
        dropout: rate of its features that are dropped.
        l2: weight of the squares of its last layer.
        dtype: compute type of the networks.
        recipe: the loss, `d_steps`, optimizers, transforms and the generator's average;
            nothing else of it has a place here.

    Raises:
        ValueError: there is no such stage, a temperature is not positive, the annealing
            has no length, the examples are no texts, or windows do not fit them.
    """
    no_labels("gumbel_gan", num_classes)
    check_used("gumbel_gan", recipe, *USED)
    if stage not in STAGES:
        raise ValueError(f"stage must be one of {', '.join(STAGES)}, got {stage!r}")
    if min(temperatures) <= 0.0 or not annealing[0] < annealing[1]:
        raise ValueError(
            f"temperatures must be positive and annealing must end after it begins; got "
            f"{temperatures} and {annealing}"
        )
    shape = text_shape("gumbel_gan", image_shape)
    generator = {"embedding": embedding, "hidden": hidden, "cell": cell, "full": full}

    def relaxed(views: Views, keys: Key) -> tuple[Array, Scalar]:
        """Relaxed texts, and their temperature."""
        heat = annealed(views.images_seen, temperatures, annealing)
        own = prng.stream(keys, "draw")
        return asked(views[GENERATOR], "relax", own, heat, straight_through), heat

    def fooling(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del memory
        fake, heat = relaxed(views, keys)
        seen, seen_fake = _judged(views, batch["image"], fake, keys)
        loss = recipe.loss.generator(seen, seen_fake)
        return {GENERATOR: loss}, Aux(metrics={"temperature": heat})

    def judging(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del memory
        seen, seen_fake = _judged(views, batch["image"], relaxed(views, keys)[0], keys)
        adversarial = recipe.loss.discriminator(seen, seen_fake)
        size = logit_size(views[DISCRIMINATOR])
        return {DISCRIMINATOR: adversarial + l2 * size}, Aux(
            metrics={"real_logits": mean32(seen), "fake_logits": mean32(seen_fake)},
            terms={"adversarial": adversarial, "l2": size},
        )

    against = Phase("discriminator", (DISCRIMINATOR,), judging, repeat=recipe.d_steps)
    phases = {
        "likelihood": (likelihood(),),
        "adversarial": (against, Phase("generator", (GENERATOR,), fooling)),
    }
    return Game(
        nets=text_nets(shape, generator, windows, d_embedding, dropout, dtype),
        players=text_players(recipe),
        phases=phases[stage],
        sample=TextSample(averaged=True),
    )


def annealed(
    images_seen: Scalar, ends: tuple[float, float], over: tuple[float, float]
) -> Scalar:
    """A value that goes from one end to the other in a straight line, float32 ().

    Args:
        images_seen: float32 ().
        ends: the first and the last value.
        over: images seen at which it leaves the first and reaches the last.
    """
    share = jnp.clip((images_seen - over[0]) / (over[1] - over[0]), 0.0, 1.0)
    return ends[0] + (ends[1] - ends[0]) * share


def _judged(views: Views, real: Array, fake: Array, keys: Key) -> tuple[Array, Array]:
    """Logits of real texts and of relaxed ones."""
    judge = views[DISCRIMINATOR]
    seen = judge(real, keys=prng.stream(keys, "real"))
    return seen, judge(fake, keys=prng.stream(keys, "fake"))
