"""Kernel distances between two sets of features: squared maximum mean discrepancies.

Gretton et al., "A Kernel Two-Sample Test" (2012), equations 3 and 5; Bińkowski et al.,
"Demystifying MMD GANs" (2018), section 4, where with the cubic polynomial kernel in
Inception features it is called KID. In other features, name the features. The kernels are
those of `gan_jax.losses.moments`, here on float64 rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_jax.losses.moments import (
    Kernel,
    gaussian_kernel,
    polynomial_kernel,
    rational_quadratic_kernel,
    squared_distances,
)
from gan_jax.metrics import checks

__all__ = [
    "Kernel",
    "KernelDistance",
    "KernelInterval",
    "gaussian_kernel",
    "kernel_distance",
    "kernel_distance_interval",
    "kernel_distance_subsets",
    "polynomial_kernel",
    "rational_quadratic_kernel",
    "squared_distances",
]


_BLOCK = 2048


class KernelDistance(NamedTuple):
    """Mean and spread over random subsets.

    Attributes:
        mean: unbiased.
        std: standard deviation over subsets, biased (divided by their number). It is not
            the error of the mean.
        low: lower end of a confidence interval for the distance of the distributions; None
            where one subset, or subsets of all rows, show no spread.
        high: upper end.
    """

    mean: float
    std: float
    low: float | None
    high: float | None


class KernelInterval(NamedTuple):
    """The distance of all rows, and how far chance may have moved it.

    Attributes:
        value: unbiased.
        error: its standard error.
        low: lower end of the confidence interval.
        high: upper end.
    """

    value: float
    error: float
    low: float
    high: float


class _Grams(NamedTuple):
    """What a discrepancy needs of three kernel matrices, in float64.

    Attributes:
        within: two vectors, (n,) and (m,): sums over the rows of k(x, x') and k(y, y').
        own: two vectors, (n,) and (m,): k(x, x) and k(y, y).
        across: two vectors, (n,) and (m,): sums of k(x, y) over y, and over x.
    """

    within: tuple[np.ndarray, np.ndarray]
    own: tuple[np.ndarray, np.ndarray]
    across: tuple[np.ndarray, np.ndarray]


def kernel_distance(
    real_features: np.ndarray,
    fake_features: np.ndarray,
    *,
    kernel: Kernel | None = None,
    unbiased: bool = True,
) -> float:
    """Squared maximum mean discrepancy of all rows, in float64, in blocks of rows.

    Args:
        real_features: float (n, d), n >= 2.
        fake_features: float (m, d), m >= 2.
        kernel: the cubic `polynomial_kernel()` by default.
        unbiased: leave out the pairs of a row with itself (it may then be negative);
            otherwise the V-statistic, >= 0.

    Returns:
        The squared distance.

    Raises:
        ValueError: other shapes, fewer than two rows, or a value that is not finite.
    """
    real, fake = _both(real_features, fake_features)
    return _discrepancy(_grams(real, fake, kernel or polynomial_kernel()), unbiased)


def kernel_distance_interval(
    real_features: np.ndarray,
    fake_features: np.ndarray,
    *,
    kernel: Kernel | None = None,
    confidence: float = 0.95,
) -> KernelInterval:
    """The unbiased squared discrepancy of all rows with a confidence interval.

    The standard error is the jackknife's for two samples: each row is left out once, which
    costs nothing beyond the sums over rows of the kernel matrices. It is right to first
    order; where the two distributions are nearly equal, and chance is of second order, it
    is too large (Efron and Stein, "The Jackknife Estimate of Variance", 1981).

    Args:
        real_features: float (n, d), n >= 3.
        fake_features: float (m, d), m >= 3.
        kernel: the cubic `polynomial_kernel()` by default.
        confidence: of the interval, by the normal distribution.

    Returns:
        The distance and its interval.

    Raises:
        ValueError: other shapes, fewer than three rows, or a value that is not finite.
    """
    _check_confidence(confidence)
    real, fake = _both(real_features, fake_features, minimum=3)
    grams = _grams(real, fake, kernel or polynomial_kernel())
    from scipy.special import ndtri

    value = _discrepancy(grams, unbiased=True)
    error = float(np.sqrt(_jackknife(grams)))
    margin = float(ndtri((1.0 + confidence) / 2.0)) * error
    return KernelInterval(value, error, value - margin, value + margin)


def kernel_distance_subsets(
    real_features: np.ndarray,
    fake_features: np.ndarray,
    *,
    subsets: int = 100,
    size: int = 1000,
    seed: int = 0,
    kernel: Kernel | None = None,
    confidence: float = 0.95,
) -> KernelDistance:
    """The unbiased squared discrepancy averaged over random subsets, as KID is reported.

    Subsets of one set of rows overlap, so that their spread divided by the root of their
    number would promise too much. With variance v of a subset of b out of n rows, two of
    them have the covariance v b / n to first order (Nadeau and Bengio, "Inference for the
    Generalization Error", 2003, section 3), and the interval is Student's with that; n is
    the lesser number of rows.

    Args:
        real_features: float (n, d).
        fake_features: float (m, d).
        subsets: number of subsets.
        size: rows in each subset of each set, drawn without replacement; at least 2 and at
            most n and m.
        seed: of the draws.
        kernel: the cubic `polynomial_kernel()` by default.
        confidence: of the interval.

    Returns:
        Mean and standard deviation over subsets, and the interval.

    Raises:
        ValueError: other shapes, sizes out of range, or a value that is not finite.
    """
    _check_confidence(confidence)
    real, fake = _both(real_features, fake_features)
    least = min(len(real), len(fake))
    if subsets < 1 or not 2 <= size <= least:
        raise ValueError(
            f"need subsets >= 1 and 2 <= size <= {least}, got {subsets} and {size}"
        )
    draws = np.random.default_rng(seed)
    chosen = kernel or polynomial_kernel()
    values = np.zeros(subsets)
    for index in range(subsets):
        rows = draws.choice(len(real), size, replace=False)
        others = draws.choice(len(fake), size, replace=False)
        grams = _grams(real[rows], fake[others], chosen)
        values[index] = _discrepancy(grams, unbiased=True)
    mean, std = float(values.mean()), float(values.std())
    if subsets == 1 or size == least:
        return KernelDistance(mean, std, None, None)
    margin = _overlapping_margin(values, size / least, confidence)
    return KernelDistance(mean, std, mean - margin, mean + margin)


def _both(
    real: np.ndarray, fake: np.ndarray, minimum: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    real = checks.as_rows("real features", real, minimum)
    fake = checks.as_rows("fake features", fake, minimum)
    checks.same_width(real, fake)
    return real, fake


def _check_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"need confidence in (0, 1), got {confidence}")


def _overlapping_margin(values: np.ndarray, share: float, confidence: float) -> float:
    """Half of an interval for the mean over subsets that hold a share of all rows."""
    from scipy.special import stdtrit

    count = len(values)
    # Among subsets of one set of rows only the part 1 - share of the variance shows.
    variance = values.var(ddof=1) / (1.0 - share)
    variance *= 1.0 / count + (1.0 - 1.0 / count) * share
    return float(stdtrit(count - 1, (1.0 + confidence) / 2.0) * np.sqrt(variance))


def _grams(real: np.ndarray, fake: np.ndarray, kernel: Kernel) -> _Grams:
    """Sums over three kernel matrices, of which one block at a time is there."""
    n, m = len(real), len(fake)
    within, own = (np.zeros(n), np.zeros(m)), (np.zeros(n), np.zeros(m))
    across = (np.zeros(n), np.zeros(m))
    for rows, total, diagonal in zip((real, fake), within, own, strict=True):
        for i in _blocks(len(rows)):
            block = rows[i].astype(np.float64)
            gram = kernel(block, block)
            total[i] += gram.sum(axis=1)
            diagonal[i] = np.diagonal(gram)
            for j in _blocks(len(rows), i.stop):
                gram = kernel(block, rows[j].astype(np.float64))
                total[i] += gram.sum(axis=1)
                total[j] += gram.sum(axis=0)
    for i in _blocks(n):
        block = real[i].astype(np.float64)
        for j in _blocks(m):
            gram = kernel(block, fake[j].astype(np.float64))
            across[0][i] += gram.sum(axis=1)
            across[1][j] += gram.sum(axis=0)
    return _Grams(within, own, across)


def _blocks(n: int, start: int = 0) -> list[slice]:
    return [slice(i, min(i + _BLOCK, n)) for i in range(start, n, _BLOCK)]


def _discrepancy(grams: _Grams, unbiased: bool) -> float:
    """Gretton et al., equation 3, or the V-statistic, equation 5."""
    total = -2.0 * grams.across[0].sum() / np.prod([len(x) for x in grams.own])
    for within, own in zip(grams.within, grams.own, strict=True):
        n, pairs = len(own), within.sum()
        total += (pairs - own.sum()) / (n * (n - 1)) if unbiased else pairs / n**2
    return float(total)


def _jackknife(grams: _Grams) -> float:
    """Variance of the unbiased estimate, by leaving out each row of either sample."""
    variance, across = 0.0, grams.across[0].sum()
    for side in (0, 1):
        n, m = len(grams.own[side]), len(grams.own[1 - side])
        pairs = grams.within[side] - grams.own[side]
        within = (pairs.sum() - 2.0 * pairs) / ((n - 1) * (n - 2))
        without = within - 2.0 * (across - grams.across[side]) / ((n - 1) * m)
        variance += (n - 1) / n * np.sum(np.square(without - without.mean()))
    return float(variance)
