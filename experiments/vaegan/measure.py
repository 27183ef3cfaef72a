"""What is measured of reconstructions and samples of emoji."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.logs import read_lines, training_minutes
from gan_jax import prng
from gan_jax.analyses import common
from gan_jax.metrics.features import FeatureNet
from gan_jax.metrics.frechet import Statistics, frechet_from_statistics, statistics
from gan_jax.metrics.image_quality import Measure, psnr
from gan_jax.numerics import to_uint8, to_unit
from gan_jax.trained import Trained, open_run
from gan_jax.types import Array

SAMPLES = 1_000
_ALL, _PASS = 100_000, 250


class Scores(NamedTuple):
    """What reconstructions of held-out emoji, and samples of the prior, are like.

    Attributes:
        features: mean distance of an emoji to its reconstruction, in features of the
            project's emoji classifier.
        perceptual: mean perceptual distance of the two, in SqueezeNet.
        psnr: mean peak signal-to-noise ratio, in decibels.
        sharpness: mean variance of the Laplacian of reconstructions.
        sample_sharpness: the same of samples.
        distance: Fréchet distance of samples to training emoji, in the same features.
    """

    features: float
    perceptual: float
    psnr: float
    sharpness: float
    sample_sharpness: float
    distance: float


class Finished(NamedTuple):
    """A run.

    Attributes:
        scores: of it.
        again: uint8 (n, H, W, C), reconstructions of held-out emoji.
        free: uint8 (k, H, W, C), the first of its samples.
        minutes: that its steps took.
    """

    scores: Scores
    again: np.ndarray
    free: np.ndarray
    minutes: float


class Judge(NamedTuple):
    """What runs are measured by.

    Attributes:
        net: the emoji classifier.
        perceptual: of pairs.
        real: uint8 (n, H, W, C), held-out emoji.
        known: statistics of the features of training emoji.
    """

    net: FeatureNet
    perceptual: Measure
    real: np.ndarray
    known: Statistics


def judge(run: Trained, net: FeatureNet, perceptual: Measure) -> Judge:
    """What runs on the data of a run are measured by."""
    train, _ = run.real_images(_ALL, "train")
    real, _ = run.real_images(_ALL, "test")
    return Judge(net, perceptual, real, statistics(net.features(train)))


def sharpness(images: np.ndarray) -> np.ndarray:
    """Variance over pixels of the Laplacian (of four neighbours) of the mean of channels,
    times 1000; a common measure of focus.

    Args:
        images: uint8 (n, H, W, C).

    Returns:
        float64 (n,), of pixels in [0, 1] that have all four neighbours.
    """
    grey = images.astype(np.float64).mean(axis=-1) / 255.0
    sides = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return 1e3 * (sides - 4.0 * grey[:, 1:-1, 1:-1]).var(axis=(1, 2))


def encoder(run: Trained) -> Callable[[np.ndarray], Array]:
    """From uint8 images (n, H, W, C) to the means of their codes, float32 (n, Z)."""

    @jax.jit
    def mean(state: object, images: Array) -> Array:
        view = run._replace(state=state).view("encoder")  # type: ignore[arg-type]
        return view(to_unit(images), train=False).mean

    def encode(images: np.ndarray) -> Array:
        return mean(run.state, jnp.asarray(images))

    return encode


def decoder(run: Trained) -> Callable[[Array], np.ndarray]:
    """From codes (n, Z) to uint8 images (n, H, W, C)."""
    make = common.generator(run)

    def decode(codes: Array) -> np.ndarray:
        parts = [make(codes[i : i + _PASS], None) for i in range(0, len(codes), _PASS)]
        return np.concatenate([np.asarray(to_uint8(part)) for part in parts])

    return decode


def score(again: np.ndarray, free: np.ndarray, by: Judge) -> Scores:
    """Scores of reconstructions of held-out emoji, and of samples.

    Args:
        again: uint8, of the shape of `by.real`.
        free: uint8 (k, H, W, C).
        by: what they are measured by.
    """
    first, second = (by.net.features(images) for images in (by.real, again))
    return Scores(
        float(np.linalg.norm(first - second, axis=1).mean()),
        float(by.perceptual(by.real, again).mean()),
        float(psnr(by.real, again).mean()),
        float(sharpness(again).mean()),
        float(sharpness(free).mean()),
        frechet_from_statistics(*by.known, *statistics(by.net.features(free))),
    )


def measure(workdir: Path, seed: int, by: Judge, shown: int) -> Finished:
    """A finished run.

    Args:
        workdir: of the run.
        seed: of the samples' latents.
        by: what it is measured by.
        shown: how many samples are kept.
    """
    run = open_run(workdir)
    encode, decode = encoder(run), decoder(run)
    again = decode(encode(by.real))
    latents = run.latents(prng.fold_name(jax.random.key(seed), "measured"), SAMPLES)
    free = decode(latents)
    minutes = training_minutes(read_lines(workdir / "metrics.jsonl"))
    return Finished(score(again, free, by), again, free[:shown], minutes)
