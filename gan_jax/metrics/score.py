"""Scores of samples during and after training, named after what they are measured in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan_jax.metrics import cache, frechet
from gan_jax.metrics.classifier import Classifier
from gan_jax.metrics.features import FeatureNet
from gan_jax.metrics.modes import Modes, mode_statistics

_CONFIDENT = 0.9


class Scorer(NamedTuple):
    """Scores samples against a fixed set of real ones.

    Attributes:
        name: what the scores are measured in.
        score: `(samples, labels=None) -> {"MEASURE/NAME": float}`.
        fingerprint: hexadecimal; scores compare only under one fingerprint.
    """

    name: str
    score: Callable[[np.ndarray, np.ndarray | None], dict[str, float]]
    fingerprint: str

    def __call__(
        self, samples: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, float]:
        return self.score(samples, labels)


def make_scorer(
    net: Classifier | FeatureNet,
    real_images: np.ndarray,
    *,
    cache_dir: str | Path | None = None,
) -> Scorer:
    """Scores for images: a Fréchet distance, and with a classifier what it recognises.

    The scores are "frechet_distance/NAME"; and of a classifier "recognised_share/NAME", the
    share of samples that it gives some class a probability of at least 0.9,
    "class_balance/NAME", exp(entropy of the histogram of its guesses) / classes, and for
    samples of asked classes "classifier_accuracy/NAME", the share that it gives the asked
    class. Scoring held-out real images shows what values are good. A Fréchet distance of
    few samples is biased upwards: compare only scores of equally many.

    Args:
        net: what to measure in.
        real_images: uint8 (n, H, W, C), as the generator is trained on: after resizing and
            cropping. Their statistics are cached under a digest of these very images.
        cache_dir: see `cache.cache_directory`.

    Returns:
        Scorer of uint8 images (m, H, W, C) of the same size, m >= 2, and optionally the
        int (m,) labels that they were asked for. It raises ValueError for other shapes and
        for labels that are no class of the classifier.

    Raises:
        ValueError: fewer than two real images, or not uint8 (n, H, W, C).
    """
    pixels = cache.digest({"images": real_images})
    fingerprint = hashlib.sha256(f"{net.fingerprint} {pixels}".encode()).hexdigest()
    path = cache.cache_directory(cache_dir) / f"{net.name}-reference-{fingerprint[:16]}.npz"
    stored = cache.load_or_make(
        path,
        lambda: frechet.statistics(net.features(real_images), "real features")._asdict(),
    )
    real, shape = frechet.Statistics(**stored), real_images.shape[1:]

    def score(images: np.ndarray, labels: np.ndarray | None) -> dict[str, float]:
        if images.shape[1:] != shape:
            raise ValueError(
                f"samples are {images.shape[1:]}, but the real images they are scored "
                f"against are {shape}"
            )
        if isinstance(net, Classifier):
            features, logits = net.outputs(images)
            scores = _recognition(logits, labels)
        else:
            features, scores = net.features(images), {}
        fake = frechet.statistics(features, "fake features")
        scores["frechet_distance"] = frechet.frechet_from_statistics(*real, *fake)
        return {f"{measure}/{net.name}": scores[measure] for measure in sorted(scores)}

    return Scorer(net.name, score, fingerprint)


def make_point_scorer(real_points: np.ndarray, modes: Modes | None = None) -> Scorer:
    """Scores for points: a Fréchet distance of coordinates, and the modes found.

    The scores are "frechet_distance/coordinates", and with known modes
    "modes_found/coordinates" and "high_quality_share/coordinates".

    Args:
        real_points: float (n, d), n >= 2.
        modes: of the true distribution, if it is a mixture.

    Returns:
        Scorer of float points (m, d), m >= 2; labels are not looked at. It raises
        ValueError for other shapes and points that are not finite.

    Raises:
        ValueError: other shapes.
    """
    real = frechet.statistics(real_points, "real points")

    def score(points: np.ndarray, labels: np.ndarray | None) -> dict[str, float]:
        del labels
        fake = frechet.statistics(points, "generated points")
        distance = frechet.frechet_from_statistics(*real, *fake)
        scores = {"frechet_distance/coordinates": distance}
        if modes is not None:
            found = mode_statistics(points, modes)
            scores["high_quality_share/coordinates"] = found.high_quality_share
            scores["modes_found/coordinates"] = float(found.modes_found)
        return scores

    return Scorer("coordinates", score, cache.digest({"points": real_points}))


def _recognition(logits: np.ndarray, labels: np.ndarray | None) -> dict[str, float]:
    """What a classifier makes of samples, from logits (n, classes)."""
    n, classes = logits.shape
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    confidence = 1.0 / np.sum(np.exp(shifted), axis=1)
    guesses = logits.argmax(axis=1)
    shares = np.bincount(guesses, minlength=classes) / n
    entropy = -np.sum(shares * np.log(np.where(shares > 0.0, shares, 1.0)))
    scores = {
        "recognised_share": float(np.mean(confidence >= _CONFIDENT)),
        "class_balance": float(np.exp(entropy) / classes),
    }
    if labels is not None:
        _check_labels(labels, n, classes)
        scores["classifier_accuracy"] = float(np.mean(guesses == labels))
    return scores


def _check_labels(labels: np.ndarray, n: int, classes: int) -> None:
    if labels.shape != (n,):
        raise ValueError(f"{n} samples need labels of shape ({n},), got {labels.shape}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels lie in {labels.min()}..{labels.max()}, but the classifier has the "
            f"classes 0..{classes - 1}"
        )
