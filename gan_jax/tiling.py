"""Large images in overlapping tiles, and tiles as one image without seams."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Cut(NamedTuple):
    """How an image is cut.

    Attributes:
        shape: height and width of the image.
        padded: the same after mirrored borders at the bottom and on the right.
        size: height and width of every tile.
        places: top and left of each tile.
        overlap: pixels that neighbours have in common at least.
    """

    shape: tuple[int, int]
    padded: tuple[int, int]
    size: tuple[int, int]
    places: tuple[tuple[int, int], ...]
    overlap: int


def plan_cut(shape: tuple[int, int], *, tile: int, overlap: int, multiple: int = 1) -> Cut:
    """A cut of an image of a given size.

    Args:
        shape: height and width.
        tile: longest side of a tile.
        overlap: pixels that neighbours have in common at least.
        multiple: which the sides and places of tiles are multiples of.

    Raises:
        ValueError: tiles are no multiples, or overlap by half and more.
    """
    if tile % multiple or overlap < 0 or 2 * overlap >= tile:
        raise ValueError(
            f"tiles of {tile} pixels must be multiples of {multiple} and more than twice "
            f"the overlap of {overlap}"
        )
    height, width = (-(-side // multiple) * multiple for side in shape)
    rows, columns = (_starts(side, tile, overlap, multiple) for side in (height, width))
    places = tuple((top, left) for top in rows for left in columns)
    size = min(height, tile), min(width, tile)
    return Cut(shape, (height, width), size, places, overlap)


def _starts(side: int, tile: int, overlap: int, multiple: int) -> list[int]:
    """Where tiles begin along a side, evenly, the last one at the end."""
    if side <= tile:
        return [0]
    count = -(-(side - overlap) // (tile - overlap))
    last = side - tile
    # Rounding down brings neighbours apart by less than a multiple: one more if need be.
    while True:
        starts = [last * i // (count - 1) // multiple * multiple for i in range(count)]
        gaps = [b - a for a, b in pairwise(starts)]
        if all(gap <= tile - overlap for gap in gaps):
            return starts
        count += 1


def tiles_of(image: np.ndarray, cut: Cut) -> np.ndarray:
    """The tiles of an image (H, W, C): (tiles, h, w, C)."""
    lack = [(0, to - side) for to, side in zip(cut.padded, cut.shape, strict=True)]
    whole = np.pad(image, [*lack, (0, 0)], mode="symmetric")
    height, width = cut.size
    return np.stack([whole[t : t + height, u : u + width] for t, u in cut.places])


def joined(tiles: np.ndarray, cut: Cut, scale: int = 1) -> np.ndarray:
    """One image of what became of the tiles.

    Neighbours fade into one another; the outer third of an overlap, which a network knows
    least about, does not count. What is equal in both is kept exactly, so that an image of
    a network that looks no further than this is what it would have been in one piece.

    Args:
        tiles: float (tiles, scale h, scale w, C), in the order of the cut.
        cut: of the image they were cut from.
        scale: how much larger they have become.

    Returns:
        float32 (scale H, scale W, C).
    """
    height, width = (scale * side for side in cut.padded)
    total = np.zeros((height, width, tiles.shape[-1]), np.float64)
    weight = np.zeros((height, width, 1), np.float64)
    for tile, (top, left) in zip(tiles, cut.places, strict=True):
        fades = [
            _fade(scale * size, scale * cut.overlap, start > 0, start + size < side)
            for start, size, side in zip((top, left), cut.size, cut.padded, strict=True)
        ]
        window = np.outer(*fades)[..., None]
        rows = slice(scale * top, scale * top + tile.shape[0])
        columns = slice(scale * left, scale * left + tile.shape[1])
        total[rows, columns] += window * tile
        weight[rows, columns] += window
    made = (total / weight).astype(np.float32)
    return made[: scale * cut.shape[0], : scale * cut.shape[1]]


def _fade(size: int, overlap: int, before: bool, after: bool) -> np.ndarray:
    """Weights along a side: 0 in the outer third of an overlap, then rising to 1."""
    third = max(overlap // 3, 1)
    away = np.arange(size) + 0.5
    rise = np.clip((away - third) / third, 0.0, 1.0) if before else np.ones(size)
    fall = np.clip((size - away - third) / third, 0.0, 1.0) if after else np.ones(size)
    return rise * fall
