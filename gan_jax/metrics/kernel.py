"""Kernel distances between two sets of features: squared maximum mean discrepancies.

Gretton et al., "A Kernel Two-Sample Test" (2012), equations 3 and 5; Bińkowski et al.,
"Demystifying MMD GANs" (2018), section 4, where with the cubic polynomial kernel in
Inception features it is called KID. In other features, name the features.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gan_jax.metrics import checks

Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""`(x (n, d), y (m, d)) -> (n, m)`, float64."""


class KernelDistance(NamedTuple):
    """Mean and spread over random subsets.

    Attributes:
        mean: unbiased.
        std: standard deviation over subsets, biased (divided by their number).
    """

    mean: float
    std: float


def polynomial_kernel(
    degree: int = 3, gamma: float | None = None, offset: float = 1.0
) -> Kernel:
    """(gamma x.y + offset)^degree; `gamma` is 1 / d by default."""

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        scale = 1.0 / x.shape[1] if gamma is None else gamma
        return (scale * (x @ y.T) + offset) ** degree

    return kernel


def gaussian_kernel(*bandwidths: float) -> Kernel:
    """Sum over bandwidths s of exp(-|x - y|^2 / (2 s^2)).

    Args:
        *bandwidths: one or more, positive, in units of the features.

    Returns:
        The kernel.

    Raises:
        ValueError: no bandwidth, or one that is not positive.
    """
    if not bandwidths or not all(s > 0 for s in bandwidths):
        raise ValueError(f"a Gaussian kernel needs positive bandwidths, got {bandwidths}")

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        squares = squared_distances(x, y)
        terms = (np.exp(squares * (-0.5 / s**2)) for s in bandwidths)
        return sum(terms, np.zeros_like(squares))

    return kernel


def kernel_distance(
    real_features: np.ndarray,
    fake_features: np.ndarray,
    *,
    kernel: Kernel | None = None,
    unbiased: bool = True,
) -> float:
    """Squared maximum mean discrepancy of all rows, in float64.

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
    return _squared_mmd(real, fake, kernel or polynomial_kernel(), unbiased)


def kernel_distance_subsets(
    real_features: np.ndarray,
    fake_features: np.ndarray,
    *,
    subsets: int = 100,
    size: int = 1000,
    seed: int = 0,
    kernel: Kernel | None = None,
) -> KernelDistance:
    """The unbiased squared discrepancy averaged over random subsets, as KID is reported.

    Args:
        real_features: float (n, d).
        fake_features: float (m, d).
        subsets: number of subsets.
        size: rows in each subset of each set, drawn without replacement; at least 2 and at
            most n and m.
        seed: of the draws.
        kernel: the cubic `polynomial_kernel()` by default.

    Returns:
        Mean and standard deviation over subsets.

    Raises:
        ValueError: other shapes, sizes out of range, or a value that is not finite.
    """
    real, fake = _both(real_features, fake_features)
    least = min(len(real), len(fake))
    if subsets < 1 or not 2 <= size <= least:
        raise ValueError(
            f"need subsets >= 1 and 2 <= size <= {least}, got {subsets} and {size}"
        )
    draws = np.random.default_rng(seed)
    chosen = kernel or polynomial_kernel()
    values = []
    for _ in range(subsets):
        rows = draws.choice(len(real), size, replace=False)
        others = draws.choice(len(fake), size, replace=False)
        values.append(_squared_mmd(real[rows], fake[others], chosen, unbiased=True))
    return KernelDistance(float(np.mean(values)), float(np.std(values)))


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances (n, m) between rows; float64, never negative."""
    norms = np.sum(x * x, axis=1)[:, None] + np.sum(y * y, axis=1)[None]
    return np.maximum(norms - 2.0 * (x @ y.T), 0.0)


def _both(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    real = checks.as_features("real features", real)
    fake = checks.as_features("fake features", fake)
    checks.same_width(real, fake)
    return real, fake


def _squared_mmd(
    real: np.ndarray, fake: np.ndarray, kernel: Kernel, unbiased: bool
) -> float:
    within = [_mean_within(kernel(x, x), unbiased) for x in (real, fake)]
    return float(sum(within) - 2.0 * kernel(real, fake).mean())


def _mean_within(gram: np.ndarray, unbiased: bool) -> float:
    n = len(gram)
    if not unbiased:
        return float(gram.mean())
    return float((gram.sum() - np.trace(gram)) / (n * (n - 1)))
