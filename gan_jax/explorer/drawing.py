"""A run's generator as a few compiled functions that no slider compiles again."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from gan_jax import prng
from gan_jax.methods.objectives import draw_latents
from gan_jax.numerics import to_uint8
from gan_jax.priors import Prior
from gan_jax.state import GameState
from gan_jax.trained import Trained
from gan_jax.types import Array, Key, PyTree

ROWS = 8
"""Rows computed at a time. One shape for every number of samples: a change of the number
compiles nothing, and a row is the same whatever is drawn beside it."""


class Drawing(NamedTuple):
    """Compiled functions on `ROWS` rows; the state is an argument, so that they serve every
    checkpoint of the run.

    Attributes:
        latents: `(state, key, rows, labels) -> (ROWS, Z)`, those of `gan-jax sample`: row i
            depends on the key and i alone.
        truncated: `(key, rows, threshold) -> (ROWS, Z)`, the same draws squeezed below a
            threshold; None where the prior is not normal.
        examples: `(state, latents, labels) -> (ROWS, ...)`, uint8 images or float points.
    """

    latents: Callable[[GameState, Key, Array, Array | None], Array]
    truncated: Callable[[Key, Array, Array], Array] | None
    examples: Callable[[GameState, Array, Array | None], Array]


def compile_drawing(trained: Trained) -> Drawing:
    """The compiled functions of a run; nothing is compiled before it is called."""

    def latents(state: GameState, key: Key, rows: Array, labels: Array | None) -> Array:
        keys = prng.fold_rows(key, rows)
        return trained._replace(state=state).latents(keys, ROWS, labels)

    def examples(state: GameState, latents: Array, labels: Array | None) -> Array:
        made = trained._replace(state=state).generate(latents, labels)
        return to_uint8(made) if made.ndim == 4 else made

    truncated = None
    if trained.config.recipe.prior == "normal":
        shape = jax.eval_shape(
            latents, trained.state, jax.random.key(0), *_rows_and_labels(trained)
        ).shape
        truncated = jax.jit(_truncated(shape[1]))
    return Drawing(jax.jit(latents), truncated, jax.jit(examples))


def _rows_and_labels(trained: Trained) -> tuple[PyTree, PyTree]:
    rows = jax.ShapeDtypeStruct((ROWS,), np.int32)
    return rows, None if trained.data.num_classes is None else rows


def _truncated(dim: int) -> Callable[[Key, Array, Array], Array]:
    """Latents of `priors.truncated_normal`, with the threshold as an argument.

    A normal value is the inverse of its distribution function at a uniform one, and so is a
    truncated value of a narrower uniform one. A key gives the same uniform values for any
    threshold, so that a sample changes smoothly with it.
    """

    def prior_below(threshold: Array) -> Prior:
        return lambda key: jax.random.truncated_normal(key, -threshold, threshold, (dim,))

    def truncated(key: Key, rows: Array, threshold: Array) -> Array:
        return draw_latents(prior_below(threshold), prng.fold_rows(key, rows))

    return truncated


def by_rows(compute: Callable[..., Array], *columns: np.ndarray | None) -> np.ndarray:
    """A compiled function on any number of rows, `ROWS` at a time.

    Args:
        compute: takes a part (ROWS, ...) of every column.
        *columns: (n, ...), n >= 1, or None, which is passed on.

    Returns:
        (n, ...) on the host.
    """
    count = next(len(column) for column in columns if column is not None)
    parts = []
    for start in range(0, count, ROWS):
        cut = [c if c is None else _padded(c[start : start + ROWS]) for c in columns]
        parts.append(np.asarray(compute(*cut)))
    return np.concatenate(parts)[:count]


def _padded(rows: np.ndarray) -> np.ndarray:
    """Rows up to `ROWS`, the last one repeated."""
    return rows[np.minimum(np.arange(ROWS), len(rows) - 1)]
