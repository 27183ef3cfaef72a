"""What is measured of models of digits: discrepancies over training, and Parzen windows."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.gmmn.runs import CODES, EVERY, METHODS, PIXELS, SEEDS
from experiments.logs import read_lines, training_minutes
from gan_jax import prng
from gan_jax.analyses import common
from gan_jax.data.builtin_source import open_builtin
from gan_jax.metrics.kernel import gaussian_kernel, kernel_distance
from gan_jax.metrics.parzen import ParzenScore, parzen_score
from gan_jax.networks.mlp import MLPGenerator
from gan_jax.numerics import to_unit
from gan_jax.trained import Trained, open_run
from gan_jax.types import Array

SAMPLES, VALIDATION, TEST, COMPARED = 10_000, 1_000, 4_000, 1_000
"""Centres of Parzen windows, held-out digits that their bandwidth is chosen on and those
that they are scored on; rows of either side of a discrepancy."""
BANDWIDTHS = tuple(round(0.06 + 0.02 * i, 2) for i in range(18))
_SHAPE, _PASS = (28, 28, 1), 500
_FEATURES, _CODE = (64, 256, 256, 1024), 32


class Digits(NamedTuple):
    """Digits as the papers have them: pixels in [0, 1], no noise added, float32 (n, 784).

    Attributes:
        train: of the training part.
        validation: of the test part, which no model has seen.
        test: others of the test part.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


class Curve(NamedTuple):
    """A held-out discrepancy over training.

    Attributes:
        images: seen in training, int (k,).
        values: unbiased squared discrepancies, float (k,).
    """

    images: np.ndarray
    values: np.ndarray


class Finished(NamedTuple):
    """A run.

    Attributes:
        score: of its samples as centres of Parzen windows.
        pixels: discrepancy of samples to test digits, in pixels.
        codes: of generated codes to the codes of test digits; None without codes.
        shown: float32 (k, 784), the first of its samples.
        minutes: that its steps took.
    """

    score: ParzenScore
    pixels: Curve
    codes: Curve | None
    shown: np.ndarray
    minutes: float


def rows(images: np.ndarray) -> np.ndarray:
    """uint8 (n, H, W, C) to float32 (n, H W C) in [0, 1]."""
    return images.reshape(len(images), -1).astype(np.float32) / 255.0


def pictures_of(digits: np.ndarray) -> np.ndarray:
    """Rows (n, 784) in [0, 1] as images (n, 28, 28, 1) in [-1, 1]."""
    return (2.0 * digits - 1.0).reshape(-1, *_SHAPE).astype(np.float32)


def load_digits() -> Digits:
    """MNIST, both parts in an order drawn by the first seed: the clearer digits stand first
    in its test part.
    """
    draws = np.random.default_rng(SEEDS[0])
    parts = [
        rows(draws.permutation(open_builtin("mnist", split).arrays["image"]))
        for split in ("train", "test")
    ]
    return Digits(parts[0], parts[1][:VALIDATION], parts[1][VALIDATION : VALIDATION + TEST])


def windows(centres: np.ndarray, digits: Digits) -> ParzenScore:
    """Log-likelihood of test digits under Parzen windows around rows (n, 784)."""
    return parzen_score(centres, digits.validation, digits.test, bandwidths=BANDWIDTHS)


def discrepancy(real: np.ndarray, fake: np.ndarray, squares: tuple[float, ...]) -> float:
    """Unbiased squared discrepancy of rows, under a sum of Gaussian kernels.

    Args:
        real: float (n, d).
        fake: float (m, d).
        squares: s^2 of the Gaussians.
    """
    kernel = gaussian_kernel(*(s**0.5 for s in squares))
    return kernel_distance(real, fake, kernel=kernel)


def centroids(train: np.ndarray, count: int, folder: Path) -> np.ndarray:
    """Centroids of k-means, float32 (count, d), kept in a folder.

    Args:
        train: float32 (n, d).
        count: how many.
        folder: where they are kept.
    """
    path = folder / f"kmeans_{count}.npy"
    if not path.exists():
        from sklearn.cluster import MiniBatchKMeans

        # Begun at examples: k-means++ would take longer than all of the passes.
        fitted = MiniBatchKMeans(
            count,
            init="random",
            n_init=1,
            batch_size=min(6_000, len(train)),
            max_iter=2,
            max_no_improvement=None,
            random_state=SEEDS[0],
        ).fit(train)
        folder.mkdir(parents=True, exist_ok=True)
        np.save(path, fitted.cluster_centers_.astype(np.float32))
    return np.load(path)


def latents_of(run: Trained, seed: int, count: int) -> Array:
    """Latents that are the same at every step of a run."""
    return run.latents(prng.fold_name(jax.random.key(seed), "measured"), count)


def sampled(run: Trained, latents: Array) -> np.ndarray:
    """Samples float32 (n, 784) in [0, 1], not rounded to levels of grey."""
    make = common.generator(run)
    parts = [
        np.asarray(make(latents[start : start + _PASS], None))
        for start in range(0, len(latents), _PASS)
    ]
    images = np.concatenate(parts)
    return (images.reshape(len(images), -1) + 1.0) / 2.0


def codes_of(run: Trained, digits: np.ndarray) -> np.ndarray:
    """Codes float32 (n, 32) of rows (n, 784), of a run with an autoencoder."""
    images = to_unit(jnp.asarray(pictures_of(digits)))
    return np.asarray(jax.nn.sigmoid(run.view("encoder")(images, train=False)))


def generated_codes(run: Trained, latents: Array) -> np.ndarray:
    """Codes float32 (n, 32) that the generator's first half makes."""
    first = MLPGenerator(_FEATURES, (_CODE,), out_activation=jax.nn.sigmoid)
    params = run.generator.params["codes"]
    return np.asarray(first.apply({"params": params}, latents, train=False))


def measure(name: str, workdir: Path, seed: int, digits: Digits, shown: int) -> Finished:
    """A finished run, at all its checkpoints.

    Args:
        name: of the method.
        workdir: of the run.
        seed: of the samples' latents.
        digits: to compare with.
        shown: how many samples are kept.
    """
    method, compared = METHODS[name], digits.test[:COMPARED]
    images: list[int] = []
    pixels: list[float] = []
    codes: list[float] = []
    for step in range(method.first, method.steps + 1, EVERY):
        run = open_run(workdir, step=step)
        latents = latents_of(run, seed, COMPARED)
        images.append(run.images_seen)
        pixels.append(discrepancy(compared, sampled(run, latents), PIXELS))
        if name == "gmmn_ae":
            found, made = codes_of(run, compared), generated_codes(run, latents)
            codes.append(discrepancy(found, made, CODES))
    samples = sampled(run, latents_of(run, seed, SAMPLES))
    seen = np.array(images)
    return Finished(
        windows(samples, digits),
        Curve(seen, np.array(pixels)),
        Curve(seen, np.array(codes)) if codes else None,
        samples[:shown],
        training_minutes(read_lines(workdir / "metrics.jsonl")),
    )
