"""What every measure asks of the arrays it is given."""

from __future__ import annotations

import numpy as np


def as_features(name: str, values: np.ndarray, minimum: int = 2) -> np.ndarray:
    """Rows of features or logits as finite float64.

    Args:
        name: what to call them in errors.
        values: float (n, d).
        minimum: the least n.

    Returns:
        float64 (n, d).

    Raises:
        ValueError: another rank, too few rows, no columns, or a value that is not finite.
    """
    return np.asarray(as_rows(name, values, minimum), np.float64)


def as_rows(name: str, values: np.ndarray, minimum: int = 2) -> np.ndarray:
    """As `as_features`, but float32 rows stay float32, for work that widens in blocks."""
    values = np.asarray(values)
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float64)
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(f"{name} must be (n, d), got shape {values.shape}")
    if len(values) < minimum:
        raise ValueError(f"{name} need at least {minimum} rows, got {len(values)}")
    require_finite(name, values)
    return values


def require_finite(name: str, values: np.ndarray, first: int = 0) -> None:
    """Raises ValueError, naming the first index, if a value is not finite.

    Args:
        name: what to call the values.
        values: floats of any shape.
        first: index of the first row, where the values are a part of a longer array.
    """
    finite = np.isfinite(values)
    if not finite.all():
        place = tuple(int(i) for i in np.argwhere(~finite)[0])
        index = (first + place[0], *place[1:]) if place else place
        raise ValueError(
            f"{name} are not finite: {np.sum(~finite)} of {values.size} values, "
            f"the first at index {index} is {values[place]}"
        )


def same_width(real: np.ndarray, fake: np.ndarray) -> None:
    """Raises ValueError if two arrays of features have different numbers of columns."""
    if real.shape[1] != fake.shape[1]:
        raise ValueError(
            f"real and fake features must have one width, got {real.shape[1]} and "
            f"{fake.shape[1]}"
        )
