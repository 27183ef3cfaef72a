"""What is measured of codes: which digits they name, and what they change in a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.infogan.paths import Paths, measure_paths
from experiments.infogan.runs import CONTINUOUS, VALUES
from experiments.logs import read_lines, training_minutes
from gan_jax import losses, prng
from gan_jax.analyses import common
from gan_jax.analyses.codes import codes_of
from gan_jax.game import View
from gan_jax.losses import CodeHeads
from gan_jax.metrics.features import FeatureNet
from gan_jax.metrics.frechet import frechet_distance
from gan_jax.numerics import to_uint8, to_unit
from gan_jax.trained import Trained, open_run
from gan_jax.types import Array

EACH, CLASSES, _PASS = 500, 10, 500
"""EACH: samples of every value of the categorical code."""
_LEARNT, _NEVER = "gen/categorical", "disc/categorical"


class Naming(NamedTuple):
    """How well values of a code name classes.

    Attributes:
        purity: share of the most frequent class of each value, a mean over what is counted.
        matched: share that is right when values are matched with classes one to one, in the
            best way there is.
        classes: how many classes are the most frequent one of some value.
    """

    purity: float
    matched: float
    classes: int


class Finished(NamedTuple):
    """A run.

    Attributes:
        generated: what the classifier sees in samples of each value of the code.
        real: what Q's code of test digits has to do with their labels.
        counts: of samples by value and class seen, int (VALUES, CLASSES).
        categorical: lower bound on the information about the categorical code, in nats.
        continuous: the same of the continuous codes together.
        distance: Fréchet distance of samples to training digits.
        paths: what continuous codes and noise change, by the names of `paths.NAMES`.
        steps: at which the bound was logged, int (k,).
        curve: that bound, of the categorical code, float (k,).
        minutes: that its steps took.
    """

    generated: Naming
    real: Naming
    counts: np.ndarray
    categorical: float
    continuous: float
    distance: float
    paths: Mapping[str, Paths]
    steps: np.ndarray
    curve: np.ndarray
    minutes: float


def counted(values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """How often each value (n,) stands with each class (n,), int (VALUES, CLASSES)."""
    places = values * CLASSES + classes
    return np.bincount(places, minlength=VALUES * CLASSES).reshape(VALUES, CLASSES)


def naming(counts: np.ndarray, *, by_value: bool) -> Naming:
    """How well values name classes.

    Args:
        counts: int (values, classes), from `counted`.
        by_value: whether the purity is a mean over values; else over all examples, the
            usual purity of a clustering, in which a value that is never used has no part.
    """
    from scipy.optimize import linear_sum_assignment

    most = counts.max(axis=1)
    shares = most / np.maximum(counts.sum(axis=1), 1)
    purity = shares.mean() if by_value else most.sum() / counts.sum()
    rows, columns = linear_sum_assignment(counts, maximize=True)
    matched = counts[rows, columns].sum() / counts.sum()
    used = counts.sum(axis=1) > 0
    return Naming(float(purity), float(matched), len(set(counts[used].argmax(axis=1))))


def heads_of(view: View, images: np.ndarray) -> CodeHeads:
    """What Q says of images uint8 (n, H, W, C), in evaluation mode."""
    parts = [
        view(to_unit(jnp.asarray(images[i : i + _PASS])), train=False).classes
        for i in range(0, len(images), _PASS)
    ]
    joined: CodeHeads = jax.tree.map(lambda *x: jnp.concatenate(x), *parts)
    return joined


def information(heads: CodeHeads, latents: Array) -> tuple[float, float]:
    """Lower bounds on the information that samples carry about their codes, in nats.

    Q's continuous codes have the deviation 1 in training, which bounds less than nothing of
    codes from [-1, 1]. Here each has that of its errors on these samples.

    Args:
        heads: of the samples.
        latents: that they were made from, (n, Z).

    Returns:
        Of the categorical code, at most log VALUES; of the continuous ones together.
    """
    end = latents.shape[-1] - CONTINUOUS
    values, codes = latents[:, end - VALUES : end].argmax(axis=-1), latents[:, end:]
    assert heads.mean is not None
    log_variance = jnp.log(jnp.mean(jnp.square(heads.mean - codes), axis=0, keepdims=True))
    lost = losses.gaussian_code_loss(heads.mean, codes, log_variance)
    return (
        float(
            losses.information_bound(
                losses.categorical_code_loss(heads.categorical[0], values),
                losses.categorical_entropy(VALUES),
            )
        ),
        float(
            losses.information_bound(lost, losses.uniform_entropy(-1.0, 1.0, CONTINUOUS))
        ),
    )


def curve_of(lines: Sequence[dict[str, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Steps, and the bound on the information about the categorical code, from a run's
    metrics; Q's own loss where the generator has no such term.
    """
    key = _LEARNT if any(_LEARNT in line for line in lines) else _NEVER
    logged = [line for line in lines if key in line]
    bound = [math.log(VALUES) - line[key] for line in logged]
    return np.array([line["step"] for line in logged], int), np.array(bound)


def measure(workdir: Path, seed: int, net: FeatureNet) -> Finished:
    """A finished run.

    Args:
        workdir: of the run.
        seed: of the samples' latents.
        net: the classifier.
    """
    run = open_run(workdir)
    make, judge = common.generator(run), run.discriminator
    values = jnp.arange(VALUES * EACH, dtype=jnp.int32) % VALUES
    key = prng.fold_name(jax.random.key(seed), "scored")
    latents = codes_of(run).with_value(run.latents(key, VALUES * EACH), 0, values)
    images = np.concatenate(
        [
            np.asarray(to_uint8(make(latents[i : i + _PASS], None)))
            for i in range(0, len(latents), _PASS)
        ]
    )
    features, logits = net.outputs(images)
    assert logits is not None  # it is a classifier
    counts = counted(np.asarray(values), logits.argmax(axis=1))
    heads = heads_of(judge, images)
    steps, curve = curve_of(read_lines(workdir / "metrics.jsonl"))
    return Finished(
        naming(counts, by_value=True),
        _of_real(run, judge),
        counts,
        *information(heads, latents),
        frechet_distance(net.features(run.real_images(10_000)[0]), features),
        measure_paths(run, make, net, seed),
        steps,
        curve,
        training_minutes(read_lines(workdir / "metrics.jsonl")),
    )


def _of_real(run: Trained, judge: View) -> Naming:
    images, labels = run.real_images(10_000, "test")
    assert labels is not None  # MNIST has them
    found = np.asarray(heads_of(judge, images).categorical[0].argmax(axis=-1))
    return naming(counted(found, labels), by_value=False)
