"""The discriminator of a run alone: a classifier that sees labelled digits only."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import jax
import numpy as np

from gan_jax import losses, prng
from gan_jax.engine import compile_game
from gan_jax.game import Aux, Batch, Game, Phase, View, Views
from gan_jax.methods.sides import DISCRIMINATOR
from gan_jax.numerics import to_unit
from gan_jax.sampler import views_of
from gan_jax.session import Session
from gan_jax.types import Array, Key, PyTree, Scalar

LABELLED = "labelled"


class Alone(NamedTuple):
    """How such a classifier fared.

    Attributes:
        steps: after which it was tested.
        accuracy: on test digits then.
        minutes: that its steps took.
    """

    steps: tuple[int, ...]
    accuracy: tuple[float, ...]
    minutes: float


def supervised_game(game: Game) -> Game:
    """The supervised part of a semi-supervised game (1606.03498, section 5): its
    discriminator, moved by the same player, on the labelled examples alone.
    """

    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del memory
        known = batch[LABELLED]
        noise = prng.stream(keys, "noise")
        outputs = views[DISCRIMINATOR](to_unit(known["image"]), keys=noise)
        loss = losses.supervised(outputs.classes, known["label"])
        return {DISCRIMINATOR: loss}, Aux(terms={"supervised": loss})

    return Game(
        nets={DISCRIMINATOR: game.nets[DISCRIMINATOR]},
        players={DISCRIMINATOR: game.players[DISCRIMINATOR]},
        phases=(Phase("supervised", (DISCRIMINATOR,), objective),),
        sample=_nothing,
    )


def _nothing(views: Views, keys: Key, labels: Array | None) -> Any:
    raise TypeError("a classifier alone makes no samples")


def train_alone(session: Session, every: int, test: Callable[[View], float]) -> Alone:
    """Trains it for as many steps as the run's config has, on the very batches of labelled
    examples that the run sees.

    Args:
        session: of the semi-supervised run.
        every: steps after which it is tested.
        test: accuracy of a discriminator.
    """
    game = supervised_game(session.program[-1].game)
    algorithm = compile_game(game)
    state = algorithm.init(session.key)
    step = jax.jit(algorithm.step, donate_argnums=0)
    reached, spent = {}, 0.0
    with closing(session.pipeline.iterate(0, 1)) as batches:
        for start in range(0, session.config.train.steps, every):
            began = time.monotonic()
            for batch in islice(batches, every):
                state, _ = step(state, {LABELLED: batch[LABELLED]})
            jax.block_until_ready(state)
            spent += time.monotonic() - began
            reached[start + every] = test(views_of(game, state).averaged(DISCRIMINATOR))
    return Alone(tuple(reached), tuple(reached.values()), spent / 60.0)


def accuracy_of(view: View, images: np.ndarray, labels: np.ndarray, size: int) -> float:
    """Share of images whose class a discriminator names, without noise.

    Args:
        view: of the discriminator.
        images: uint8 (n, H, W, C).
        labels: int (n,).
        size: images that are seen at a time, which minibatch discrimination looks at
            together; n is a multiple of it.
    """
    batches = images.reshape(-1, size, *images.shape[1:])
    named = _named(view.net.apply, view.params, view.stats, batches)
    return float(np.mean(np.asarray(named).reshape(-1) == labels))


@partial(jax.jit, static_argnums=0)
def _named(apply: Any, params: PyTree, stats: PyTree, images: Array) -> Array:
    """int32 (batches, size) of uint8 (batches, size, H, W, C)."""

    def of(batch: Array) -> Array:
        outputs, _ = apply(params, stats, to_unit(batch), train=False)
        return outputs.classes.argmax(axis=-1)

    return jax.lax.map(of, images)
