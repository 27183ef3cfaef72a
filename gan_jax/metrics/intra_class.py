"""The Fréchet distance within classes.

Miyato and Koyama, "cGANs with Projection Discriminator" (2018), section 4.1: a generator of
classes that ignores its labels may match the whole data, but no single class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gan_jax.metrics import checks
from gan_jax.metrics.frechet import frechet_distance


class IntraClassDistance(NamedTuple):
    """Fréchet distances by class.

    Attributes:
        mean: over classes, each of the same weight.
        classes: int64 (classes,), their labels in rising order.
        distances: float64 (classes,), squared distances.
    """

    mean: float
    classes: np.ndarray
    distances: np.ndarray


def intra_class_frechet_distance(
    real_features: np.ndarray,
    real_labels: np.ndarray,
    fake_features: np.ndarray,
    fake_labels: np.ndarray,
    *,
    names: Sequence[str] | None = None,
    minimum: int = 2,
) -> IntraClassDistance:
    """The mean over classes of the Fréchet distance between a class and its samples.

    A class has few rows, and a distance of few rows is biased upwards: compare only numbers
    of equally many samples per class. The paper takes 5000 of each.

    Args:
        real_features: float (n, d).
        real_labels: int (n,), the classes; each that occurs counts.
        fake_features: float (m, d).
        fake_labels: int (m,), the classes that were asked for.
        names: of the classes, for errors.
        minimum: rows that each class needs, real and fake; at least 2.

    Returns:
        The mean and the distances.

    Raises:
        ValueError: other shapes, a class with too few rows (all such are named), or a value
            that is not finite.
    """
    real = checks.as_rows("real features", real_features)
    fake = checks.as_rows("fake features", fake_features)
    checks.same_width(real, fake)
    real_labels = _labels("real", real_labels, len(real))
    fake_labels = _labels("fake", fake_labels, len(fake))
    if minimum < 2:
        raise ValueError(f"need minimum >= 2, got {minimum}")
    classes = np.union1d(real_labels, fake_labels)
    _require_rows(classes, real_labels, fake_labels, minimum, names)
    distances = np.asarray(
        [
            frechet_distance(real[real_labels == each], fake[fake_labels == each])
            for each in classes
        ]
    )
    return IntraClassDistance(float(distances.mean()), classes, distances)


def _labels(name: str, labels: np.ndarray, n: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.shape != (n,) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"{name} labels must be int ({n},), got {labels.dtype} {labels.shape}"
        )
    return labels.astype(np.int64)


def _require_rows(
    classes: np.ndarray,
    real_labels: np.ndarray,
    fake_labels: np.ndarray,
    minimum: int,
    names: Sequence[str] | None,
) -> None:
    """Raises ValueError that names the classes with too few rows."""
    few = []
    for each in classes:
        counts = np.sum(real_labels == each), np.sum(fake_labels == each)
        if min(counts) < minimum:
            name = repr(names[each]) if names is not None else str(each)
            few.append(f"{name} ({counts[0]} real, {counts[1]} fake)")
    if few:
        raise ValueError(
            f"every class needs at least {minimum} real and fake rows; too few have "
            f"{', '.join(few)}"
        )
