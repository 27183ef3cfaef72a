"""The grid's games, their training and their scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_jax import compile_game, losses, penalties, tracing
from gan_jax.engine import Algorithm
from gan_jax.game import Game
from gan_jax.methods import Recipe, Weighted
from gan_jax.methods.families import play
from gan_jax.metrics.features import FeatureNet
from gan_jax.metrics.frechet import frechet_from_statistics, statistics
from gan_jax.metrics.recognition import recognition
from gan_jax.networks.robustness import ARCHITECTURES
from gan_jax.nn import BatchNorm, LayerNorm
from gan_jax.numerics import to_uint8
from gan_jax.optim import keep_params_in_box
from gan_jax.priors import normal
from gan_jax.state import GameState

SHAPE, WIDTH, BATCH, SEED, WORKERS = (28, 28, 1), 16, 8, 0, 2
UPDATES, DEEP_UPDATES = 300, 100
SAMPLES, SHOWN, RATE, CLIP = 1_000, 8, 2e-3, 0.1
DEEP, DIGITS, HELD_OUT = "resnet_101", 10, "held-out digits"
NARROW = 0.5
"""A cell with less than this part of the spread of digits gives nearly one image."""
QUICK = {"xla_backend_optimization_level": 1}
"""Twenty-eight programs run for seconds each: compiling them is half of the work."""

_DCGAN = Recipe(
    prior=normal(64), g_tx=optax.adam(RATE, b1=0.5), d_tx=optax.adam(RATE, b1=0.5)
)
_RMSPROP = optax.rmsprop(RATE)
_ADAM_GP = optax.adam(RATE, b1=0.5, b2=0.9)
OBJECTIVES: Mapping[str, Recipe] = {
    "DCGAN": _DCGAN,
    "LSGAN": _DCGAN._replace(loss=losses.least_squares, g_tx=_RMSPROP, d_tx=_RMSPROP),
    "WGAN": _DCGAN._replace(
        loss=losses.wasserstein,
        g_tx=_RMSPROP,
        d_tx=optax.chain(_RMSPROP, keep_params_in_box(-CLIP, CLIP)),
    ),
    "WGAN-GP": _DCGAN._replace(
        loss=losses.wasserstein,
        g_tx=_ADAM_GP,
        d_tx=_ADAM_GP,
        d_terms={"gp": Weighted(10.0, penalties.gradient_penalty())},
    ),
}
"""Kinds of optimizers and their momenta as in the paper, the rates and the box larger."""


class Score(NamedTuple):
    """What images are like, by the classifier and by their pixels.

    Attributes:
        distance: Fréchet distance in its features to 10,000 real digits.
        recognised: share of images of which it is sure.
        classes: exp(entropy of its guesses), from 1 to 10.
        spread: deviation of a pixel over images, of 255, a mean over pixels.
    """

    distance: float
    recognised: float
    classes: float
    spread: float

    def __str__(self) -> str:
        share = 100.0 * self.recognised
        return f"{self.distance:.0f} ({share:.0f}%, {self.classes:.1f})"


class Cell(NamedTuple):
    """One run: the score of its samples, and some of them, uint8 (SHOWN, H, W, C)."""

    score: Score
    pictures: np.ndarray


Cells = Mapping[tuple[str, str], Cell]
AXES = tuple(OBJECTIVES), tuple(ARCHITECTURES)


def game_of(objective: str, architecture: str) -> Game:
    """A cell's game; penalised critics have layer norm where others have batch norm."""
    norm = LayerNorm if objective == "WGAN-GP" else BatchNorm
    generator, discriminator = ARCHITECTURES[architecture](SHAPE, WIDTH, d_norm=norm)
    return play(generator, discriminator, SHAPE, OBJECTIVES[objective], None)


def samples_of(algorithm: Algorithm, state: GameState) -> np.ndarray:
    """Samples, uint8 (SAMPLES, H, W, C)."""

    @partial(jax.jit, compiler_options=QUICK)
    def draw(state: GameState, key: jax.Array) -> jax.Array:
        return to_uint8(algorithm.sample(state, key, SAMPLES // 4))

    keys = jax.random.split(jax.random.key(SEED + 1), 4)
    return np.concatenate([np.asarray(draw(state, key)) for key in keys])


def updates_of(architecture: str) -> int:
    """Updates of each player; those of the deep networks take many times as long."""
    return DEEP_UPDATES if architecture == DEEP else UPDATES


def train(algorithm: Algorithm, images: np.ndarray, updates: int) -> GameState:
    """A state after so many updates of both players."""
    # Initialised outside of jit, where a draw is compiled once for all arrays of a shape.
    state = algorithm.init(jax.random.key(SEED))
    step = jax.jit(algorithm.step, donate_argnums=0, compiler_options=QUICK)
    rng = np.random.default_rng(SEED)
    for _ in range(updates):
        rows = rng.integers(len(images), size=(1, BATCH))
        state, _ = step(state, {"image": jnp.asarray(images[rows])})
    return state


def run_cell(
    images: np.ndarray, score: Callable[[np.ndarray], Score], name: tuple[str, str]
) -> Cell:
    """Trains and scores one cell."""
    objective, architecture = name
    algorithm = compile_game(game_of(objective, architecture))
    # As on a GPU, without this library's formulations of convolutions for the CPU: at so
    # many layers of so few channels compiling them costs more than they save.
    native = architecture == DEEP
    with tracing.platform("gpu") if native else nullcontext():
        state = train(algorithm, images, updates_of(architecture))
        samples = samples_of(algorithm, state)
    cell = Cell(score(samples), samples[:SHOWN])
    print(f"{objective} on {architecture}: {cell.score}", flush=True)
    return cell


def score_in(net: FeatureNet, real: np.ndarray) -> Callable[[np.ndarray], Score]:
    """Scores of images against real ones, by a classifier, and their spread."""
    known = statistics(net.features(real), "real features")

    def score(images: np.ndarray) -> Score:
        features, logits = net.outputs(images)
        told = recognition(logits)
        return Score(
            frechet_from_statistics(*known, *statistics(features, "fake features")),
            told["recognised_share"],
            DIGITS * told["class_balance"],
            float(images.std(axis=0).mean()),
        )

    return score


def measure(images: np.ndarray, score: Callable[[np.ndarray], Score]) -> Cells:
    """All cells, those of the deep networks early and spread out, so that no core waits."""
    names = list(product(*AXES))[::-1]
    with ThreadPoolExecutor(WORKERS) as pool:
        cells = pool.map(partial(run_cell, images, score), names)
        return dict(zip(names, cells, strict=True))


def references(
    held_out: np.ndarray, score: Callable[[np.ndarray], Score]
) -> dict[str, Score]:
    """What held-out digits and the baseline before training score."""
    untrained = compile_game(game_of("DCGAN", "baseline"))
    start = untrained.init(jax.random.key(SEED))
    return {
        HELD_OUT: score(held_out[:SAMPLES]),
        "the baseline before training": score(samples_of(untrained, start)),
    }
