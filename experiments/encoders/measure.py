"""What the codes of real digits tell, and what the generator makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.encoders.regression import regress
from experiments.encoders.runs import SEEDS
from experiments.logs import read_lines, training_minutes
from gan_jax import prng
from gan_jax.analyses import common
from gan_jax.game import View
from gan_jax.interpolation import lerp
from gan_jax.methods.sides import ENCODER, mean_of
from gan_jax.metrics.classifier import LabelledImages
from gan_jax.metrics.features import FeatureNet
from gan_jax.metrics.frechet import frechet_distance
from gan_jax.metrics.probes import linear_probe, nearest_neighbour_probe
from gan_jax.networks.bigbigan import bn_crelu
from gan_jax.numerics import to_uint8, to_unit
from gan_jax.sampler import views_of
from gan_jax.trained import Trained, open_run
from gan_jax.types import Array, Params, Stats

CLASSES, TRAIN, SAMPLES = 10, 10_000, 5_000
"""TRAIN: digits that probes learn from; SAMPLES: of a generator that are scored."""
STRENGTHS = (1e-2, 1e-1, 1.0)
"""Candidates for the C of the linear probe."""
PER_CLASS, PAIRS, BETWEEN = 2, 3, 10
"""PER_CLASS: digits whose reconstructions are shown; PAIRS: of digits, with a row of
BETWEEN images between their codes."""
_PASS = 500

GAME, REGRESSION, UNTRAINED = "the game's", "latent regression", "untrained"
ENCODERS = (GAME, REGRESSION, UNTRAINED)
CODES, POOLED, CRELU = "codes", "avepool", "avepool, BN+CReLU"
PIXELS = "pixels"


class Read(NamedTuple):
    """What is read out of features.

    Attributes:
        width: number of features.
        linear: share of test digits that a linear probe classifies rightly.
        nearest: of those whose nearest training digit is of their class.
    """

    width: int
    linear: float
    nearest: float


class Scores(NamedTuple):
    """An encoder, beside a generator.

    Attributes:
        read: by the name of features.
        kept: share of test digits x whose class a classifier sees in G(E(x)).
        error: root of the mean squared difference of G(E(x)) and x, of pixels in [0, 1].
        unknown: mean squared difference of E(G(z)) and z, of the variance of z.
    """

    read: Mapping[str, Read]
    kept: float
    error: float
    unknown: float


class Finished(NamedTuple):
    """A run.

    Attributes:
        scores: by the name of its encoder.
        distance: Fréchet distance of samples to training digits.
        minutes: that its steps took.
    """

    scores: Mapping[str, Scores]
    distance: float
    minutes: float


class Pictures(NamedTuple):
    """What is shown of a run, uint8 images.

    Attributes:
        again: reconstructions of the shown digits, (encoders, n, H, W, C).
        samples: (n, H, W, C).
        between: rows that begin and end with digits, (pairs, columns, H, W, C).
    """

    again: np.ndarray
    samples: np.ndarray
    between: np.ndarray


def shown_digits(data: LabelledImages) -> np.ndarray:
    """Test digits for pictures, `PER_CLASS` of each class, classes in turn; drawn by the
    first seed, as MNIST's own order has the clearer digits first.
    """
    order = np.random.default_rng(SEEDS[0]).permutation(len(data.test_labels))
    labels = data.test_labels[order]
    rows = [order[labels == label][:PER_CLASS] for label in range(CLASSES)]
    return data.test_images[np.stack(rows, axis=1).reshape(-1)]


def fewer(data: LabelledImages) -> LabelledImages:
    """The same with `TRAIN` training digits, drawn by the first seed."""
    rows = np.random.default_rng(SEEDS[0]).permutation(len(data.train_labels))[:TRAIN]
    return data._replace(
        train_images=data.train_images[rows], train_labels=data.train_labels[rows]
    )


def in_parts(fn: Callable[[Any], Any], values: np.ndarray) -> Any:
    """A function of many rows, some at a time; a pytree of arrays on the host."""
    starts = range(0, len(values), _PASS)
    parts = [jax.tree.map(np.asarray, fn(values[s : s + _PASS])) for s in starts]
    return jax.tree.map(lambda *rows: np.concatenate(rows), *parts)


def features_of(
    encoder: View, images: np.ndarray, pooled: bool = False
) -> dict[str, np.ndarray]:
    """Features of images by an encoder in evaluation mode.

    Args:
        encoder: giving codes, or a `Posterior` whose mean is taken.
        images: uint8 (n, H, W, C), or float in [-1, 1].
        pooled: whether the encoder is BigBiGAN's, of which "avepool" is given too.
    """

    @jax.jit
    def found(params: Params, stats: Stats, x: Array) -> dict[str, Array]:
        x = to_unit(x)
        if not pooled:
            return {CODES: mean_of(encoder.net.apply(params, stats, x, train=False)[0])}
        features, _ = encoder.net.apply(params, stats, x, train=False, method="features")
        return {CODES: features["latent"], POOLED: features["avepool"]}

    return in_parts(lambda x: found(encoder.params, encoder.stats, x), images)


def with_crelu(
    train: Mapping[str, np.ndarray], test: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Features with BN+CReLU of the pooled ones, if any, by the mean and variance of the
    training digits.
    """
    if POOLED not in train:
        return dict(train), dict(test)
    mean, variance = (jnp.asarray(f(train[POOLED], axis=0)) for f in (np.mean, np.var))
    both = []
    for features in (train, test):
        normal = bn_crelu(jnp.asarray(features[POOLED]), mean, variance)
        both.append({**features, CRELU: np.asarray(normal)})
    return both[0], both[1]


