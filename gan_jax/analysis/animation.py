"""Pictures that move: GIF files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gan_jax import files


def save_gif(
    path: str | Path, frames: Sequence[np.ndarray], *, milliseconds: int = 60
) -> None:
    """Writes pictures as one GIF that repeats for ever, atomically.

    Args:
        path: the file; its folder is made if missing.
        frames: uint8 (H, W, C), C = 1 or 3, all of one shape.
        milliseconds: each is seen; GIF knows hundredths of a second.

    Raises:
        ValueError: no frames, or not pictures.
    """
    from PIL import Image

    shapes = {frame.shape for frame in frames}
    if len(shapes) != 1 or any(frame.dtype != np.uint8 for frame in frames):
        raise ValueError(f"a GIF needs uint8 pictures of one shape, got {shapes or 'none'}")
    (shape,) = shapes
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise ValueError(f"a GIF's pictures are (H, W, 1 or 3), got {shape}")
    images = [Image.fromarray(f[:, :, 0] if shape[2] == 1 else f) for f in frames]
    encoded = io.BytesIO()
    images[0].save(
        encoded,
        format="GIF",
        save_all=True,
        append_images=images[1:],
        duration=milliseconds,
        loop=0,
    )
    files.write_atomic(path, encoded.getvalue())


def enlarged(pictures: np.ndarray, factor: int) -> np.ndarray:
    """Pictures (..., H, W, C) with every pixel as a square of `factor` pixels."""
    return pictures.repeat(factor, axis=-3).repeat(factor, axis=-2)
