"""How many different examples a generator can make, by the birthday paradox.

Arora and Zhang, "Do GANs Actually Learn the Distribution? An Empirical Study" (2017),
section 3: if a batch of s samples holds two of a kind about half the time, the support is
of about s^2. For N equally likely kinds no two of s are alike with probability about
exp(-s (s - 1) / 2N); for unequal ones N is 1 / sum p^2, an effective number.

Whether two samples are of a kind is for a person to say, who looks at the closest pair of
each batch (`closest_pairs`); a threshold says so by itself where there is one to be had,
such as a low quantile of distances between a real example and its nearest other one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_jax.metrics import checks
from gan_jax.metrics.neighbours import nearest_neighbours


class Pairs(NamedTuple):
    """The closest pair of every batch.

    Attributes:
        indices: int64 (batches, 2), rows among all samples, the lesser first.
        distances: float64 (batches,), Euclidean.
    """

    indices: np.ndarray
    distances: np.ndarray


class Support(NamedTuple):
    """An estimated number of kinds.

    Attributes:
        size: the estimate; infinite if no batch holds two of a kind, 0 if all do: then
            other batches tell more.
        low: lower end of the confidence interval.
        high: upper end; infinite if no batch holds two of a kind.
        collision_probability: share of batches that hold two of a kind.
    """

    size: float
    low: float
    high: float
    collision_probability: float


def birthday_support(
    fake_features: np.ndarray,
    *,
    batch: int,
    threshold: float,
    confidence: float = 0.95,
) -> Support:
    """The support of a generator, two samples being of a kind that are near enough.

    Args:
        fake_features: float (n, d), independent samples, n >= batch.
        batch: s, samples in a batch, >= 2; best so that about half the batches hold two of
            a kind.
        threshold: the largest distance of two of a kind.
        confidence: of the interval.

    Returns:
        The estimate, from n // batch batches.

    Raises:
        ValueError: other shapes or numbers out of range, or a value that is not finite.
    """
    if not threshold >= 0.0:
        raise ValueError(f"need threshold >= 0, got {threshold}")
    pairs = closest_pairs(fake_features, batch=batch)
    collisions = int(np.sum(pairs.distances <= threshold))
    return support_from_collisions(
        collisions, len(pairs.distances), batch=batch, confidence=confidence
    )


def closest_pairs(fake_features: np.ndarray, *, batch: int) -> Pairs:
    """The closest pair of samples in each batch of consecutive rows.

    Args:
        fake_features: float (n, d), n >= batch; rows beyond whole batches are left out.
        batch: samples in a batch, >= 2.

    Returns:
        The pairs, batch by batch.

    Raises:
        ValueError: other shapes, too few rows, or a value that is not finite.
    """
    if batch < 2:
        raise ValueError(f"need batch >= 2, got {batch}")
    fake = checks.as_rows("fake features", fake_features, batch)
    starts = range(0, len(fake) - batch + 1, batch)
    found = [_closest(fake, start, batch) for start in starts]
    indices, distances = zip(*found, strict=True)
    return Pairs(np.asarray(indices, np.int64), np.asarray(distances))


def support_from_collisions(
    collisions: int, batches: int, *, batch: int, confidence: float = 0.95
) -> Support:
    """The support from how many batches held two of a kind, by whatever judgement.

    Args:
        collisions: batches that did.
        batches: all of them, independent, >= 1.
        batch: s, samples in a batch, >= 2.
        confidence: of the interval: Clopper and Pearson's for the probability of a
            collision, which is exact, carried over to the support.

    Returns:
        The estimate.

    Raises:
        ValueError: numbers out of range.
    """
    if not 0 <= collisions <= batches or batches < 1 or batch < 2:
        raise ValueError(
            "need 0 <= collisions <= batches, batches >= 1 and batch >= 2, got "
            f"{collisions}, {batches} and {batch}"
        )
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"need confidence in (0, 1), got {confidence}")
    from scipy.special import betaincinv

    tail, misses = (1.0 - confidence) / 2.0, batches - collisions
    least = betaincinv(collisions, misses + 1, tail) if collisions else 0.0
    most = betaincinv(collisions + 1, misses, 1.0 - tail) if misses else 1.0
    share = collisions / batches
    return Support(
        _support(share, batch), _support(most, batch), _support(least, batch), share
    )


def _support(probability: float, batch: int) -> float:
    """N such that s of N equally likely kinds collide with this probability."""
    if probability <= 0.0:
        return float("inf")
    if probability >= 1.0:
        return 0.0
    return float(-batch * (batch - 1) / (2.0 * np.log1p(-probability)))


def _closest(fake: np.ndarray, start: int, batch: int) -> tuple[tuple[int, int], float]:
    found = nearest_neighbours(fake[start : start + batch])
    row = int(found.squares[:, 0].argmin())
    pair = sorted((start + row, start + int(found.indices[row, 0])))
    return (pair[0], pair[1]), float(np.sqrt(found.squares[row, 0]))
