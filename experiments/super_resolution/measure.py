"""What is measured of enlarged images against the true ones, in pixels and in features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.logs import read_lines, training_minutes
from experiments.super_resolution.runs import pixel_steps
from gan_jax.data import open_source
from gan_jax.data.sources import split_spec
from gan_jax.methods.srgan import degraded
from gan_jax.metrics.image_quality import Measure, psnr, ssim
from gan_jax.nn.resize import upscale
from gan_jax.numerics import to_uint8, to_unit
from gan_jax.trained import Trained, load_config, open_run

BICUBIC, PIXELS, GAME = "bicubic", "pixels", "game"
WAYS: Mapping[str, str] = {BICUBIC: "bicubic", PIXELS: "pixels alone", GAME: "SRGAN"}
"""Titles of the ways of enlarging, by name."""

Enlarge = Callable[[np.ndarray], np.ndarray]
"""`(small) -> large`, uint8 (n, h, w, C) to uint8 (n, factor h, factor w, C)."""

_PASS = 32


class Scores(NamedTuple):
    """How far enlarged images are from the true ones, in the mean over images.

    Attributes:
        psnr: peak signal-to-noise ratio, in decibels.
        ssim: structural similarity.
        perceptual: the perceptual distance, in SqueezeNet.
        features: distance in the features of a network that nothing was trained with.
    """

    psnr: float
    ssim: float
    perceptual: float
    features: float


class Judge(NamedTuple):
    """What enlarged images are measured by.

    Attributes:
        truth: uint8 (n, H, W, C).
        known: float (n, d), their features in an independent network.
        features: of other images.
        perceptual: distances of pairs.
    """

    truth: np.ndarray
    known: np.ndarray
    features: Callable[[np.ndarray], np.ndarray]
    perceptual: Measure


class Finished(NamedTuple):
    """A run.

    Attributes:
        images: enlarged held-out images of each way but `BICUBIC`, uint8 (n, H, W, C).
        scores: of them.
        minutes: that the steps of the run took.
    """

    images: Mapping[str, np.ndarray]
    scores: Mapping[str, Scores]
    minutes: float


def held_out(workdir: Path) -> np.ndarray:
    """The held-out images of a run's data at their own size, uint8 (n, H, W, C)."""
    source = open_source(split_spec(load_config(workdir).data.source, "test"))
    return np.stack([source[i]["image"] for i in range(len(source))])


def small(images: np.ndarray, factor: int) -> np.ndarray:
    """What is to be enlarged, uint8 (n, H / factor, W / factor, C)."""
    return np.asarray(to_uint8(degraded(to_unit(jnp.asarray(images)), factor)))


def bicubic(factor: int) -> Enlarge:
    """Enlargement without a network."""
    return _in_passes(lambda images: upscale(images, factor))


def network(run: Trained) -> Enlarge:
    """Enlargement by a run's generator."""
    return _in_passes(lambda images: run.generator(images, train=False))


def _in_passes(enlarge: Callable[[jax.Array], jax.Array]) -> Enlarge:
    compiled = jax.jit(lambda images: to_uint8(enlarge(to_unit(images))))

    def every(images: np.ndarray) -> np.ndarray:
        parts = [images[i : i + _PASS] for i in range(0, len(images), _PASS)]
        return np.concatenate([np.asarray(compiled(part)) for part in parts])

    return every


def score(made: np.ndarray, by: Judge) -> Scores:
    """What enlarged images are like.

    Args:
        made: uint8, of the shape of the true ones.
        by: what they are measured by.
    """
    apart = np.linalg.norm(by.known - by.features(made), axis=1)
    return Scores(
        float(psnr(by.truth, made).mean()),
        float(ssim(by.truth, made).mean()),
        float(by.perceptual(by.truth, made).mean()),
        float(apart.mean()),
    )


def measure(workdir: Path, by: Judge) -> Finished:
    """Measures a run, at the end of its first stage and at its own.

    Args:
        workdir: of the run.
        by: what it is measured by.
    """
    config = load_config(workdir)
    given = small(by.truth, config.model.factor)
    steps = {PIXELS: pixel_steps(config), GAME: config.train.steps}
    images = {
        way: network(open_run(workdir, step=step))(given) for way, step in steps.items()
    }
    scores = {way: score(made, by) for way, made in images.items()}
    return Finished(images, scores, training_minutes(read_lines(workdir / "metrics.jsonl")))
