"""Sliced Wasserstein distances of patches, level by level of a Laplacian pyramid.

Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation"
(2018, arXiv 1710.10196), section 5: the coarse levels compare large structures, the finest
the texture of pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_jax.metrics.sliced import sliced_wasserstein

_PATCH, _COARSEST, _BATCH = 7, 16, 256
_BINOMIAL = np.asarray([1.0, 4.0, 6.0, 4.0, 1.0], np.float32) / 16.0
_SCALE = 1e3


class PyramidDistance(NamedTuple):
    """Distances of patches by level.

    Attributes:
        mean: over levels.
        sides: the lesser side of the images at each level, finest first.
        distances: of each level, times 1000.
    """

    mean: float
    sides: tuple[int, ...]
    distances: tuple[float, ...]


def pyramid_distance(
    real_images: np.ndarray,
    fake_images: np.ndarray,
    *,
    patches: int = 128,
    projections: int = 512,
    seed: int = 0,
) -> PyramidDistance:
    """The SWD of progressive GANs, times 1000 as the paper's tables.

    Patches of 7 x 7 pixels of every level, normalised to mean 0 and variance 1 in each
    channel of each set, are compared by the sliced Wasserstein distance of order 1. Levels
    go from the images down to sides of 16, or as long as both sides are even.

    Args:
        real_images: (n, H, W, C), n >= 1; uint8, or float in [-1, 1].
        fake_images: (m, H, W, C), in the same type. The paper has 16384 of each; they take
            as many times `patches` * 49 C * 4 bytes.
        patches: taken from each image, at random places.
        projections: directions.
        seed: of places and directions.

    Returns:
        The distances.

    Raises:
        ValueError: other shapes or unlike types, sides below 16, or no contrast.
    """
    _check(real_images, fake_images, patches)
    sides, distances = [], []
    for level in range(_levels(real_images.shape[1], real_images.shape[2])):
        real, fake = (
            _descriptors(images, level, patches, (seed, which))
            for which, images in enumerate((real_images, fake_images))
        )
        distance = sliced_wasserstein(real, fake, projections=projections, seed=seed)
        sides.append(min(real_images.shape[1:3]) >> level)
        distances.append(_SCALE * distance)
    return PyramidDistance(float(np.mean(distances)), tuple(sides), tuple(distances))


def laplacian_pyramid(images: np.ndarray) -> list[np.ndarray]:
    """Differences of images to themselves made coarser, and the coarsest images.

    Burt and Adelson, "The Laplacian Pyramid as a Compact Image Code" (1983), with the
    binomial filter of five taps; edges are mirrored.

    Args:
        images: float32 (n, H, W, C), sides at least 16.

    Returns:
        float32 (n, H / 2^i, W / 2^i, C) by level, finest first. Each level and the coarser
        images, made finer, add up to the images.
    """
    levels = []
    for _ in range(_levels(images.shape[1], images.shape[2]) - 1):
        coarse = _coarser(images)
        levels.append(images - _finer(coarse))
        images = coarse
    return [*levels, images]


def _check(real: np.ndarray, fake: np.ndarray, patches: int) -> None:
    for name, images in (("real", real), ("fake", fake)):
        kind = images.dtype == np.uint8 or np.issubdtype(images.dtype, np.floating)
        if images.ndim != 4 or not images.size or not kind:
            raise ValueError(
                f"{name} images must be uint8 or float (n, H, W, C), n >= 1, got "
                f"{images.dtype} {images.shape}"
            )
    if real.shape[1:] != fake.shape[1:] or (real.dtype == np.uint8) != (
        fake.dtype == np.uint8
    ):
        raise ValueError(
            f"real and fake images must be alike, got {real.dtype} {real.shape[1:]} and "
            f"{fake.dtype} {fake.shape[1:]}"
        )
    if min(real.shape[1:3]) < _COARSEST or patches < 1:
        raise ValueError(
            f"need sides >= {_COARSEST} and patches >= 1, got {real.shape[1:3]} and "
            f"{patches}"
        )


def _levels(height: int, width: int) -> int:
    """Number of levels; images are halved while sides are even and stay at least 16."""
    count = 1
    while height % 2 == width % 2 == 0 and min(height, width) // 2 >= _COARSEST:
        height, width, count = height // 2, width // 2, count + 1
    return count


def _descriptors(
    images: np.ndarray, level: int, patches: int, seed: tuple[int, int]
) -> np.ndarray:
    """Normalised patches of one level, float32 (n * patches, 7 * 7 * C)."""
    draws = np.random.default_rng((*seed, level))
    found = np.concatenate(
        [
            _patches(_level(images[start : start + _BATCH], level), patches, draws)
            for start in range(0, len(images), _BATCH)
        ]
    )
    mean = found.mean(axis=(0, 1, 2), dtype=np.float64, keepdims=True)
    std = found.std(axis=(0, 1, 2), dtype=np.float64, keepdims=True)
    if not np.all(std > 0.0):
        raise ValueError(f"a channel of the images has no contrast at level {level}")
    found -= mean.astype(np.float32)
    found /= std.astype(np.float32)
    return found.reshape(len(found), -1)


def _level(images: np.ndarray, level: int) -> np.ndarray:
    """One level of the pyramid of some images."""
    return laplacian_pyramid(images.astype(np.float32))[level]


def _patches(images: np.ndarray, count: int, draws: np.random.Generator) -> np.ndarray:
    """Patches at uniform places, (n * count, 7, 7, C)."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (_PATCH, _PATCH), (1, 2))
    n, high, wide = windows.shape[:3]
    which = np.repeat(np.arange(n), count)
    top, left = draws.integers(0, high, n * count), draws.integers(0, wide, n * count)
    return np.moveaxis(windows[which, top, left], 1, -1).copy()


def _coarser(images: np.ndarray) -> np.ndarray:
    """Blurred, and every second row and column."""
    return _blurred(images, _BINOMIAL)[:, ::2, ::2]


def _finer(images: np.ndarray) -> np.ndarray:
    """Spread to twice the size, and blurred."""
    n, height, width, channels = images.shape
    wide = np.zeros((n, 2 * height, 2 * width, channels), images.dtype)
    wide[:, ::2, ::2] = images
    return _blurred(wide, 2.0 * _BINOMIAL)


def _blurred(images: np.ndarray, taps: np.ndarray) -> np.ndarray:
    from scipy.ndimage import correlate1d

    rows = correlate1d(images, taps, axis=1, mode="mirror")
    return correlate1d(rows, taps, axis=2, mode="mirror")