def read_out(train: np.ndarray, test: np.ndarray, data: LabelledImages) -> Read:
    """What probes read out of features (n, d) and (m, d) of digits."""
    known = (train, data.train_labels, test, data.test_labels)
    linear = linear_probe(*known, strengths=STRENGTHS)
    nearest = nearest_neighbour_probe(*known, neighbours=(1,), metric="euclidean")
    return Read(train.shape[1], linear.accuracy, nearest.accuracy)


def pixels(images: np.ndarray) -> np.ndarray:
    """Images as rows in [0, 1]."""
    return (images.reshape(len(images), -1) / 255.0).astype(np.float32)


def encoders_of(run: Trained, seed: int) -> dict[str, View]:
    """The encoders that are compared on a run's generator; one is trained here."""
    start = run.algorithm.init(jax.random.key(seed))
    return {
        GAME: run.view(ENCODER),
        REGRESSION: regress(run, seed),
        UNTRAINED: views_of(run.game, start)[ENCODER],
    }


class Subject(NamedTuple):
    """A run that is measured.

    Attributes:
        make: codes or latents (n, Z) to uint8 images (n, H, W, C).
        latents: of its samples, (SAMPLES, Z).
        samples: of these, uint8.
        pooled: whether its encoder is BigBiGAN's.
    """

    make: Callable[[np.ndarray], np.ndarray]
    latents: np.ndarray
    samples: np.ndarray
    pooled: bool


def subject_of(run: Trained, seed: int) -> Subject:
    """What is asked of a run's generator."""
    generate = common.generator(run)

    def make(codes: np.ndarray) -> np.ndarray:
        return in_parts(lambda z: to_uint8(generate(z, None)), codes)

    key = prng.fold_name(jax.random.key(seed), "scored")
    latents = np.asarray(run.latents(key, SAMPLES))
    return Subject(make, latents, make(latents), run.config.method == "bigbigan")


