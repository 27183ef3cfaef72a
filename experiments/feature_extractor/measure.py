"""What a linear SVM reads out of features, from few labels or many."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from experiments.feature_extractor.kmeans import (
    CENTROIDS,
    PATCHES,
    kmeans_features,
    learn,
    random_patches,
)
from experiments.feature_extractor.runs import CLASSES, GRID, LABELS, STRENGTHS
from experiments.logs import read_lines, training_minutes
from gan_jax.metrics.classifier import LabelledImages
from gan_jax.metrics.discriminator_features import discriminator_features
from gan_jax.metrics.probes import svm_probe
from gan_jax.trained import open_run

Extract = Callable[[np.ndarray], np.ndarray]
"""uint8 images (n, H, W, C) to float32 (n, d)."""

TRAINED, UNTRAINED = "DCGAN's discriminator", "the same, untrained"
KMEANS, PIXELS = "k-means", "pixels"
FEATURES = (TRAINED, UNTRAINED, KMEANS, PIXELS)


class Read(NamedTuple):
    """What was read out of one seed's features.

    Attributes:
        width: number of features.
        accuracy: share of test digits classified rightly, by the number of labels a class.
        chosen: the SVM's C, by the same.
    """

    width: int
    accuracy: Mapping[int, float]
    chosen: Mapping[int, float]


def digits_of(workdir: Path) -> LabelledImages:
    """All of MNIST, as a run's networks see it."""
    run = open_run(workdir)
    found = []
    for split, count in (("train", 60_000), ("test", 10_000)):
        images, labels = run.real_images(count, split)
        assert labels is not None  # of built-in data
        found += [images, labels]
    return LabelledImages(*found)


def draw_labels(labels: np.ndarray, each: int, seed: int) -> np.ndarray:
    """Rows of `each` examples of every class; fewer of one seed are among its more."""
    order = np.random.default_rng(seed).permutation(len(labels))
    rows = [order[labels[order] == label][:each] for label in range(CLASSES)]
    return np.concatenate(rows)


def extractor(name: str, seed: int, workdir: Path, digits: LabelledImages) -> Extract:
    """The features of a name in `FEATURES`.

    Args:
        name: of the features.
        seed: of untrained weights and of k-means.
        workdir: of the seed's run.
        digits: whose training images, without labels, k-means learns from.
    """
    if name == PIXELS:
        return lambda images: (images.reshape(len(images), -1) / 255.0).astype(np.float32)
    if name == KMEANS:
        patches = random_patches(digits.train_images, PATCHES, seed)
        return kmeans_features(learn(patches, CENTROIDS, seed)).features
    run = open_run(workdir)
    if name == UNTRAINED:
        run = run._replace(state=run.algorithm.init(jax.random.key(seed)))
    return discriminator_features(run.discriminator, grid=GRID).features


def read_out(extract: Extract, digits: LabelledImages, seed: int) -> Read:
    """Accuracies of L2-SVMs on features.

    Args:
        extract: the features.
        digits: to learn from and to be tested on.
        seed: of the draw of labels, and of the SVM.
    """
    rows = draw_labels(digits.train_labels, max(LABELS), seed)
    known, labels = extract(digits.train_images[rows]), digits.train_labels[rows]
    tested = extract(digits.test_images)
    accuracy, chosen = {}, {}
    for each in LABELS:
        # Rows stand class by class.
        some = np.arange(len(rows)).reshape(CLASSES, -1)[:, :each].reshape(-1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            probe = svm_probe(
                known[some],
                labels[some],
                tested,
                digits.test_labels,
                strengths=STRENGTHS,
                seed=seed,
            )
        accuracy[each], chosen[each] = probe.accuracy, probe.chosen
    return Read(known.shape[1], accuracy, chosen)


def kept(file: Path, make: Callable[[], Read]) -> Read:
    """What a file holds, or what is made now and written to it."""
    if not file.exists():
        file.write_text(json.dumps(make()._asdict()))
    stored = json.loads(file.read_text())
    by_labels = ({int(k): v for k, v in stored[n].items()} for n in Read._fields[1:])
    return Read(stored["width"], *by_labels)


def minutes(workdir: Path) -> float:
    """That a run's steps took."""
    return training_minutes(read_lines(workdir / "metrics.jsonl"))
