"""Toy distributions in the plane: every point is a pure function of (split, index)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gan_jax.data.counter import hash64, normal, uniform
from gan_jax.data.errors import unknown
from gan_jax.data.protocol import ArraySource

POINTS = 65536
RING_SIGMA = 0.02
"""Standard deviation of each Gaussian of the ring."""
GRID_SIGMA = 0.05
"""Standard deviation of each Gaussian of the grid."""
SPLIT_SEEDS: Mapping[str, int] = {"train": 0, "test": 1}


def ring_modes(modes: int = 8, radius: float = 2.0) -> np.ndarray:
    """Centres (modes, 2) evenly on a circle, float64, the first at angle 0."""
    angle = 2.0 * np.pi * np.arange(modes) / modes
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def grid_modes(side: int = 5, spacing: float = 2.0) -> np.ndarray:
    """Centres (side**2, 2) of a square grid about the origin, float64, row by row."""
    line = spacing * (np.arange(side) - (side - 1) / 2)
    rows, columns = np.meshgrid(line, line, indexing="ij")
    return np.stack([columns, rows], axis=-1).reshape(-1, 2)


def _mixture(
    centres: np.ndarray, std: float, seed: int, index: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    mode = (hash64(seed, "mode", index) % np.uint64(len(centres))).astype(np.int32)
    return centres[mode] + std * normal(seed, "noise", index), mode


def ring(seed: int, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """8 Gaussians of deviation 0.02 on a circle of radius 2; labels are the modes."""
    return _mixture(ring_modes(), RING_SIGMA, seed, index)


def grid(seed: int, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """25 Gaussians of deviation 0.05 on a grid of spacing 2; labels are the modes."""
    return _mixture(grid_modes(), GRID_SIGMA, seed, index)


def swiss_roll(seed: int, index: np.ndarray) -> tuple[np.ndarray, None]:
    """A spiral of one and a half turns out to radius 2, deviation 0.05; no labels."""
    angle = 1.5 * np.pi * (1.0 + 2.0 * uniform(seed, "angle", index))
    curve = angle[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return curve * (2.0 / (4.5 * np.pi)) + 0.05 * normal(seed, "noise", index), None


_Points = Callable[[int, np.ndarray], tuple[np.ndarray, np.ndarray | None]]

SYNTHETIC: Mapping[str, tuple[_Points, int | None]] = {
    "ring": (ring, 8),
    "grid": (grid, 25),
    "swiss_roll": (swiss_roll, None),
}
"""Samplers `(seed, index (n,)) -> (points float64 (n, 2), labels)` and class counts."""


def open_synthetic(name: str, split: str = "train") -> ArraySource:
    """65536 points float32 (2,) of a toy distribution.

    Args:
        name: a key of `SYNTHETIC`.
        split: "train" or "test", independent draws.

    Raises:
        DataError: the name or the split does not exist.
    """
    if name not in SYNTHETIC:
        raise unknown("synthetic distribution", name, SYNTHETIC)
    if split not in SPLIT_SEEDS:
        raise unknown(f"split of synthetic:{name}", split, SPLIT_SEEDS)
    sample, num_classes = SYNTHETIC[name]
    points, labels = sample(SPLIT_SEEDS[split], np.arange(POINTS))
    return ArraySource(
        f"synthetic:{name}:{split}",
        points.astype(np.float32),
        labels,
        num_classes=num_classes,
    )
