"""Log-likelihood of held-out points under a Parzen window around generated ones.

Goodfellow et al., "Generative Adversarial Nets" (2014), section 5, after Breuleux et al.,
"Quickly Generating Representative Samples from an RBM-Derived Process" (2011): a Gaussian
around every sample, of a bandwidth chosen on validation data.

It is a poor measure, kept because early papers report it. Theis et al., "A Note on the
Evaluation of Generative Models" (2015, arXiv 1511.01844), section 3.2: in many dimensions
it is far from the true likelihood for any feasible number of samples, and it ranks models
wrongly: centroids of k-means score higher than samples of the true distribution.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from gan_jax.metrics import checks
from gan_jax.metrics.kernel import squared_distances

BANDWIDTHS = tuple(float(s) for s in np.logspace(-1.0, 0.0, 10))
"""Of the paper's code, for pixels in [0, 1]; double them for pixels in [-1, 1]."""

_BLOCK = 1024
_LOG = logging.getLogger(__name__)


class ParzenScore(NamedTuple):
    """A log-likelihood as it is reported.

    Attributes:
        mean: over test points, in nats.
        error: standard error of the mean over test points.
        bandwidth: standard deviation of the Gaussians, in units of the points.
    """

    mean: float
    error: float
    bandwidth: float


def parzen_score(
    fake_points: np.ndarray,
    validation_points: np.ndarray,
    test_points: np.ndarray,
    *,
    bandwidths: Sequence[float] = BANDWIDTHS,
) -> ParzenScore:
    """The log-likelihood of test points, with the bandwidth best for validation points.

    A best bandwidth at either end of the candidates is logged as a warning: the true best
    may lie beyond.

    Args:
        fake_points: float (n, d), n >= 1, the samples; images flattened.
        validation_points: float (v, d), v >= 1, real.
        test_points: float (m, d), m >= 2, other real ones.
        bandwidths: candidates, positive.

    Returns:
        Mean and standard error over test points.

    Raises:
        ValueError: other shapes, no positive bandwidth, or a value that is not finite.
    """
    candidates = sorted(float(s) for s in bandwidths)
    tried = parzen_log_likelihoods(fake_points, validation_points, candidates).mean(axis=1)
    best = int(tried.argmax())
    if best in (0, len(tried) - 1) and len(tried) > 1:
        _LOG.warning(
            "the best Parzen bandwidth, %.4g, is at the end of the candidates: try wider",
            candidates[best],
        )
    test = checks.as_rows("test points", test_points)
    values = parzen_log_likelihoods(fake_points, test, [candidates[best]])[0]
    error = values.std(ddof=1) / np.sqrt(len(values))
    return ParzenScore(float(values.mean()), float(error), candidates[best])


def parzen_log_likelihoods(
    fake_points: np.ndarray, points: np.ndarray, bandwidths: Sequence[float]
) -> np.ndarray:
    """Log densities: log (1/n) sum_i N(x; g_i, s^2 I) for points x and bandwidths s.

    Args:
        fake_points: float (n, d), the g_i, n >= 1.
        points: float (m, d), m >= 1.
        bandwidths: the s, positive.

    Returns:
        float64 (bandwidths, m), in nats; computed in blocks.

    Raises:
        ValueError: as `parzen_score`.
    """
    fake = checks.as_rows("fake points", fake_points, minimum=1)
    points = checks.as_rows("points", points, minimum=1)
    if fake.shape[1] != points.shape[1]:
        raise ValueError(
            f"all points must have one width, got {fake.shape[1]} and {points.shape[1]}"
        )
    if not bandwidths or not all(s > 0 for s in bandwidths):
        raise ValueError(f"Parzen windows need positive bandwidths, got {bandwidths}")
    spread = np.asarray(bandwidths, np.float64)
    logs = [_log_sums(fake, x, spread) for x in _blocks(points)]
    volume = np.log(len(fake)) + fake.shape[1] / 2 * np.log(2.0 * np.pi * spread**2)
    return np.concatenate(logs, axis=1) - volume[:, None]


def _log_sums(fake: np.ndarray, x: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """(bandwidths, points): log sum_i exp(-|x - g_i|^2 / 2 s^2) over blocks of samples."""
    total = np.full((len(spread), len(x)), -np.inf)
    for block in _blocks(fake):
        squares = squared_distances(block, x)
        # The nearest sample is taken out, so that the largest exponential is 1.
        least = squares.min(axis=0)
        squares -= least[None]
        for row, s in enumerate(spread):
            sums = np.exp(squares * (-0.5 / s**2)).sum(axis=0)
            total[row] = np.logaddexp(total[row], np.log(sums) - least * (0.5 / s**2))
    return total


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK].astype(np.float64)
