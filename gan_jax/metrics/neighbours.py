"""Nearest neighbours among many rows: found in float32 on devices, exact in float64.

Squared distances |x|^2 + |y|^2 - 2 x.y are computed in blocks of one shape, in float32, of
rows from which a common centre is taken. Their error is at most

    (d + 16) 2^-23 (|x|^2 + |y|^2)

(Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1: the inner product of
d terms, and the roundings of centring). Whatever lies within that of a decision is decided
by sum (x - y)^2 in float64 on the host, so that results depend neither on the device nor on
the number of devices, and equal rows are at distance 0.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from gan_jax.losses.moments import squared_distances
from gan_jax.metrics import checks
from gan_jax.types import Array

_ROWS, _COLUMNS = 2048, 4096
"""The largest blocks; rows are those of one device."""
_SPARE = 8
"""Candidates beyond those asked for; with none, equal distances would not be certain."""
_PAIRS = 2**22
"""Numbers in one block of exact differences."""
_UNSURE = 64
"""Rows whose distances are computed at a time on the host."""
_AXIS = "rows"
_SECONDS = 10.0
_LOG = logging.getLogger(__name__)


class Neighbours(NamedTuple):
    """The nearest rows of a set, nearest first.

    Attributes:
        indices: int64 (n, k).
        squares: float64 (n, k), squared Euclidean distances.
    """

    indices: np.ndarray
    squares: np.ndarray


def nearest_neighbours(
    queries: np.ndarray, references: np.ndarray | None = None, *, count: int = 1
) -> Neighbours:
    """The nearest references of every query, in blocks on this process' devices.

    Work of more than ten seconds logs how far it is and how long it will take.

    Args:
        queries: float (n, d), n >= 1.
        references: float (m, d), m >= count; None for the queries themselves, of which
            none is then its own neighbour.
        count: k, neighbours of each query.

    Returns:
        The neighbours.

    Raises:
        ValueError: other shapes, too few rows, or a value that is not finite.
    """
    among = references is None
    queries = checks.as_rows("queries", queries, count + 1 if among else 1)
    others = queries
    if references is not None:
        others = checks.as_rows("references", references, count)
    if count < 1 or queries.shape[1] != others.shape[1]:
        raise ValueError(
            f"need count >= 1 and rows of one width, got {count}, {queries.shape[1]} and "
            f"{others.shape[1]}"
        )
    kept = min(count + _SPARE, len(others))
    candidates, bounds = _candidates(queries, others, kept, among)
    found = _sorted(queries, others, candidates, count)
    # Every row that is no candidate is at least as far as the last bound.
    unsure = np.flatnonzero(found.squares[:, -1] > np.maximum(bounds, 0.0))
    for rows in tracked(blocks(len(unsure), _UNSURE), "neighbours in float64"):
        some = unsure[rows]
        exact = _resolved(queries, others, some, found.squares[some, -1], count, among)
        found.indices[some], found.squares[some] = exact
    return found


def pair_squares(x: np.ndarray, y: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Exact squared distances of the rows x[i] and y[j]: float64 (pairs,)."""
    size = max(1, _PAIRS // x.shape[1])
    parts = [
        np.square(x[i[part]].astype(np.float64) - y[j[part]].astype(np.float64)).sum(axis=1)
        for part in blocks(len(i), size)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def blocks(n: int, size: int) -> list[slice]:
    """Consecutive slices of n rows."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def tracked(items: Sequence[slice], what: str) -> Iterator[slice]:
    """The items, with a line in the log every ten seconds: how many, and how long still."""
    begin = said = time.monotonic()
    for index, item in enumerate(items):
        yield item
        now, done = time.monotonic(), index + 1
        if now - said >= _SECONDS and done < len(items):
            left = (now - begin) / done * (len(items) - done)
            _LOG.info(
                "%s: %d of %d blocks, about %.0f s left", what, done, len(items), left
            )
            said = now


# Blocks on devices.


class Layout(NamedTuple):
    """How two sets of rows are cut into blocks of one shape.

    Attributes:
        mesh: this process' devices, among which the rows of a block are shared.
        rows: of a block, all devices together.
        columns: rows of the second set in a block.
        centre: float (d,), taken from all rows.
    """

    mesh: Mesh
    rows: int
    columns: int
    centre: np.ndarray

    def put_rows(self, values: np.ndarray, fill: float = 0.0) -> Array:
        """float32 values (n, ...), n <= rows, filled up and shared among the devices."""
        return jax.device_put(
            _filled(values, self.rows, fill), NamedSharding(self.mesh, P(_AXIS))
        )

    def put_columns(self, values: np.ndarray, fill: float = 0.0) -> Array:
        """float32 values (m, ...), m <= columns, filled up, on every device."""
        return jax.device_put(
            _filled(values, self.columns, fill), NamedSharding(self.mesh, P())
        )


def make_layout(x: np.ndarray, y: np.ndarray) -> Layout:
    """The blocks for two sets of rows (n, d) and (m, d)."""
    devices = jax.local_devices()
    share = -(-len(x) // len(devices))
    total = x.sum(axis=0, dtype=np.float64) + y.sum(axis=0, dtype=np.float64)
    return Layout(
        Mesh(np.asarray(devices), (_AXIS,)),
        min(_ROWS, _power(share)) * len(devices),
        min(_COLUMNS, _power(len(y))),
        total / (len(x) + len(y)),
    )


def centred(rows: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Rows less the centre, float32; one rounding in either type of rows."""
    return (rows - centre.astype(rows.dtype)[None]).astype(np.float32)


def squares_and_errors(rows: Array, columns: Array) -> tuple[Array, Array]:
    """Squared distances (n, m) of float32 rows, and what they may be wrong by."""
    size = jnp.sum(rows * rows, axis=1)[:, None] + jnp.sum(columns * columns, axis=1)[None]
    inner = jnp.matmul(rows, columns.T, precision=jax.lax.Precision.HIGHEST)
    return size - 2.0 * inner, size * ((rows.shape[1] + 16) * 2.0**-23)


def by_rows(fn: Callable[..., tuple[Array, ...]], mesh: Mesh, kinds: str) -> Callable:
    """A function of blocks, compiled, each device with its share of the rows.

    Args:
        fn: of arrays to a tuple of arrays, which have rows in front.
        mesh: of `Layout`.
        kinds: a letter for each argument: "r" has rows in front, others are columns.
    """
    specs = tuple(P(_AXIS) if kind == "r" else P() for kind in kinds)
    # Nothing crosses devices, so there is no variation over them to check.
    return jax.jit(
        jax.shard_map(fn, mesh=mesh, in_specs=specs, out_specs=P(_AXIS), check_vma=False)
    )


# Candidates.


def _candidates(
    queries: np.ndarray, others: np.ndarray, kept: int, among: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Indices int64 (n, kept) by the least that distances can be, and the last least."""
    layout = make_layout(queries, others)
    nearer = _nearer(layout.mesh)
    indices, bounds = [], []
    for rows in tracked(blocks(len(queries), layout.rows), "nearest neighbours"):
        x = layout.put_rows(centred(queries[rows], layout.centre))
        names = np.arange(rows.start, rows.stop, dtype=np.int32)
        own = layout.put_rows(names if among else names[:0], -1)
        best = layout.put_rows(np.full((layout.rows, kept), np.inf, np.float32))
        where = layout.put_rows(np.full((layout.rows, kept), -1, np.int32))
        for columns in blocks(len(others), layout.columns):
            y = layout.put_columns(centred(others[columns], layout.centre))
            names = np.arange(columns.start, columns.stop, dtype=np.int32)
            best, where = nearer(x, own, best, where, y, layout.put_columns(names, -2))
        taken = rows.stop - rows.start
        indices.append(np.asarray(where)[:taken].astype(np.int64))
        bounds.append(np.asarray(best)[:taken, -1].astype(np.float64))
    return np.concatenate(indices), np.concatenate(bounds)


@lru_cache(maxsize=8)
def _nearer(mesh: Mesh) -> Callable:
    """The step from the best of some columns to the best of more."""

    def step(
        x: Array, own: Array, best: Array, where: Array, y: Array, names: Array
    ) -> tuple[Array, Array]:
        squares, errors = squares_and_errors(x, y)
        barred = (names < 0)[None] | (own[:, None] == names[None])
        least = jnp.where(barred, jnp.inf, squares - errors)
        taken = min(best.shape[1], least.shape[1])
        values, places = jax.lax.top_k(-least, taken)
        values = jnp.concatenate([best, -values], axis=1)
        places = jnp.concatenate([where, names[places]], axis=1)
        values, order = jax.lax.top_k(-values, best.shape[1])
        return -values, jnp.take_along_axis(places, order, axis=1)

    return by_rows(step, mesh, "rrrrcc")


def _resolved(
    queries: np.ndarray,
    others: np.ndarray,
    rows: np.ndarray,
    reach: np.ndarray,
    count: int,
    among: bool,
) -> Neighbours:
    """The nearest of some rows, given squared distances within which there are enough."""
    centre = others.mean(axis=0, dtype=np.float64)
    x = queries[rows].astype(np.float64) - centre[None]
    slack = (x.shape[1] + 16) * 2.0**-52
    which, names = [], []
    for columns in blocks(len(others), _COLUMNS):
        y = others[columns].astype(np.float64) - centre[None]
        sizes = np.square(x).sum(axis=1)[:, None] + np.square(y).sum(axis=1)[None]
        possible = squared_distances(x, y) - slack * sizes <= reach[:, None]
        if among:
            possible &= rows[:, None] != np.arange(columns.start, columns.stop)[None]
        i, j = np.nonzero(possible)
        which.append(i)
        names.append(columns.start + j)
    i, j = np.concatenate(which), np.concatenate(names)
    squares = pair_squares(queries, others, rows[i], j)
    order = np.lexsort((j, squares, i))
    first = np.searchsorted(i[order], np.arange(len(rows)))
    chosen = order[first[:, None] + np.arange(count)[None]]
    return Neighbours(j[chosen], squares[chosen])


def _sorted(
    queries: np.ndarray, others: np.ndarray, candidates: np.ndarray, count: int
) -> Neighbours:
    """The nearest of each row's candidates, by exact distances; -1 is no candidate."""
    n, kept = candidates.shape
    candidates = np.sort(candidates, axis=1)
    i, j = np.repeat(np.arange(n), kept), candidates.reshape(-1)
    squares = pair_squares(queries, others, i, j).reshape(n, kept)
    squares[candidates < 0] = np.inf
    order = np.argsort(squares, axis=1, kind="stable")[:, :count]
    return Neighbours(
        *(np.take_along_axis(x, order, axis=1) for x in (candidates, squares))
    )


def _filled(values: np.ndarray, size: int, fill: float) -> np.ndarray:
    if len(values) == size:
        return values
    rest = np.full((size - len(values), *values.shape[1:]), fill, values.dtype)
    return np.concatenate([values, rest])


def _power(n: int) -> int:
    """The least power of two that is not less."""
    return 1 << max(n - 1, 0).bit_length()
