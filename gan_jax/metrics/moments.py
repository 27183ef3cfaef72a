"""Mean and covariance of features that arrive in batches.

Pure functions over a state of arrays: `init`, `update`, `merge`, `finish`. A state can be
saved, `np.savez(path, **state._asdict())`, read, `Moments(**np.load(path))`, and continued.
Deviations are taken from running means and joined as in Chan, Golub and LeVeque, "Updating
Formulae and a Pairwise Algorithm for Computing Sample Variances" (1979), equation 2.1, so
that features far from zero lose no digits.

Rows are absorbed in blocks of a fixed number, whatever the batches they arrive in: the
numbers are the same to the last bit for every batch size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_jax.metrics import checks

_BLOCK = 1024


class Statistics(NamedTuple):
    """First two moments of a set of features.

    Attributes:
        mean: float64 (d,).
        covariance: float64 (d, d), unbiased (divided by n - 1).
    """

    mean: np.ndarray
    covariance: np.ndarray


class Moments(NamedTuple):
    """What is known of the rows so far.

    Attributes:
        absorbed: int64 (), number of rows that `mean` and `scatter` speak of.
        mean: float64 (d,).
        scatter: float64 (d, d), sum of outer products of deviations from the mean.
        waiting: float64 (r, d), later rows that do not fill a block yet.
    """

    absorbed: np.ndarray
    mean: np.ndarray
    scatter: np.ndarray
    waiting: np.ndarray

    @property
    def rows(self) -> int:
        """Number of all rows so far."""
        return int(self.absorbed) + len(self.waiting)


def init(width: int) -> Moments:
    """The state before any row of `width` features."""
    return Moments(
        np.asarray(0, np.int64),
        np.zeros(width),
        np.zeros((width, width)),
        np.zeros((0, width)),
    )


def update(state: Moments, rows: np.ndarray, name: str = "features") -> Moments:
    """The state after further rows.

    Args:
        state: which is left as it is.
        rows: float (n, d), n >= 0, of the state's width.
        name: what to call them in errors.

    Returns:
        The state.

    Raises:
        ValueError: another width, or a value that is not finite: its row is counted from
            the first that the state ever saw.
    """
    rows = np.asarray(rows)
    width = len(state.mean)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"{name} must be (n, {width}), got shape {rows.shape}")
    seen = state.rows
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK].astype(np.float64)
        checks.require_finite(name, part, seen + start)
        state = _absorb(state, part)
    return state


def merge(first: Moments, second: Moments) -> Moments:
    """The state of all rows of two states; to rounding, in whatever order they are merged.

    Raises:
        ValueError: the widths differ.
    """
    if len(first.mean) != len(second.mean):
        raise ValueError(
            f"moments of {len(first.mean)} and of {len(second.mean)} features do not merge"
        )
    joined = _join(first, second.absorbed, second.mean, second.scatter)
    return _absorb(joined, second.waiting)


def finish(state: Moments, name: str = "features") -> Statistics:
    """Mean and covariance of all rows.

    Args:
        state: of two rows or more.
        name: what to call the rows in errors.

    Returns:
        The statistics.

    Raises:
        ValueError: fewer than two rows have no covariance.
    """
    if state.rows < 2:
        raise ValueError(
            f"{name} need at least 2 rows, got {state.rows}: fewer have no covariance"
        )
    whole = _join(state, *_of_block(state.waiting)) if len(state.waiting) else state
    return Statistics(whole.mean, whole.scatter / (int(whole.absorbed) - 1))


def _absorb(state: Moments, rows: np.ndarray) -> Moments:
    """The state after at most a block of further float64 rows."""
    rows = np.concatenate([state.waiting, rows])
    if len(rows) < _BLOCK:
        return state._replace(waiting=rows)
    joined = _join(state, *_of_block(rows[:_BLOCK]))
    return joined._replace(waiting=rows[_BLOCK:].copy())


def _of_block(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count, mean and scatter of one row or more."""
    mean = rows.mean(axis=0)
    centred = rows - mean[None]
    return np.asarray(len(rows), np.int64), mean, centred.T @ centred


def _join(
    state: Moments, count: np.ndarray, mean: np.ndarray, scatter: np.ndarray
) -> Moments:
    """The state with the moments of other rows; those that wait go on waiting."""
    total = state.absorbed + count
    share = float(count) / max(float(total), 1.0)
    gap = mean - state.mean
    between = float(state.absorbed) * share * gap
    together = state.scatter + scatter
    together += between[:, None] * gap[None]
    return Moments(
        np.asarray(total, np.int64), state.mean + share * gap, together, state.waiting
    )
