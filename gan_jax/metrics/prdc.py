"""Precision, recall, density and coverage of generated features by nearest neighbours.

Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models"
(2019), equation 2; Naeem et al., "Reliable Fidelity and Diversity Metrics for Generative
Models" (2020), equations 4 and 5.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from gan_jax.metrics import checks
from gan_jax.metrics.neighbours import (
    Layout,
    blocks,
    by_rows,
    centred,
    make_layout,
    nearest_neighbours,
    pair_squares,
    squares_and_errors,
    tracked,
)
from gan_jax.types import Array

_OF_REAL, _OF_FAKE = np.uint8(1), np.uint8(2)
"""Marks of pairs: in doubt is whether the real's ball holds the fake, or the reverse."""


class PrecisionRecallDensityCoverage(NamedTuple):
    """Four shares, by balls around samples that reach to their k-th neighbour.

    Attributes:
        precision: share of fakes inside some ball of a real sample.
        recall: share of reals inside some ball of a fake sample.
        density: mean number of balls of reals that a fake is in, over k; may exceed 1.
        coverage: share of reals whose ball holds a fake.
    """

    precision: float
    recall: float
    density: float
    coverage: float


class _Sets(NamedTuple):
    """Rows and the squares of their radii, real (n, d) and (n,), fake (m, d) and (m,)."""

    real: np.ndarray
    real_squares: np.ndarray
    fake: np.ndarray
    fake_squares: np.ndarray


def precision_recall_density_coverage(
    real_features: np.ndarray, fake_features: np.ndarray, *, neighbours: int = 5
) -> PrecisionRecallDensityCoverage:
    """The four measures, exact, in blocks on this process' devices.

    Distances are computed in float32, and in float64 wherever that leaves a doubt
    (`gan_jax.metrics.neighbours`). Work of over ten seconds logs how long it will take.

    Args:
        real_features: float (n, d), n > neighbours.
        fake_features: float (m, d), m > neighbours.
        neighbours: k; a sample is not its own neighbour. A point on the edge of a ball is
            outside.

    Returns:
        The measures.

    Raises:
        ValueError: other shapes, too few rows, or a value that is not finite.
    """
    if neighbours < 1:
        raise ValueError(f"need neighbours >= 1, got {neighbours}")
    real = checks.as_rows("real features", real_features, neighbours + 1)
    fake = checks.as_rows("fake features", fake_features, neighbours + 1)
    checks.same_width(real, fake)
    radii = (nearest_neighbours(x, count=neighbours).squares[:, -1] for x in (real, fake))
    balls, recalled, covered = _membership(_Sets(real, next(radii), fake, next(radii)))
    return PrecisionRecallDensityCoverage(
        precision=float(np.mean(balls > 0)),
        recall=float(np.mean(recalled)),
        density=float(np.mean(balls) / neighbours),
        coverage=float(np.mean(covered)),
    )


def _membership(sets: _Sets) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Balls of reals around each fake, int64 (m,); reals in a ball of a fake, and reals
    whose ball holds a fake, bool (n,).
    """
    layout = make_layout(sets.real, sets.fake)
    compare = _comparison(layout.mesh)
    balls = np.zeros(len(sets.fake), np.int64)
    recalled, covered = (np.zeros(len(sets.real), bool) for _ in range(2))
    for rows in tracked(blocks(len(sets.real), layout.rows), "balls of neighbours"):
        x = layout.put_rows(centred(sets.real[rows], layout.centre))
        reach = layout.put_rows(sets.real_squares[rows].astype(np.float32), -1.0)
        for columns in blocks(len(sets.fake), layout.columns):
            y, far = _columns(sets, columns, layout)
            held, inside, holds, doubts = compare(x, reach, y, far)
            balls[columns] += np.asarray(held).sum(axis=0)[: columns.stop - columns.start]
            recalled[rows] |= np.asarray(inside)[: rows.stop - rows.start]
            covered[rows] |= np.asarray(holds)[: rows.stop - rows.start]
            doubtful = np.asarray(doubts)
            i, j = _pairs(doubtful & _OF_REAL, rows, columns)
            here = pair_squares(sets.real, sets.fake, i, j) < sets.real_squares[i]
            np.add.at(balls, j[here], 1)
            covered[i[here]] = True
            i, j = _pairs(doubtful & _OF_FAKE, rows, columns)
            here = pair_squares(sets.real, sets.fake, i, j) < sets.fake_squares[j]
            recalled[i[here]] = True
    return balls, recalled, covered


def _pairs(
    doubtful: np.ndarray, rows: slice, columns: slice
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the marks in a block."""
    i, j = np.nonzero(doubtful)
    return rows.start + i, columns.start + j


def _columns(sets: _Sets, columns: slice, layout: Layout) -> tuple[Array, Array]:
    """A block of fakes and the squares of their radii; negative where there is none."""
    y = layout.put_columns(centred(sets.fake[columns], layout.centre))
    return y, layout.put_columns(sets.fake_squares[columns].astype(np.float32), -1.0)


@lru_cache(maxsize=8)
def _comparison(mesh: Mesh) -> Callable:
    """What is certain of a block, and where there are doubts."""

    def compare(
        x: Array, reach: Array, y: Array, far: Array
    ) -> tuple[Array, Array, Array, Array]:
        squares, errors = squares_and_errors(x, y)
        present = (reach[:, None] >= 0.0) & (far[None] >= 0.0)

        def judge(radii: Array) -> tuple[Array, Array]:
            room = errors + radii * 2.0**-22
            sure = present & (squares < radii - room)
            return sure, present & ~sure & (squares <= radii + room)

        of_real, doubt_real = judge(reach[:, None])
        of_fake, doubt_fake = judge(far[None])
        recalled = of_fake.any(axis=1)
        doubt_fake &= ~recalled[:, None]
        doubts = jnp.where(doubt_real, _OF_REAL, jnp.uint8(0))
        doubts |= jnp.where(doubt_fake, _OF_FAKE, jnp.uint8(0))
        held = of_real.sum(axis=0, dtype=jnp.int32)[None]
        return held, recalled, of_real.any(axis=1), doubts

    return by_rows(compare, mesh, "rrcc")
