"""What an explorer is asked for, and what it answers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gan_jax.errors import UserError


class Choice(NamedTuple):
    """Which samples.

    Attributes:
        seed: of the latents.
        n: how many.
        label: class of all; None: classes take turns in a conditional run.
        truncation: threshold of normal latents; None: as in training.
    """

    seed: int = 0
    n: int = 16
    label: int | None = None
    truncation: float | None = None


class Samples(NamedTuple):
    """Samples with what they were made of.

    Attributes:
        examples: uint8 images (n, H, W, C), or float32 points (n, 2).
        labels: int32 (n,), or None.
        latents: float32 (n, Z).
    """

    examples: np.ndarray
    labels: np.ndarray | None
    latents: np.ndarray


class Neighbours(NamedTuple):
    """A sample and the training examples nearest to it.

    Attributes:
        sample: uint8 (H, W, C).
        images: uint8 (k, H, W, C), the nearest first.
        distances: float64 (k,).
        labels: int32 (k,), or None.
        names: of the examples in their source.
        searched: how many training examples were looked at.
        total: how many there are.
    """

    sample: np.ndarray
    images: np.ndarray
    distances: np.ndarray
    labels: np.ndarray | None
    names: tuple[str, ...]
    searched: int
    total: int


class Mixture(NamedTuple):
    """Which samples with the styles of which others.

    Attributes:
        rows: that give all other styles.
        columns: that give the styles of `layers`.
        layers: counted from 0, coarse to fine.
        psi: truncation of all styles around their mean; 1 leaves them as they are.
    """

    rows: Choice
    columns: Choice
    layers: tuple[int, ...]
    psi: float = 1.0


def in_range(what: str, value: Any, least: int, most: int) -> None:
    """Refuses what people may have typed.

    Raises:
        UserError: it is no whole number of the range.
    """
    if not isinstance(value, int) or not least <= value <= most:
        raise UserError(
            f"the {what} must be a whole number from {least} to {most}, got {value}"
        )
