"""The Fréchet distance that infinitely many samples would have.

Chong and Forsyth, "Effectively Unbiased FID and Inception Score and Where to Find Them"
(2020), section 4: the distance of n samples is a + c / n to first order, so a line through
distances of random subsets, over 1 / n, meets the axis at a, FID∞ in Inception features.

The subsets here are random halves, quarters and eighths of the samples: all parts of a size
are averaged, so that every sample has the same weight at every size. A sum of independent
contributions of samples is then passed on by the line unchanged; subsets drawn one by one
would add their own chance to it. Moments are taken of the smallest parts only and merged.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_jax.metrics import checks, moments
from gan_jax.metrics.frechet import Statistics, distance_to, statistics
from gan_jax.metrics.moments import Moments


class ExtrapolatedDistance(NamedTuple):
    """A distance extrapolated to infinitely many samples.

    Attributes:
        value: the extrapolated squared distance.
        low: lower end of the confidence interval.
        high: upper end.
        sizes: float64 (halvings + 1,), mean number of samples in the parts of each size.
        distances: float64 (halvings + 1,), mean distance of the parts of each size.
    """

    value: float
    low: float
    high: float
    sizes: np.ndarray
    distances: np.ndarray


def frechet_distance_infinity(
    real_features: np.ndarray,
    fake_features: np.ndarray,
    *,
    halvings: int = 3,
    seed: int = 0,
    confidence: float = 0.95,
) -> ExtrapolatedDistance:
    """The Fréchet distance extrapolated to infinitely many generated samples.

    The real samples are taken as they are: their own number biases the distance too, by
    the same amount for every generator.

    Args:
        real_features: float (n, d), n >= 2.
        fake_features: float (m, d); the smallest parts, of m / 2^halvings rows, must have
            more rows than columns, since below that a distance is no straight line over
            1 / n.
        halvings: how often the samples are halved, >= 1.
        seed: of the division into parts.
        confidence: of the interval.

    Returns:
        The distance, with an interval for the chance in the generated samples: Student's
        t of the distances of the smallest parts, which are disjoint. To first order their
        mean varies as the extrapolated distance does; of second order it varies more, so
        the interval errs on the wide side.

    Raises:
        ValueError: other shapes, too few rows, or a value that is not finite.
    """
    real = statistics(real_features, "real features")
    return infinity_from_statistics(
        real, fake_features, halvings=halvings, seed=seed, confidence=confidence
    )


def infinity_from_statistics(
    real: Statistics,
    fake_features: np.ndarray,
    *,
    halvings: int = 3,
    seed: int = 0,
    confidence: float = 0.95,
) -> ExtrapolatedDistance:
    """As `frechet_distance_infinity`, for real samples whose statistics are known."""
    fake = checks.as_rows("fake features", fake_features)
    _check(fake, len(real.mean), halvings, confidence)
    distance = distance_to(real)
    parts = _parts(fake, 2**halvings, seed)
    sizes: list[float] = []
    means: list[float] = []
    smallest = np.zeros(0)
    while parts:
        values = np.asarray([distance(moments.finish(part)) for part in parts])
        smallest = smallest if means else values
        sizes.append(float(1.0 / np.mean([1.0 / part.rows for part in parts])))
        means.append(float(values.mean()))
        parts = [
            moments.merge(*pair) for pair in zip(parts[::2], parts[1::2], strict=False)
        ]
    value = extrapolate(np.asarray(sizes), np.asarray(means))
    margin = _margin(smallest, confidence)
    return ExtrapolatedDistance(
        value,
        value - margin,
        value + margin,
        np.asarray(sizes[::-1]),
        np.asarray(means[::-1]),
    )


def extrapolate(sizes: np.ndarray, values: np.ndarray) -> float:
    """Where the least-squares line through values over 1 / sizes meets 1 / size = 0.

    Args:
        sizes: float (k,), positive, at least two different ones.
        values: float (k,).
    """
    offsets = 1.0 / sizes - np.mean(1.0 / sizes)
    slope = np.sum(offsets * values) / np.sum(offsets * offsets)
    return float(np.mean(values) - slope * np.mean(1.0 / sizes))


def _parts(rows: np.ndarray, count: int, seed: int) -> list[Moments]:
    """Moments of random disjoint parts of nearly one size, which hold all rows."""
    order = np.random.default_rng(seed).permutation(len(rows))
    empty = moments.init(rows.shape[1])
    return [
        moments.update(empty, rows[part], "fake features")
        for part in np.array_split(order, count)
    ]


def _margin(values: np.ndarray, confidence: float) -> float:
    """Half of Student's interval for the mean of independent values."""
    from scipy.special import stdtrit

    quantile = stdtrit(len(values) - 1, (1.0 + confidence) / 2.0)
    return float(quantile * values.std(ddof=1) / np.sqrt(len(values)))


def _check(fake: np.ndarray, width: int, halvings: int, confidence: float) -> None:
    if fake.shape[1] != width:
        raise ValueError(
            f"real and fake features must have one width, got {width} and {fake.shape[1]}"
        )
    if halvings < 1 or not 0.0 < confidence < 1.0:
        raise ValueError(
            f"need halvings >= 1 and confidence in (0, 1), got {halvings} and {confidence}"
        )
    least = (width + 1) * 2**halvings
    if len(fake) < least:
        raise ValueError(
            f"{halvings} halvings of {width} features need at least {least} fake rows, got "
            f"{len(fake)}: take more samples or fewer halvings"
        )
