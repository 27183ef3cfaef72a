"""Which modes of a known mixture a generator of points has found.

Srivastava et al., "VEEGAN: Reducing Mode Collapse in GANs using Implicit Variational
Learning" (2017), section 5.1: a sample is of high quality within three standard deviations
of a mode, a mode is found if a sample of high quality is nearest to it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_jax.metrics import checks
from gan_jax.metrics.kernel import squared_distances


class Modes(NamedTuple):
    """A mixture of equal isotropic Gaussians.

    Attributes:
        centres: float (modes, d).
        sigma: standard deviation of each coordinate, positive.
    """

    centres: np.ndarray
    sigma: float


class ModeStatistics(NamedTuple):
    """How points spread over modes.

    Attributes:
        modes_found: modes with at least one sample of high quality.
        high_quality_share: share of samples of high quality.
        counts: int64 (modes,), samples of high quality by nearest mode.
    """

    modes_found: int
    high_quality_share: float
    counts: np.ndarray


def mode_statistics(
    points: np.ndarray, modes: Modes, *, within: float = 3.0
) -> ModeStatistics:
    """Counts the points near each mode.

    Args:
        points: float (n, d), n >= 1; points that are not finite are of low quality.
        modes: the mixture.
        within: standard deviations up to which a sample is of high quality.

    Returns:
        The statistics.

    Raises:
        ValueError: other shapes, or `sigma` or `within` not positive.
    """
    centres = checks.as_features("mode centres", modes.centres, minimum=1)
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or not len(points) or points.shape[1] != centres.shape[1]:
        raise ValueError(
            f"points must be (n, {centres.shape[1]}), n >= 1, got {points.shape}"
        )
    if not (modes.sigma > 0 and within > 0):
        raise ValueError(f"need sigma > 0 and within > 0, got {modes.sigma} and {within}")
    finite = points[np.isfinite(points).all(axis=1)]
    squares = squared_distances(finite, centres)
    good = squares.min(axis=1, initial=np.inf) <= (within * modes.sigma) ** 2
    counts = np.bincount(squares[good].argmin(axis=1), minlength=len(centres))
    return ModeStatistics(int(np.sum(counts > 0)), float(good.sum() / len(points)), counts)
