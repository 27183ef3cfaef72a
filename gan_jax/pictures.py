"""Samples as PNG files: grids of images, scatter plots of 2-D points."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gan_jax import files

_BACKGROUND = 255
_REAL, _FAKE = (150, 160, 175), (214, 69, 65)
_INK, _FRAME = (40, 40, 40), (205, 205, 205)


def to_pixels(images: np.ndarray) -> np.ndarray:
    """Images as uint8, by the fixed map round((x + 1) * 127.5) for floats in [-1, 1].

    The map never depends on the other images (no stretching by minimum and maximum).
    Values outside are clipped; NaN becomes 0, black.

    Args:
        images: uint8, returned as it is, or float [-1, 1]; any shape.

    Returns:
        uint8 of the same shape.

    Raises:
        ValueError: another dtype.
    """
    images = np.asarray(images)
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating) and images.dtype.name != "bfloat16":
        raise ValueError(f"images must be uint8 or float in [-1, 1], got {images.dtype}")
    scaled = np.round((images.astype(np.float32) + 1.0) * 127.5)
    return np.nan_to_num(np.clip(scaled, 0.0, 255.0), nan=0.0).astype(np.uint8)


def grid(images: np.ndarray, columns: int | None = None, padding: int = 2) -> np.ndarray:
    """Tiles images row by row into one, with white gaps and a white border.

    Args:
        images: (n, H, W, C) uint8, or float [-1, 1]. With 2 channels the first is shown,
            with more than 4 the first three.
        columns: images in a row; by default the number that makes the picture nearest to
            square.
        padding: pixels between images and around them.

    Returns:
        uint8 (height, width, C) with C = 1, 3 or 4.

    Raises:
        ValueError: not a non-empty batch of images, or `columns` or `padding` out of range.
    """
    pixels = _displayable(to_pixels(images))
    n, height, width, channels = pixels.shape
    columns = min(n, _square_columns(n, height, width) if columns is None else columns)
    if columns < 1 or padding < 0:
        raise ValueError(f"need columns >= 1 and padding >= 0, got {columns} and {padding}")
    rows = math.ceil(n / columns)
    tall, wide = height + padding, width + padding
    shape = (rows * tall + padding, columns * wide + padding, channels)
    canvas = np.full(shape, _BACKGROUND, np.uint8)
    for index, image in enumerate(pixels):
        top = padding + (index // columns) * tall
        left = padding + (index % columns) * wide
        canvas[top : top + height, left : left + width] = image
    return canvas


def save_png(path: str | Path, image: np.ndarray) -> None:
    """Writes one uint8 picture, atomically: a reader sees the old file or the new one.

    Args:
        path: the file; its folder is made if missing.
        image: uint8 (H, W) or (H, W, C) with C = 1, 3 or 4.

    Raises:
        ValueError: not a picture.
    """
    image = np.asarray(image)
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    if image.dtype != np.uint8 or not (
        image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))
    ):
        raise ValueError(
            "a picture is uint8 (H, W) or (H, W, 1, 3 or 4), "
            f"got {image.dtype} {image.shape}"
        )
    encoded = io.BytesIO()
    Image.fromarray(image).save(encoded, format="PNG")
    files.write_atomic(path, encoded.getvalue())


def save_samples(
    path: str | Path,
    samples: np.ndarray,
    *,
    real: np.ndarray | None = None,
    title: str = "",
) -> None:
    """Writes samples as the picture that suits their shape.

    Args:
        path: the PNG file.
        samples: images (n, H, W, C), drawn as a grid, or points (n, 2), as a scatter plot.
        real: real points (m, 2), drawn under the samples; for points only.
        title: a line above the scatter plot; for points only.

    Raises:
        ValueError: another shape, or `real` or `title` given for images.
    """
    samples = np.asarray(samples)
    if samples.ndim == 2 and samples.shape[1] == 2:
        under = np.zeros((0, 2), np.float32) if real is None else real
        save_png(path, scatter(under, samples, title=title))
    elif samples.ndim == 4:
        if real is not None or title:
            raise ValueError("`real` and `title` are for points (n, 2), not for images")
        save_png(path, grid(samples))
    else:
        raise ValueError(
            f"samples are images (n, H, W, C) or points (n, 2), got {samples.shape}"
        )


def scatter_png(
    path: str | Path, real: np.ndarray, fake: np.ndarray, title: str = ""
) -> None:
    """Writes `scatter` of real and generated points as a PNG file."""
    save_png(path, scatter(real, fake, title=title))


def scatter(
    real: np.ndarray, fake: np.ndarray, *, title: str = "", size: int = 480
) -> np.ndarray:
    """Draws generated points (red) over real ones (grey), with equal axes.

    The view is that of the real points, so that pictures of one run compare; without real
    points it is that of the generated ones. Points outside lie on the frame; points that
    are not finite are left out, and counted in the title line.

    Args:
        real: (n, 2) float, n may be 0.
        fake: (m, 2) float, m may be 0.
        title: a line above the plot.
        size: side of the picture in pixels, at least 64.

    Returns:
        uint8 (size, size, 3).

    Raises:
        ValueError: other shapes, or `size` too small.
    """
    real, fake = (np.asarray(points, np.float64) for points in (real, fake))
    for name, points in (("real", real), ("fake", fake)):
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"{name} points must be (n, 2), got {points.shape}")
    if size < 64:
        raise ValueError(f"size must be at least 64 pixels, got {size}")
    lost = int(np.sum(~np.isfinite(fake).all(axis=1)))
    real, fake = (points[np.isfinite(points).all(axis=1)] for points in (real, fake))
    low, high = _view(real if len(real) else fake)
    # Twice the size, then reduced: smooth discs without a plotting library.
    canvas = Image.new("RGB", (2 * size, 2 * size), (255, 255, 255))
    box = (24, 64, 2 * size - 24, 2 * size - 24)
    draw = ImageDraw.Draw(canvas, "RGBA")
    draw.rectangle(box, outline=_FRAME, width=2)
    _discs(draw, _place(real, low, high, box), _REAL, radius=5.0)
    _discs(draw, _place(fake, low, high, box), _FAKE, radius=3.0)
    _caption(draw, title, lost, box)
    return np.asarray(canvas.resize((size, size), Image.Resampling.LANCZOS))


def _displayable(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim != 4 or 0 in pixels.shape:
        raise ValueError(
            f"a grid needs images (n, H, W, C), none empty; got {pixels.shape}"
        )
    channels = pixels.shape[3]
    kept = {1: 1, 2: 1, 3: 3, 4: 4}.get(channels, 3)
    return pixels[..., :kept]


def _square_columns(n: int, height: int, width: int) -> int:
    return max(1, round(math.sqrt(n * height / width)))


def _view(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A square view around the points, with a margin of a tenth of its side."""
    if not len(points):
        return np.full(2, -1.0), np.full(2, 1.0)
    low, high = points.min(axis=0), points.max(axis=0)
    centre, half = (low + high) / 2.0, max(float((high - low).max()) / 2.0, 1e-6)
    return centre - 1.2 * half, centre + 1.2 * half


def _place(
    points: np.ndarray, low: np.ndarray, high: np.ndarray, box: tuple[int, int, int, int]
) -> np.ndarray:
    """Pixel coordinates, y upwards, clipped to the box."""
    left, top, right, bottom = box
    share = np.clip((points - low) / (high - low), 0.0, 1.0)
    return np.stack(
        [left + share[:, 0] * (right - left), bottom - share[:, 1] * (bottom - top)], axis=1
    )


def _discs(
    draw: ImageDraw.ImageDraw,
    places: np.ndarray,
    colour: tuple[int, int, int],
    radius: float,
) -> None:
    for x, y in places:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(*colour, 150))


def _caption(
    draw: ImageDraw.ImageDraw, title: str, lost: int, box: tuple[int, int, int, int]
) -> None:
    left, top, right, _ = box
    font = ImageFont.load_default(26)
    note = f"{title}   ({lost} not finite)" if lost else title
    draw.text((left, top - 12), note, fill=_INK, font=font, anchor="ls")
    draw.text((right, top - 12), "generated", fill=_FAKE, font=font, anchor="rs")
    shift = draw.textlength("generated  ", font=font)
    draw.text((right - shift, top - 12), "real", fill=_REAL, font=font, anchor="rs")
