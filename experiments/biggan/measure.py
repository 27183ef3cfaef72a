"""What is measured on finished runs: scores of samples, drawn in one way or another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from experiments.biggan.runs import CLASSES, ROWS, SCORED, SEED, Row, row_config
from experiments.logs import read_lines, starts, training_minutes
from gan_jax import prng, registry, trees
from gan_jax.checkpoint import load
from gan_jax.data import make_pipeline
from gan_jax.data.builtin_source import open_builtin
from gan_jax.game import View
from gan_jax.metrics.features import FeatureNet
from gan_jax.metrics.frechet import frechet_distance
from gan_jax.metrics.prdc import precision_recall_density_coverage
from gan_jax.numerics import to_uint8
from gan_jax.players import live_params, make_views
from gan_jax.priors import normal, truncated_normal
from gan_jax.sampling import standing_statistics
from gan_jax.session import open_session
from gan_jax.trained import load_config
from gan_jax.types import Array, Stats

THRESHOLDS = (None, 2.0, 1.5, 1.0, 0.7, 0.5, 0.3, 0.15)
"""Of truncated latents; None are normal ones."""
PASSES, PASS_BATCH = 16, 100
"""Batches that standing statistics are means over, and examples in each."""
SURE, NEIGHBOURS = 0.9, 5
_DATA = "emoji_google"


class Labelled(NamedTuple):
    """Images uint8 (n, H, W, C), and labels int32 (n,)."""

    images: np.ndarray
    labels: np.ndarray


class Trained(NamedTuple):
    """A finished run.

    Attributes:
        stats: running statistics of the generator's average.
        latent: length of its latents.
        images: `(latents, labels, statistics) -> uint8 images`, compiled.
        stand: `(latents, labels) -> statistics`, both in passes, compiled.
    """

    stats: Stats
    latent: int
    images: Callable[[Array, Array, Stats], Array]
    stand: Callable[[Array, Array], Stats]


class Scores(NamedTuple):
    """What samples are like, in the features of the project's emoji classifier.

    Attributes:
        distance: Fréchet distance to the training images.
        precision: share of samples in the balls of training images, which reach to their
            `NEIGHBOURS`-th neighbour.
        recall: share of training images in the balls of samples.
        recognised: share of samples of whose category the classifier is sure.
        accuracy: share of samples to which it gives the category asked for.
    """

    distance: float
    precision: float
    recall: float
    recognised: float
    accuracy: float


Scoring = Callable[[Labelled], Scores]
Curve = Mapping[float | None, tuple[Scores, Scores]]
"""By threshold: with running and with standing statistics."""


class Finished(NamedTuple):
    """A run of the command line.

    Attributes:
        scores: of normal latents, with running statistics.
        lines: its metrics.
        parameters: of both networks.
        steps: of the generator.
        d_steps: of the discriminator to each.
        starts: how often it was started, or went on.
        minutes: that its steps took.
    """

    scores: Scores
    lines: Sequence[Mapping[str, Any]]
    parameters: int
    steps: int
    d_steps: int
    starts: int
    minutes: float


class Cell(NamedTuple):
    """A row of the ablation at small scale: its scores and its parameters."""

    scores: Scores
    parameters: int


# Data and runs.


@cache
def real_images(side: int, split: str) -> Labelled:
    """Emoji as the networks see them."""
    source = open_builtin(_DATA, split)
    pipeline = make_pipeline(
        source, image_shape=(side, side, 3), batch_size=len(source), seed=SEED
    )
    batch = pipeline.rounds(0, 1)
    return Labelled(batch["image"][0], batch["label"][0].astype(np.int32))


def category_names() -> Sequence[str]:
    """Names of the categories, by label."""
    names = open_builtin(_DATA, "train").class_names
    assert names is not None
    return names


def data_labels(count: int) -> np.ndarray:
    """Labels as frequent as in the training images, int32 (count,)."""
    labels = open_builtin(_DATA, "train").arrays["label"]
    return np.random.default_rng(SEED).choice(labels, count).astype(np.int32)


def chosen_by_class(real: Labelled, each: int) -> np.ndarray:
    """Images in the order of the categories, again where there are fewer than `each`."""
    rows = [np.resize(np.flatnonzero(real.labels == y), each) for y in range(CLASSES)]
    return real.images[np.concatenate(rows)]


def open_run(workdir: Path) -> Trained:
    """The newest state of a run.

    Raises:
        FileNotFoundError: there is none.
    """
    config = load_config(str(workdir))
    session = open_session(config)
    restored = load(workdir / "checkpoints", session.abstract)
    if restored is None:
        raise FileNotFoundError(workdir)
    game, state = session.program[-1].game, restored.state
    views = make_views(game, live_params(state), state, jnp.zeros(()))
    # The configs of SNGAN and SAGAN leave the method's own prior, of 128 values.
    return trained(views.averaged("generator"), config.recipe.latent_dim or 128)


def trained(generator: View, latent: int) -> Trained:
    """A generator, with what is done to it compiled."""

    @jax.jit
    def images(z: Array, labels: Array, stats: Stats) -> Array:
        return to_uint8(generator.with_stats(z, labels, train=False, stats=stats)[0])

    @jax.jit
    def stand(z: Array, labels: Array) -> Stats:
        return standing_statistics(generator, z, labels)

    return Trained(generator.stats, latent, images, stand)


def parameters(config: ConfigDict) -> int:
    """Parameters of all networks of a config. Nothing is computed."""
    game = registry.resolve(config, tuple(config.data.image_shape)).program[-1].game
    nets = game.nets.values()
    return sum(trees.count(jax.eval_shape(n.init, jax.random.key(0))[0]) for n in nets)


# Samples.


def latents(run: Trained, count: int, threshold: float | None, name: str) -> Array:
    """Latents (count, Z), of which values beyond a threshold, if any, are drawn again."""
    size = run.latent
    prior = normal(size) if threshold is None else truncated_normal(size, threshold)
    key = prng.fold_name(jax.random.key(SEED), name)
    return prng.draw(prng.per_example(key, count), prior)


def standing(run: Trained, threshold: float | None) -> Stats:
    """Statistics of the generator at the settings of sampling."""
    z = latents(run, PASSES * PASS_BATCH, threshold, "standing")
    y = jnp.asarray(data_labels(PASSES * PASS_BATCH))
    passes = (PASSES, PASS_BATCH)
    return run.stand(z.reshape(*passes, -1), y.reshape(passes))


def draw(run: Trained, z: Array, labels: np.ndarray, stats: Stats) -> Labelled:
    """Images of latents (n, Z) and labels (n,), in batches of at most `PASS_BATCH`."""
    parts = [
        np.asarray(run.images(z[rows], jnp.asarray(labels[rows]), stats))
        for start in range(0, len(z), PASS_BATCH)
        for rows in [slice(start, start + PASS_BATCH)]
    ]
    return Labelled(np.concatenate(parts), labels)


def by_class(run: Trained, each: int, threshold: float | None = None) -> np.ndarray:
    """Samples with running statistics, `each` of one category after the other."""
    z = latents(run, CLASSES * each, threshold, "by class")
    labels = np.repeat(np.arange(CLASSES, dtype=np.int32), each)
    return draw(run, z, labels, run.stats).images


# Scores.


def score_in(net: FeatureNet, real: np.ndarray) -> Scoring:
    """The scores of images against real ones, in the features of a classifier."""
    known = net.features(real)

    def score(samples: Labelled) -> Scores:
        features, logits = net.outputs(samples.images)
        shares = precision_recall_density_coverage(known, features, neighbours=NEIGHBOURS)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return Scores(
            distance=frechet_distance(known, features),
            precision=shares.precision,
            recall=shares.recall,
            recognised=float(np.mean(1.0 / odds.sum(axis=1) >= SURE)),
            accuracy=float(np.mean(logits.argmax(axis=1) == samples.labels)),
        )

    return score


def scores_of(
    run: Trained, score: Scoring, threshold: float | None = None, *, stand: bool = False
) -> Scores:
    """Scores of samples with categories as frequent as in the data.

    Args:
        run: whose.
        score: from `score_in`.
        threshold: of the latents, None for normal ones.
        stand: whether with standing in place of running statistics.
    """
    z, labels = latents(run, SCORED, threshold, "scored"), data_labels(SCORED)
    stats = standing(run, threshold) if stand else run.stats
    return score(draw(run, z, labels, stats))


def truncation(run: Trained, score: Scoring) -> Curve:
    """Scores at every threshold."""
    return {
        threshold: (
            scores_of(run, score, threshold),
            scores_of(run, score, threshold, stand=True),
        )
        for threshold in THRESHOLDS
    }


def finished(folder: Path, method: str, run: Trained, score: Scoring) -> Finished:
    """One of the three runs."""
    config = load_config(str(folder / method))
    lines = read_lines(folder / method / "metrics.jsonl")
    return Finished(
        scores=scores_of(run, score),
        lines=lines,
        parameters=parameters(config),
        steps=config.train.steps,
        d_steps=config.recipe.d_steps,
        starts=starts(folder / method),
        minutes=training_minutes(lines),
    )


def ablation(folder: Path, score: Scoring) -> dict[Row, Cell]:
    """The rows of the ablation."""
    return {
        row: Cell(
            scores_of(open_run(folder / row.name), score), parameters(row_config(row))
        )
        for row in ROWS
    }
