"""What is measured of samples that were asked for by class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.conditional.runs import CLASSES, SEEDS
from experiments.logs import read_lines, training_minutes
from gan_jax import prng
from gan_jax.analyses import common
from gan_jax.metrics.accuracy_score import Accuracy, accuracy_of
from gan_jax.metrics.features import FeatureNet
from gan_jax.metrics.frechet import frechet_distance, statistics
from gan_jax.metrics.image_quality import Measure
from gan_jax.metrics.intra_class import intra_class_frechet_distance
from gan_jax.numerics import to_uint8
from gan_jax.sampler import in_turn
from gan_jax.trained import open_run

EACH, REFERENCE, PAIRS = 500, 2_000, 50
"""Of each class: samples that are scored, training digits that they are compared with, and
pairs of samples of which perceptual distances are taken."""
_PASS = 500
_CURVE = "score/classifier_accuracy/mnist_classifier"


class Labelled(NamedTuple):
    """Images uint8 (n, H, W, C), and int32 (n,) labels that they have or were asked by."""

    images: np.ndarray
    labels: np.ndarray


class Scores(NamedTuple):
    """What labelled images are like to the project's own digit classifier.

    Attributes:
        accuracy: share of images in which it sees their label, of all and by class.
        distance: Fréchet distance to training digits.
        intra_class: mean over classes of the Fréchet distance of a class to its digits.
        spread: mean over classes of the root mean squared distance of two images of a
            class, in the classifier's features, of those in which it sees their label.
        perceptual: the same of perceptual distances, without square and root.
    """

    accuracy: Accuracy
    distance: float
    intra_class: float
    spread: float
    perceptual: float


Scoring = Callable[[Labelled], Scores]


class Finished(NamedTuple):
    """A run.

    Attributes:
        scores: of its samples.
        shown: the first of them.
        steps: at which accuracy was logged, int (k,).
        curve: that accuracy, float (k,); empty of a run without classes.
        minutes: that its steps took.
    """

    scores: Scores
    shown: np.ndarray
    steps: np.ndarray
    curve: np.ndarray
    minutes: float


def balanced(
    images: np.ndarray, labels: np.ndarray, each: int, *, skip: int = 0
) -> Labelled:
    """`each` images of every class, classes in turn, in an order drawn by the first seed:
    MNIST's own has the clearer digits first in its test part.

    Args:
        images: uint8 (n, H, W, C).
        labels: int (n,).
        each: number of each class.
        skip: how many of each class of that order are left out before them.
    """
    order = np.random.default_rng(SEEDS[0]).permutation(len(labels))
    rows = [order[labels[order] == label][skip : skip + each] for label in range(CLASSES)]
    chosen = np.stack(rows, axis=1).reshape(-1)
    return Labelled(images[chosen], labels[chosen].astype(np.int32))


def samples_of(workdir: Path, seed: int, count: int) -> Labelled:
    """Samples of a run's average, asked for by classes in turn; those of a run without
    classes get the same labels.
    """
    run = open_run(workdir)
    labels = in_turn(CLASSES)(np.arange(count))
    assert labels is not None  # there are classes
    asked = None if run.data.num_classes is None else jnp.asarray(labels)
    key = prng.fold_name(jax.random.key(seed), "scored")
    latents, make = run.latents(key, count, asked), common.generator(run)
    parts = [
        np.asarray(to_uint8(make(latents[rows], None if asked is None else asked[rows])))
        for start in range(0, count, _PASS)
        for rows in [slice(start, start + _PASS)]
    ]
    return Labelled(np.concatenate(parts), labels)


def within_classes(
    images: Labelled, features: np.ndarray, perceptual: Measure
) -> tuple[float, float]:
    """How far two images of a class lie apart, a mean over classes that have two.

    Args:
        images: n of them, none of which has a wrong label.
        features: float (n, d).
        perceptual: of pairs.

    Returns:
        `Scores.spread` and `Scores.perceptual`; NaN if no class has two images.
    """
    spreads, apart = [], []
    for label in range(CLASSES):
        rows = np.flatnonzero(images.labels == label)
        if len(rows) < 2:
            continue
        # Two independent draws differ by twice the variance.
        covariance = statistics(features[rows]).covariance
        spreads.append(np.sqrt(2.0 * np.trace(covariance)))
        pairs = images.images[rows[: min(2 * PAIRS, len(rows) // 2 * 2)]]
        apart.append(perceptual(pairs[::2], pairs[1::2]).mean())
    if not spreads:
        return float("nan"), float("nan")
    return float(np.mean(spreads)), float(np.mean(apart))


def score_in(net: FeatureNet, real: Labelled, perceptual: Measure) -> Scoring:
    """The scores of labelled images against real ones.

    Args:
        net: a classifier.
        real: of as many images in each class.
        perceptual: of pairs.
    """
    known = net.features(real.images)

    def score(images: Labelled) -> Scores:
        features, logits = net.outputs(images.images)
        assert logits is not None  # it is a classifier
        right = logits.argmax(axis=1) == images.labels
        kept = Labelled(images.images[right], images.labels[right])
        apart = within_classes(kept, features[right], perceptual)
        intra = intra_class_frechet_distance(known, real.labels, features, images.labels)
        return Scores(
            accuracy_of(net, *images),
            frechet_distance(known, features),
            intra.mean,
            *apart,
        )

    return score


def measure(workdir: Path, seed: int, score: Scoring, shown: int) -> Finished:
    """A finished run.

    Args:
        workdir: of the run.
        seed: of the samples' latents.
        score: from `score_in`.
        shown: how many samples are kept.
    """
    samples = samples_of(workdir, seed, CLASSES * EACH)
    lines = read_lines(workdir / "metrics.jsonl")
    logged = [line for line in lines if _CURVE in line]
    return Finished(
        score(samples),
        samples.images[:shown],
        np.array([line["step"] for line in logged], int),
        np.array([line[_CURVE] for line in logged]),
        training_minutes(lines),
    )