def score(subject: Subject, encoder: View, data: LabelledImages, net: FeatureNet) -> Scores:
    """What an encoder is worth.

    Args:
        subject: the run.
        encoder: of its generator.
        data: what probes learn from and are tested on.
        net: a classifier.
    """
    train, test = with_crelu(
        features_of(encoder, data.train_images, subject.pooled),
        features_of(encoder, data.test_images, subject.pooled),
    )
    again = subject.make(test[CODES])
    kept = np.mean(net.logits(again).argmax(axis=1) == data.test_labels)
    difference = (again.astype(np.float64) - data.test_images) / 255.0
    found = features_of(encoder, subject.samples)[CODES]
    unknown = np.mean(np.square(found - subject.latents)) / np.var(subject.latents)
    return Scores(
        {name: read_out(train[name], test[name], data) for name in train},
        float(kept),
        float(np.sqrt(np.mean(np.square(difference)))),
        float(unknown),
    )


def rows_between(subject: Subject, encoder: View, digits: np.ndarray) -> np.ndarray:
    """From digit to digit on the straight line between their codes.

    Args:
        subject: the run.
        encoder: of its generator.
        digits: uint8, of which the first `PAIRS` and the next `PAIRS` are joined.

    Returns:
        uint8 (PAIRS, BETWEEN + 2, H, W, C), with the digits at the ends.
    """
    codes = jnp.asarray(features_of(encoder, digits[: 2 * PAIRS])[CODES])
    times = jnp.linspace(0.0, 1.0, BETWEEN)
    rows = []
    for index in range(PAIRS):
        start, end = index, index + PAIRS
        ends = (jnp.tile(codes[at], (BETWEEN, 1)) for at in (start, end))
        made = subject.make(np.asarray(lerp(*ends, times)))
        rows.append(np.concatenate([digits[[start]], made, digits[[end]]]))
    return np.stack(rows)


def measure(
    workdir: Path, seed: int, data: LabelledImages, net: FeatureNet
) -> tuple[Finished, Pictures]:
    """A finished run.

    Args:
        workdir: of the run.
        seed: of samples, of latent regression and of untrained weights.
        data: of which probes learn from some training digits.
        net: a classifier.
    """
    run, digits, known = open_run(workdir), shown_digits(data), fewer(data)
    subject, encoders = subject_of(run, seed), encoders_of(run, seed)
    scores = {name: score(subject, view, known, net) for name, view in encoders.items()}
    distance = frechet_distance(
        net.features(known.train_images), net.features(subject.samples)
    )
    again = [subject.make(features_of(v, digits)[CODES]) for v in encoders.values()]
    pictures = Pictures(
        np.stack(again),
        subject.samples[: len(digits)],
        rows_between(subject, encoders[GAME], digits),
    )
    minutes = training_minutes(read_lines(workdir / "metrics.jsonl"))
    return Finished(scores, distance, minutes), pictures


def kept(
    workdir: Path, make: Callable[[], tuple[Finished, Pictures]]
) -> tuple[Finished, Pictures]:
    """What a run's folder holds of its measurement, or what is made now and put there."""
    numbers, arrays = workdir / "measured.json", workdir / "measured.npz"
    if not numbers.exists():
        finished, pictures = make()
        np.savez(arrays, **pictures._asdict())
        numbers.write_text(json.dumps(to_plain(finished)))
    with np.load(arrays) as stored:
        pictures = Pictures(**{name: stored[name] for name in Pictures._fields})
    return from_plain(json.loads(numbers.read_text())), pictures


def to_plain(finished: Finished) -> dict[str, Any]:
    """As dictionaries and numbers."""
    scores = {
        name: one._asdict() | {"read": {n: r._asdict() for n, r in one.read.items()}}
        for name, one in finished.scores.items()
    }
    return finished._asdict() | {"scores": scores}


def from_plain(values: Mapping[str, Any]) -> Finished:
    """What `to_plain` was given."""
    scores = {
        name: Scores(**{**one, "read": {n: Read(**r) for n, r in one["read"].items()}})
        for name, one in values["scores"].items()
    }
    return Finished(**{**values, "scores": scores})
