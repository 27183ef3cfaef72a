"""Wasserstein distances on the line, and of random projections to it.

Rabin et al., "Wasserstein Barycenter and its Application to Texture Mixing" (2011): a
distance in many dimensions as the mean over directions of those on lines, where the best
transport is known: it joins equal quantiles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_jax.metrics import checks

_VALUES = 2**24
"""Numbers projected at a time."""


class _Matching(NamedTuple):
    """Which sorted values of two samples are at equal quantiles.

    Attributes:
        first: int64 (k,), indices into the first.
        second: int64 (k,), indices into the second.
        mass: float64 (k,), of each pair; sums to 1.
    """

    first: np.ndarray
    second: np.ndarray
    mass: np.ndarray


def wasserstein_1d(real: np.ndarray, fake: np.ndarray, *, order: float = 1.0) -> float:
    """(integral over t of |F^-1(t) - G^-1(t)|^p)^(1/p) of two samples on the line.

    Args:
        real: float (n,), n >= 1.
        fake: float (m,), m >= 1; the numbers may differ.
        order: p >= 1.

    Returns:
        The distance, in units of the values.

    Raises:
        ValueError: other shapes, p < 1, or a value that is not finite.
    """
    x, y = np.asarray(real), np.asarray(fake)
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(f"need values (n,) and (m,), got {x.shape} and {y.shape}")
    x = checks.as_rows("real values", x[:, None], 1)
    y = checks.as_rows("fake values", y[:, None], 1)
    _check_order(order)
    return float(_powers(x, y, _matching(len(x), len(y)), order)[0] ** (1.0 / order))


def sliced_wasserstein(
    real_features: np.ndarray,
    fake_features: np.ndarray,
    *,
    projections: int = 512,
    order: float = 1.0,
    seed: int = 0,
) -> float:
    """(mean over directions v of W_p(real . v, fake . v)^p)^(1/p).

    Args:
        real_features: float (n, d), n >= 1.
        fake_features: float (m, d), m >= 1; the numbers may differ.
        projections: directions, drawn uniformly from the sphere.
        order: p >= 1.
        seed: of the directions.

    Returns:
        The distance, in units of the features.

    Raises:
        ValueError: other shapes, numbers out of range, or a value that is not finite.
    """
    real = checks.as_rows("real features", real_features, 1)
    fake = checks.as_rows("fake features", fake_features, 1)
    checks.same_width(real, fake)
    _check_order(order)
    if projections < 1:
        raise ValueError(f"need projections >= 1, got {projections}")
    directions = np.random.default_rng(seed).standard_normal((projections, real.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    matching = _matching(len(real), len(fake))
    size = max(1, _VALUES // (len(real) + len(fake)))
    powers = [
        _powers(real @ some, fake @ some, matching, order)
        for start in range(0, projections, size)
        for some in [directions[start : start + size].T.astype(real.dtype)]
    ]
    return float(np.mean(np.concatenate(powers)) ** (1.0 / order))


def _check_order(order: float) -> None:
    if not order >= 1.0:
        raise ValueError(f"need order >= 1, got {order}")


def _matching(n: int, m: int) -> _Matching:
    """The steps of both quantile functions, of samples of n and m values.

    Levels are whole multiples of 1 / n m, so that equal ones are found exactly.
    """
    first, second = np.arange(1, n + 1, dtype=np.int64), np.arange(1, m + 1, dtype=np.int64)
    levels = np.union1d(first * m, second * n)
    starts = np.concatenate([[0], levels[:-1]])
    return _Matching(starts // m, starts // n, (levels - starts) / (n * m))


def _powers(x: np.ndarray, y: np.ndarray, matching: _Matching, order: float) -> np.ndarray:
    """W_p^p of every column of (n, k) and (m, k), float64 (k,)."""
    x, y = np.sort(x, axis=0), np.sort(y, axis=0)
    gaps = np.abs(x[matching.first].astype(np.float64) - y[matching.second])
    return matching.mass @ gaps**order
