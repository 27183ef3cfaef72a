"""The Fréchet distance between two sets of features, seen as Gaussians.

Dowson and Landau, "The Fréchet distance between multivariate normal distributions" (1982);
used for generators by Heusel et al., "GANs Trained by a Two Time-Scale Update Rule" (2017),
equation 6, where in features of one Inception network it is called FID. In any other
features it is not FID: name the features.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_jax.metrics import checks


class Statistics(NamedTuple):
    """First two moments of a set of features.

    Attributes:
        mean: float64 (d,).
        covariance: float64 (d, d), unbiased (divided by n - 1).
    """

    mean: np.ndarray
    covariance: np.ndarray


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
    features = checks.as_features(name, features)
    mean = features.mean(axis=0)
    centred = features - mean[None]
    return Statistics(mean, centred.T @ centred / (len(features) - 1))


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
    mean_1, cov_1, mean_2, cov_2 = (
        np.asarray(x, np.float64) for x in (mean_1, cov_1, mean_2, cov_2)
    )
    _check_moments(mean_1, cov_1, mean_2, cov_2)
    root = _root(cov_1)
    inner = root.T @ cov_2 @ root
    eigenvalues = np.linalg.eigvalsh((inner + inner.T) / 2.0)
    cross = np.sum(np.sqrt(eigenvalues[eigenvalues > _rounding(eigenvalues)]))
    gap = mean_1 - mean_2
    return float(gap @ gap + np.trace(cov_1) + np.trace(cov_2) - 2.0 * cross)


def _root(cov: np.ndarray) -> np.ndarray:
    """A with A A^T = cov: Cholesky's where that is safe, else eigenvectors, without those
    whose eigenvalue is rounding: the square root would blow it up from 1e-16 to 1e-8.
    """
    try:
        lower = np.linalg.cholesky(cov)
        pivots = np.square(np.diag(lower))
        if pivots.min() > 1e3 * _rounding(pivots):
            return lower
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(cov)
    kept = values > _rounding(values)
    return vectors[:, kept] * np.sqrt(values[kept])[None]


def _rounding(values: np.ndarray) -> float:
    """Size of the rounding error in the smallest of these eigenvalues."""
    largest = float(np.max(np.abs(values), initial=0.0))
    return len(values) * float(np.finfo(np.float64).eps) * largest


def _check_moments(
    mean_1: np.ndarray, cov_1: np.ndarray, mean_2: np.ndarray, cov_2: np.ndarray
) -> None:
    d = mean_1.size
    shapes = [x.shape for x in (mean_1, cov_1, mean_2, cov_2)]
    if shapes != [(d,), (d, d), (d,), (d, d)]:
        raise ValueError(
            f"need means (d,) and covariances (d, d) of one d, got {shapes[0]}, "
            f"{shapes[1]}, {shapes[2]}, {shapes[3]}"
        )
    moments = zip(("means", "covariances"), (mean_1, cov_1), (mean_2, cov_2), strict=True)
    for name, first, second in moments:
        checks.require_finite(f"{name} of the first Gaussian", first)
        checks.require_finite(f"{name} of the second Gaussian", second)
