"""Samples as the bytes that a browser shows and saves."""

from __future__ import annotations

import base64
import io
import math
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from gan_jax import pictures
from gan_jax.analysis.animation import enlarged, save_gif

GAP = 2
"""Pixels between the samples of a grid and around them."""
_SIDE = 256
_MOST_COLUMNS = 16


def columns_of(count: int, classes: int | None, label: int | None) -> int:
    """Columns of a grid: where classes take turns each has a column, if there is room; else
    as many as make it nearest to square.
    """
    if classes is not None and label is None and 1 < classes <= min(count, _MOST_COLUMNS):
        return classes
    return max(1, math.ceil(math.sqrt(count)))


def picture_of(examples: np.ndarray, columns: int, real: np.ndarray) -> np.ndarray:
    """A grid of images, or a plot of points over real ones.

    Args:
        examples: uint8 (n, H, W, C), or float points (n, 2).
        columns: of the grid.
        real: points (m, 2) to draw beneath; m may be 0.

    Returns:
        uint8 (height, width, C).
    """
    if examples.ndim == 2:
        return pictures.scatter(real, examples)
    return pictures.grid(examples, columns=columns, padding=GAP)


def place_of(
    x: float, y: float, image_shape: tuple[int, ...], columns: int, count: int
) -> int | None:
    """The number of the sample at a place of a grid; None beyond the last.

    Args:
        x: pixels from the left.
        y: pixels from the top.
        image_shape: (H, W, C) of a sample.
        columns: of the grid.
        count: samples in it.
    """
    column, row = (
        min(max(int((place - GAP / 2) // (side + GAP)), 0), most)
        for place, side, most in (
            (x, image_shape[1], columns - 1),
            (y, image_shape[0], (count - 1) // columns),
        )
    )
    number = row * columns + column
    return number if number < count else None


def frame_of(
    number: int, image_shape: tuple[int, ...], columns: int
) -> tuple[int, int, int, int]:
    """Left, top, width and height of a sample in a grid, with the gaps around it."""
    row, column = divmod(number, columns)
    height, width = image_shape[0] + GAP, image_shape[1] + GAP
    return column * width, row * height, width + GAP, height + GAP


def png(picture: np.ndarray) -> bytes:
    """A PNG file of uint8 (H, W, C), C = 1, 3 or 4."""
    encoded = io.BytesIO()
    flat = picture[:, :, 0] if picture.shape[2] == 1 else picture
    Image.fromarray(flat).save(encoded, format="PNG")
    return encoded.getvalue()


def gif(examples: np.ndarray, real: np.ndarray, milliseconds: int) -> bytes:
    """A GIF file that shows samples one after the other, and back again.

    Args:
        examples: uint8 (n, H, W, C), small ones enlarged, or float points (n, 2), of which
            each picture has one.
        real: points beneath; see `picture_of`.
        milliseconds: each is seen.
    """
    shown = [picture_of(examples[i : i + 1], 1, real) for i in range(len(examples))]
    if examples.ndim == 4:
        inside = np.stack(shown)[:, GAP:-GAP, GAP:-GAP, :3]
        shown = list(enlarged(inside, max(1, _SIDE // max(inside.shape[1:3]))))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "walk.gif"
        save_gif(path, [*shown, *shown[-2:0:-1]], milliseconds=milliseconds)
        return path.read_bytes()


def data_url(content: bytes, kind: str) -> str:
    """Bytes as an address of their own, for `kind` such as "image/png"."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
