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
    squared_discrepancy,
    squared_distances,
)
from gan_jax.metrics import checks

__all__ = [
    "Kernel",
    "KernelDistance",
    "gaussian_kernel",
    "kernel_distance",
    "kernel_distance_subsets",
    "polynomial_kernel",
    "rational_quadratic_kernel",
    "squared_distances",
]


class KernelDistance(NamedTuple):
    """Mean and spread over random subsets.

    Attributes:
        mean: unbiased.
        std: standard deviation over subsets, biased (divided by their number).
    """

    mean: float
    std: float


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


def _both(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    real = checks.as_features("real features", real)
    fake = checks.as_features("fake features", fake)
    checks.same_width(real, fake)
    return real, fake


def _squared_mmd(
    real: np.ndarray, fake: np.ndarray, kernel: Kernel, unbiased: bool
) -> float:
    return float(squared_discrepancy(kernel, real, fake, unbiased=unbiased))
