"""Curves of several seeds as one line in a plot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gan_jax.analysis import Curve


def seeds_band(x: np.ndarray, values: Sequence[np.ndarray] | np.ndarray) -> Curve:
    """A band from the lowest seed to the highest; the line is its middle.

    Args:
        x: float (n,).
        values: of each seed, (seeds, n).
    """
    low, high = np.min(values, axis=0), np.max(values, axis=0)
    return Curve(x, (low + high) / 2.0, (high - low) / 2.0)
