"""Whether samples are nearer to the training examples than unseen examples are.

Nearest neighbours alone show nothing: some real examples have near twins. Meehan et al., "A
Non-Parametric Test to Detect Data-Copying in Generative Models" (2020), sections 2 and 3,
compare the distances with those of held-out examples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_jax.metrics import checks
from gan_jax.metrics.neighbours import Neighbours, nearest_neighbours


class Memorisation(NamedTuple):
    """Nearest training examples of samples, and how near they are for their kind.

    Attributes:
        z: the paper's C_T: far below 0 (-3, say) samples are copies, far above 0 they are
            farther from the training examples than held-out examples, as of a model that
            underfits. About N(0, 1) if distances are distributed as those of held-out
            examples.
        share_closer: share of samples closer to a training example than all but `quantile`
            of the held-out examples are.
        quantile: the share to be expected without memorisation.
        nearest: indices and squared distances, (n, k), of the nearest training examples of
            each sample, nearest first.
        closest: int64 (n,), samples ordered by that distance: look at the first.
    """

    z: float
    share_closer: float
    quantile: float
    nearest: Neighbours
    closest: np.ndarray


def memorisation(
    train_features: np.ndarray,
    heldout_features: np.ndarray,
    fake_features: np.ndarray,
    *,
    quantile: float = 0.05,
    cells: int = 1,
    neighbours: int = 1,
    seed: int = 0,
) -> Memorisation:
    """Compares distances to the training examples of samples and of held-out examples.

    Args:
        train_features: float (t, d), what the generator was trained on.
        heldout_features: float (h, d), h >= 2, of the same distribution, and unseen.
        fake_features: float (n, d), n >= 2.
        quantile: of held-out distances, in (0, 1).
        cells: parts of the space, by k-means of the training examples, in which distances
            are compared apart and then averaged by their held-out examples: shows copying
            in one part that underfitting in another would hide. Parts with fewer than
            two held-out examples or samples are left out.
        neighbours: how many nearest training examples are returned.
        seed: of the parts.

    Returns:
        The test, and the nearest training examples.

    Raises:
        ValueError: other shapes or numbers out of range, no part with examples of both
            kinds, or a value that is not finite.
    """
    train = checks.as_rows("training features", train_features, 1)
    heldout = checks.as_rows("held-out features", heldout_features)
    fake = checks.as_rows("fake features", fake_features)
    if not 0.0 < quantile < 1.0 or not 1 <= cells <= len(train):
        raise ValueError(
            f"need quantile in (0, 1) and 1 <= cells <= {len(train)}, got {quantile} and "
            f"{cells}"
        )
    nearest = nearest_neighbours(fake, train, count=neighbours)
    ours = nearest.squares[:, 0]
    theirs = nearest_neighbours(heldout, train).squares[:, 0]
    places = _cells(train, (fake, heldout), cells, seed)
    return Memorisation(
        z=_by_cells(ours, theirs, *places),
        share_closer=float(np.mean(ours < np.quantile(theirs, quantile))),
        quantile=quantile,
        nearest=nearest,
        closest=np.argsort(ours, kind="stable"),
    )


def mann_whitney_z(first: np.ndarray, second: np.ndarray) -> float:
    """How many standard deviations the rank sum of `first` is above what chance gives.

    Mann and Whitney (1947), with the variance corrected for ties; 0 if all values are
    equal.

    Args:
        first: float (n,), n >= 1.
        second: float (m,), m >= 1.
    """
    from scipy.stats import rankdata

    n, m = len(first), len(second)
    values = np.concatenate([first, second])
    excess = rankdata(values)[:n].sum() - n * (n + m + 1) / 2.0
    repeats = np.unique(values, return_counts=True)[1].astype(np.float64)
    ties = np.sum(repeats**3 - repeats) / ((n + m) * (n + m - 1))
    variance = n * m / 12.0 * (n + m + 1 - ties)
    return float(excess / np.sqrt(variance)) if variance > 0.0 else 0.0


def _cells(
    train: np.ndarray, others: tuple[np.ndarray, np.ndarray], cells: int, seed: int
) -> tuple[np.ndarray, ...]:
    """The part of the space that each row is in."""
    if cells == 1:
        return tuple(np.zeros(len(x), np.int64) for x in others)
    from scipy.cluster.vq import kmeans2

    centres, _ = kmeans2(
        train.astype(np.float64), cells, minit="++", rng=np.random.default_rng(seed)
    )
    return tuple(nearest_neighbours(x, centres).indices[:, 0] for x in others)


def _by_cells(
    ours: np.ndarray, theirs: np.ndarray, our_cells: np.ndarray, their_cells: np.ndarray
) -> float:
    """Meehan et al., equation 3: the mean of z over parts, by held-out examples."""
    total, weight = 0.0, 0
    for cell in np.unique(their_cells):
        first, second = ours[our_cells == cell], theirs[their_cells == cell]
        if min(len(first), len(second)) >= 2:
            total += len(second) * mann_whitney_z(first, second)
            weight += len(second)
    if not weight:
        raise ValueError("no part has two samples and two held-out examples: fewer cells")
    return total / weight
