"""What is measured of translations of emoji whose true counterparts are known."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.logs import read_lines, training_minutes
from experiments.translation.runs import FIRST, SECOND, SIDE
from gan_jax.data import ImageTransform, open_source
from gan_jax.data.transform import fit_all
from gan_jax.metrics.features import FeatureNet
from gan_jax.metrics.image_quality import Measure
from gan_jax.numerics import to_uint8, to_unit
from gan_jax.trained import open_run
from gan_jax.types import Array

Translate = Callable[[np.ndarray, str], np.ndarray]
"""uint8 (n, H, W, C), and the direction's name, to the same of the other style."""


class Scores(NamedTuple):
    """How near translations come to their true counterparts.

    Attributes:
        l1: mean absolute difference of pixels, of 255.
        features: mean distance in features of the project's emoji classifier.
        perceptual: mean perceptual distance in SqueezeNet.
        first: share of translations whose counterpart is the nearest of all held-out emoji
            of the other style, in the classifier's features.
        rank: mean reciprocal rank of the counterpart among them.
    """

    l1: float
    features: float
    perceptual: float
    first: float
    rank: float


class Finished(NamedTuple):
    """A run.

    Attributes:
        scores: of it.
        made: uint8 (n, H, W, C), translations of held-out emoji.
        minutes: that its steps took; 0 of what is not trained.
    """

    scores: Scores
    made: np.ndarray
    minutes: float


class Judge(NamedTuple):
    """What translations are measured by.

    Attributes:
        net: the emoji classifier.
        perceptual: of pairs.
        given: uint8 (n, H, W, C), held-out emoji in the first style.
        truth: the same emoji in the second.
    """

    net: FeatureNet
    perceptual: Measure
    given: np.ndarray
    truth: np.ndarray


def emoji(style: str, split: str) -> np.ndarray:
    """All emoji of a style and split, uint8 (n, SIDE, SIDE, 3)."""
    source = open_source(f"builtin:{style}:{split}")
    arrays = getattr(source, "arrays", None)
    assert arrays is not None, "built-in pictures lie in memory"
    return fit_all(arrays["image"], (SIDE, SIDE, 3), ImageTransform())


def judge(net: FeatureNet, perceptual: Measure) -> Judge:
    """The judge of held-out emoji; equal rows of both styles are one emoji."""
    return Judge(net, perceptual, emoji(FIRST, "test"), emoji(SECOND, "test"))


def score(made: np.ndarray, by: Judge) -> Scores:
    """Scores of translations uint8 (n, H, W, C), in the order of the judge's emoji."""
    mine, theirs = by.net.features(made), by.net.features(by.truth)
    ranks = ranks_of(mine, theirs)
    return Scores(
        float(np.abs(made.astype(np.float64) - by.truth).mean()),
        float(np.linalg.norm(mine - theirs, axis=1).mean()),
        float(by.perceptual(made, by.truth).mean()),
        float((ranks == 1).mean()),
        float((1.0 / ranks).mean()),
    )


def ranks_of(mine: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Rank, from 1, of row i of the second among all its rows by their distance to row i
    of the first; of equally near ones the middle rank.

    Args:
        mine: float (n, F).
        theirs: float (n, F).
    """
    from scipy.spatial.distance import cdist
    from scipy.stats import rankdata

    ranks = rankdata(cdist(mine, theirs), axis=1)
    return np.asarray(np.diagonal(ranks))


def recoloured(given: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Images whose colours are matched, channel by channel, by the map that takes the
    histogram of all pixels of a style to that of the other one.

    Args:
        given: uint8 (n, H, W, C).
        first: uint8 images of their style.
        second: uint8 images of the other one.
    """
    made = np.empty_like(given)
    for channel in range(given.shape[-1]):
        ours, theirs = (
            np.bincount(images[..., channel].ravel(), minlength=256).cumsum()
            / images[..., channel].size
            for images in (first, second)
        )
        # The first level up to which the other style has as large a share of pixels.
        levels = np.searchsorted(theirs, ours - 1e-9).astype(np.uint8)
        made[..., channel] = levels[given[..., channel]]
    return made


def translator(workdir: Path) -> Translate:
    """What a finished run makes of images."""
    run = open_run(workdir)

    @partial(jax.jit, static_argnames="direction")
    def translated(images: Array, direction: str) -> Array:
        key = jax.random.key(0)
        made = run.algorithm.translate(run.state, key, to_unit(images), direction)
        return to_uint8(made)

    return lambda images, direction: np.asarray(
        translated(jnp.asarray(images), direction=direction)
    )


def measure(workdir: Path, by: Judge) -> Finished:
    """A finished run, by its translations of the judge's emoji into the second style."""
    made = translator(workdir)(by.given, "second")
    minutes = training_minutes(read_lines(workdir / "metrics.jsonl"))
    return Finished(score(made, by), made, minutes)
