"""Pictures that move: GIF and MP4 files."""

from __future__ import annotations

import importlib
import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax import files
from gan_jax.errors import UserError

_FINE = {"crf": "16", "preset": "medium"}
"""Of x264: hardly to be told from the pictures."""


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

    _check(frames, "a GIF")
    images = [Image.fromarray(f[:, :, 0] if f.shape[2] == 1 else f) for f in frames]
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


def save_mp4(path: str | Path, frames: Sequence[np.ndarray], *, fps: float = 25.0) -> None:
    """Writes pictures as an MP4 file (H.264, colours at half resolution, as every player
    knows it), atomically.

    Args:
        path: the file; its folder is made if missing.
        frames: uint8 (H, W, C), C = 1 or 3, all of one shape. The codec wants even sides:
            an odd one has its last row or column twice.
        fps: frames a second.

    Raises:
        ValueError: no frames, not pictures, or `fps` not positive.
        UserError: the library is missing.
    """
    av = require_av()
    _check(frames, "an MP4 file")
    if not fps > 0.0:
        raise ValueError(f"a film needs a positive number of frames a second, got {fps}")
    encoded = io.BytesIO()
    with av.open(encoded, mode="w", format="mp4") as film:
        stream = film.add_stream(
            "libx264", rate=Fraction(fps).limit_denominator(1000), options=_FINE
        )
        stream.height, stream.width = _even(frames[0]).shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(_even(frame), "rgb24")))
        film.mux(stream.encode())
    files.write_atomic(path, encoded.getvalue())


def require_av() -> Any:
    """The library that writes films.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module("av")
    except ModuleNotFoundError as error:
        raise UserError("MP4 files need PyAV: pip install 'gan-jax[video]'") from error


def _check(frames: Sequence[np.ndarray], what: str) -> None:
    """Raises ValueError if these are not pictures of one shape."""
    shapes = {frame.shape for frame in frames}
    if len(shapes) != 1 or any(frame.dtype != np.uint8 for frame in frames):
        seen = shapes or "none"
        raise ValueError(f"{what} needs uint8 pictures of one shape, got {seen}")
    (shape,) = shapes
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise ValueError(f"{what}'s pictures are (H, W, 1 or 3), got {shape}")


def _even(frame: np.ndarray) -> np.ndarray:
    """A picture with three colours and even sides."""
    height, width = (side % 2 for side in frame.shape[:2])
    padded = np.pad(frame, ((0, height), (0, width), (0, 0)), mode="edge")
    return np.ascontiguousarray(np.broadcast_to(padded, (*padded.shape[:2], 3)))


def enlarged(pictures: np.ndarray, factor: int) -> np.ndarray:
    """Pictures (..., H, W, C) with every pixel as a square of `factor` pixels."""
    return pictures.repeat(factor, axis=-3).repeat(factor, axis=-2)
