"""Precision, recall, density and coverage of generated features by nearest neighbours.

Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models"
(2019), equation 2; Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative
Models" (2020), equations 4 and 5.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_jax.metrics import checks
from gan_jax.metrics.kernel import squared_distances

_BLOCK = 1024


class PrecisionRecallDensityCoverage(NamedTuple):
    """Four shares, by balls around samples that reach to their k-th neighbour.

    Attributes:
        precision: share of fakes inside some ball of a real sample.
        recall: share of reals inside some ball of a fake sample.
        density: mean number of balls of reals that a fake is in, over k; may exceed 1.
        coverage: share of reals whose ball holds a fake.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def precision_recall_density_coverage(
    real_features: np.ndarray, fake_features: np.ndarray, *, neighbours: int = 5
) -> PrecisionRecallDensityCoverage:
    """The four measures, exact, in float64, in blocks of rows.

    Args:
        real_features: float (n, d), n > neighbours.
        fake_features: float (m, d), m > neighbours.
        neighbours: k; a sample is not its own neighbour. A point on the edge of a ball is
            outside.

    Returns:
        The measures.

    Raises:
        ValueError: other shapes, too few rows, or a value that is not finite.
    """
    if neighbours < 1:
        raise ValueError(f"need neighbours >= 1, got {neighbours}")
    real = checks.as_features("real features", real_features, neighbours + 1)
    fake = checks.as_features("fake features", fake_features, neighbours + 1)
    checks.same_width(real, fake)
    real_radii, fake_radii = _radii(real, neighbours), _radii(fake, neighbours)
    balls, covered, recalled = np.zeros(len(fake)), [], []
    for start in range(0, len(real), _BLOCK):
        block = slice(start, start + _BLOCK)
        distances = squared_distances(real[block], fake)
        inside = distances < real_radii[block, None]
        balls += inside.sum(axis=0)
        covered.append(inside.any(axis=1))
        recalled.append((distances < fake_radii[None]).any(axis=1))
    return PrecisionRecallDensityCoverage(
        precision=float(np.mean(balls > 0)),
        recall=float(np.mean(np.concatenate(recalled))),
        density=float(np.mean(balls) / neighbours),
        coverage=float(np.mean(np.concatenate(covered))),
    )


def _radii(x: np.ndarray, neighbours: int) -> np.ndarray:
    """Squared distance of every row to its k-th neighbour, itself left out."""
    radii = []
    for start in range(0, len(x), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(x)))
        distances = squared_distances(x[rows], x)
        distances[np.arange(len(rows)), rows] = -1.0
        radii.append(np.partition(distances, neighbours, axis=1)[:, neighbours])
    return np.concatenate(radii)
