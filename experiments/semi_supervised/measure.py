"""Test accuracy of the study's classifiers, over training and at its end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from experiments.logs import read_lines, training_minutes
from experiments.semi_supervised.alone import accuracy_of
from experiments.semi_supervised.runs import ALONE, BATCHES, CLASSES
from experiments.semi_supervised.train import TESTED
from gan_jax.analyses import common
from gan_jax.checkpoint import saved_steps
from gan_jax.metrics.features import FeatureNet
from gan_jax.metrics.frechet import frechet_distance
from gan_jax.metrics.recognition import recognition
from gan_jax.trained import Trained, open_run

TESTS, SAMPLES = 10_000, 2_000


class Samples(NamedTuple):
    """What a generator makes, to the project's own digit classifier.

    Attributes:
        distance: Fréchet distance to training digits.
        recognised: share of samples of which it is sure.
        classes: exp(entropy of its guesses), from 1 to 10.
    """

    distance: float
    recognised: float
    classes: float


class Finished(NamedTuple):
    """A run.

    Attributes:
        steps: after which it was tested.
        accuracy: on test digits then, float (k,); the last is the run's result.
        minutes: that its steps took.
        samples: of its generator, None of a classifier alone.
    """

    steps: np.ndarray
    accuracy: np.ndarray
    minutes: float
    samples: Samples | None


def measure(name: str, workdir: Path, net: FeatureNet) -> Finished:
    """A finished run.

    Args:
        name: in `runs.NAMES`.
        workdir: of the run.
        net: the digit classifier.
    """
    if name == ALONE:
        kept: Mapping[str, list[float]] = json.loads((workdir / TESTED).read_text())
        return Finished(
            np.array(kept["steps"], int),
            np.array(kept["accuracy"]),
            float(kept["minutes"]),  # type: ignore[arg-type]
            None,
        )
    run = open_run(workdir)
    images, labels = run.real_images(TESTS, "test")
    assert labels is not None  # MNIST has them
    steps = [step for step in saved_steps(workdir / "checkpoints") if step]
    # One network for all states, which is compiled once.
    net_of_run = run.discriminator.net
    views = (open_run(workdir, step=step).discriminator for step in steps)
    accuracy = [
        accuracy_of(replace(view, net=net_of_run), images, labels, BATCHES[name])
        for view in views
    ]
    return Finished(
        np.array(steps, int),
        np.array(accuracy),
        training_minutes(read_lines(workdir / "metrics.jsonl")),
        _samples(run, net),
    )


def _samples(run: Trained, net: FeatureNet) -> Samples:
    images, _ = common.samples(run, jax.random.key(0), SAMPLES)
    real, _ = run.real_images(TESTS)
    features, logits = net.outputs(images)
    assert logits is not None  # it is a classifier
    told = recognition(logits)
    return Samples(
        frechet_distance(net.features(real), features),
        told["recognised_share"],
        CLASSES * told["class_balance"],
    )
