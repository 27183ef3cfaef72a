"""The Fréchet distance between two sets of features, seen as Gaussians.

Dowson and Landau, "The Fréchet distance between multivariate normal distributions" (1982);
used for generators by Heusel et al., "GANs Trained by a Two Time-Scale Update Rule" (2017),
equation 6, where in features of one Inception network it is called FID. In any other
features it is not FID: name the features.

A distance of few samples is biased upwards, by about c / n with a c that depends on the
generator: compare only distances of equally many samples, or `frechet_distance_infinity`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gan_jax.metrics import checks, moments
from gan_jax.metrics.moments import Statistics

__all__ = [
    "Statistics",
    "distance_to",
    "frechet_distance",
    "frechet_from_statistics",
    "statistics",
]

_TOLERANCE = 1e-10
"""Error of the distance that is no reason to take longer, in parts of the variances."""


def statistics(features: np.ndarray, name: str = "features") -> Statistics:
    """Mean and covariance in float64.

    Args:
        features: float (n, d), n >= 2.
        name: what to call them in errors.

    Returns:
        The statistics.

    Raises:
        ValueError: another shape, n < 2, or a value that is not finite (it is named).
    """
    features = np.asarray(features)
    if features.ndim != 2 or features.shape[1] == 0:
        raise ValueError(f"{name} must be (n, d), got shape {features.shape}")
    state = moments.update(moments.init(features.shape[1]), features, name)
    return moments.finish(state, name)


def frechet_distance(real_features: np.ndarray, fake_features: np.ndarray) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), right also with fewer rows than columns.

    Args:
        real_features: float (n, d), n >= 2.
        fake_features: float (m, d), m >= 2.

    Returns:
        The squared distance, >= 0 but for rounding, in squared units of the features.

    Raises:
        ValueError: other shapes, fewer than two rows, or a value that is not finite.
    """
    real = statistics(real_features, "real features")
    fake = statistics(fake_features, "fake features")
    return frechet_from_statistics(*real, *fake)


def frechet_from_statistics(
    mean_1: np.ndarray, cov_1: np.ndarray, mean_2: np.ndarray, cov_2: np.ndarray
) -> float:
    """The Fréchet distance of two Gaussians.

    With C1 = A A^T, the eigenvalues of C1 C2 are those of the symmetric A^T C2 A, so the
    trace of the square root needs no matrix square root of an unsymmetric product.

    Args:
        mean_1: float (d,).
        cov_1: float (d, d), symmetric positive semi-definite; may be singular.
        mean_2: float (d,).
        cov_2: as `cov_1`.

    Returns:
        The squared distance.

    Raises:
        ValueError: shapes disagree, or a value is not finite.
    """
    return distance_to(Statistics(mean_1, cov_1))(Statistics(mean_2, cov_2))


def distance_to(real: Statistics) -> Callable[[Statistics], float]:
    """The Fréchet distance from one Gaussian to many, whose covariance is factored once.

    Args:
        real: as in `frechet_from_statistics`.

    Returns:
        Function from the statistics of another to the squared distance. Both raise
        ValueError if shapes disagree or a value is not finite.
    """
    mean, cov = _checked(real, "first")
    root = _root(cov)

    def distance(fake: Statistics) -> float:
        other_mean, other_cov = _checked(fake, "second")
        if other_mean.shape != mean.shape:
            raise ValueError(
                f"need Gaussians of one d, got {len(mean)} and {len(other_mean)}"
            )
        gap, traces = mean - other_mean, np.trace(cov) + np.trace(other_cov)
        cross = _cross_trace(root, other_cov, _TOLERANCE * traces)
        return float(gap @ gap + traces - 2.0 * cross)

    return distance


def _cross_trace(root: np.ndarray, cov: np.ndarray, tolerance: float) -> float:
    """The trace of (A A^T C)^(1/2), of A and C.

    Eigenvalues of A^T C A are known to the rounding of the largest, so that roots of small
    ones lose half their digits. Where that matters, the same roots are taken as singular
    values of A^T B, C = B B^T, which are exact but take longer.
    """
    inner = root.T @ cov @ root
    values = np.linalg.eigvalsh((inner + inner.T) / 2.0)
    rounding = 4.0 * float(np.finfo(np.float64).eps) * np.max(values, initial=0.0)
    roots = np.sqrt(np.maximum(values, rounding))
    if np.sum(rounding / (2.0 * roots), where=roots > 0.0) <= tolerance:
        return float(roots.sum())
    return float(np.linalg.svd(root.T @ _root(cov), compute_uv=False).sum())


def _root(cov: np.ndarray) -> np.ndarray:
    """A, of as many columns as the rank, with A A^T = cov: Cholesky's where that is safe,
    else Cholesky's with pivots, which ends where only rounding is left: a square root would
    blow that up from 1e-16 to 1e-8.
    """
    try:
        lower = np.linalg.cholesky(cov)
        pivots = np.square(np.diag(lower))
        if pivots.min() > 1e3 * _rounding(pivots):
            return lower
    except np.linalg.LinAlgError:
        pass
    from scipy.linalg.lapack import dpstrf

    factor, order, rank, _ = dpstrf(cov, tol=_rounding(np.diag(cov)), lower=1)
    root = np.zeros((len(cov), rank))
    root[order - 1] = np.tril(factor)[:, :rank]
    return root


def _rounding(values: np.ndarray) -> float:
    """Size of the rounding error in the smallest of these eigenvalues."""
    largest = float(np.max(np.abs(values), initial=0.0))
    return len(values) * float(np.finfo(np.float64).eps) * largest


def _checked(statistics: Statistics, which: str) -> tuple[np.ndarray, np.ndarray]:
    mean, cov = (np.asarray(x, np.float64) for x in statistics)
    if mean.ndim != 1 or cov.shape != (mean.size, mean.size):
        raise ValueError(
            f"need a mean (d,) and a covariance (d, d) of one d, got {mean.shape} and "
            f"{cov.shape} of the {which} Gaussian"
        )
    checks.require_finite(f"means of the {which} Gaussian", mean)
    checks.require_finite(f"covariances of the {which} Gaussian", cov)
    return mean, cov
