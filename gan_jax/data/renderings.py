"""Digits in other looks, of which CoGAN learns what belongs together (1606.07536, section
4.1).
"""

from __future__ import annotations

import numpy as np


def inverted(images: np.ndarray) -> np.ndarray:
    """Negatives: 255 - x of every pixel, uint8 (n, H, W, C)."""
    return np.uint8(255) - images


def edges(images: np.ndarray) -> np.ndarray:
    """Outlines: images dilated by 3 x 3 squares, less the images, as in the authors' code.

    Args:
        images: uint8 (n, H, W, C).

    Returns:
        uint8 of the same shape: how much brighter the brightest of the pixels around each,
        itself among them, is than the pixel; pixels outside are black.
    """
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows = [padded[:, i : i + height] for i in range(3)]
    tall = np.maximum(np.maximum(rows[0], rows[1]), rows[2])
    columns = [tall[:, :, i : i + width] for i in range(3)]
    return np.maximum(np.maximum(columns[0], columns[1]), columns[2]) - images
