"""Forgetting to draw: which channels of a generator make an attribute, and samples without
them (DCGAN, 1511.06434, section 6.3.2, where it was windows of bedrooms).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from gan_jax.analysis.layers import Change
from gan_jax.errors import UserError
from gan_jax.types import Array


class Attribution(NamedTuple):
    """A logistic regression of an attribute on a layer's channels.

    Attributes:
        weights: float64 (C,); positive ones fire for the attribute.
        accuracy: on the held-out fourth of the rows.
        baseline: share of the more frequent answer among those rows.
    """

    weights: np.ndarray
    accuracy: float
    baseline: float

    def channels(self, most: int | None = None) -> np.ndarray:
        """The channels of positive weight, int64, the largest first; `most` of them."""
        order = np.argsort(-self.weights, kind="stable")
        return order[self.weights[order] > 0.0][:most]


def attribute_channels(activations: np.ndarray, present: np.ndarray) -> Attribution:
    """Fits a logistic regression, as the paper does, of an attribute on activations.

    Args:
        activations: float (n, C): of places, or averages over the places of an image.
        present: bool (n,), whether the attribute is there.

    Returns:
        The regression, fitted to three fourths of the rows in the given order.

    Raises:
        ValueError: shapes disagree, or the fitted rows are all of one kind.
        UserError: scikit-learn is missing.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise UserError(
            "ablation fits a logistic regression: pip install 'gan-jax[analysis]'"
        ) from None

    rows, answers = np.asarray(activations, np.float64), np.asarray(present, bool)
    if rows.ndim != 2 or answers.shape != rows.shape[:1]:
        raise ValueError(
            f"need activations (n, C) and present (n,), got {rows.shape}, {answers.shape}"
        )
    cut = len(rows) - len(rows) // 4
    if len(np.unique(answers[:cut])) < 2:
        raise ValueError("a regression needs rows with the attribute and rows without")
    model = LogisticRegression(max_iter=1000).fit(rows[:cut], answers[:cut])
    held = answers[cut:]
    share = float(held.mean())
    return Attribution(
        np.asarray(model.coef_[0], np.float64),
        float(model.score(rows[cut:], held)),
        max(share, 1.0 - share),
    )


def placed(
    activations: np.ndarray, inside: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Activations by place, as many outside of a region as inside, in random order.

    Args:
        activations: float (n, h, w, C).
        inside: bool (n, h, w): the region, such as boxes around windows.
        seed: of the draw.

    Returns:
        Rows (m, C) and whether each is inside (m,), for `attribute_channels`.

    Raises:
        ValueError: the region is empty or everything.
    """
    rows, flat = activations.reshape(-1, activations.shape[-1]), inside.reshape(-1)
    draws = np.random.default_rng(seed)
    both = [draws.permutation(np.flatnonzero(flat == answer)) for answer in (True, False)]
    count = min(map(len, both))
    if not count:
        raise ValueError("the region must have places inside and outside")
    chosen = draws.permutation(np.concatenate([part[:count] for part in both]))
    return rows[chosen], flat[chosen]


def without_channels(channels: np.ndarray) -> Change:
    """A change for `with_changes`: these channels are 0 everywhere."""

    def change(features: Array) -> Array:
        return features.at[..., jnp.asarray(channels)].set(0.0)

    return change
