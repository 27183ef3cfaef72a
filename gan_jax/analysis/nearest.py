"""The images of a set nearest to given ones: is it copying?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gan_jax.metrics.neighbours import nearest_neighbours


@dataclass(frozen=True)
class Nearest:
    """For every query, the nearest references, the nearest first.

    Attributes:
        index: int64 (n, k), into the references.
        distance: float64 (n, k), Euclidean.
    """

    index: np.ndarray
    distance: np.ndarray


def nearest(queries: np.ndarray, references: np.ndarray, k: int = 1) -> Nearest:
    """The k nearest rows, by Euclidean distance; exact.

    Args:
        queries: float or uint8 (n, ...), flattened by row: images or features.
        references: (m, ...), of the same row shape, m >= k.
        k: how many of each.

    Returns:
        Indices and distances; of equal distances the lower index comes first.

    Raises:
        ValueError: rows of unlike shapes, values that are not finite, or not 1 <= k <= m.
    """
    if queries.shape[1:] != references.shape[1:]:
        raise ValueError(
            f"queries and references have unlike rows: {queries.shape[1:]} and "
            f"{references.shape[1:]}"
        )
    if not 1 <= k <= len(references):
        raise ValueError(f"need 1 <= k <= {len(references)} references, got {k}")
    found = nearest_neighbours(_rows(queries), _rows(references), count=k)
    return Nearest(found.indices, np.sqrt(found.squares))


def _rows(values: np.ndarray) -> np.ndarray:
    """Flat rows of floats; those of uint8 are whole numbers still."""
    flat = values.reshape(len(values), -1)
    return flat if np.issubdtype(flat.dtype, np.floating) else flat.astype(np.float32)
