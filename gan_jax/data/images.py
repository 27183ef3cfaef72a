"""Images as uint8 arrays (H, W, C): reading, writing, resizing, channels.

Every channel is resampled alone: a fourth channel is not always transparency.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from gan_jax.data.errors import DataError, UnreadableImageError

_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow raises on files that are not the images they claim to be."""

_CHANNELS = {"1": 1, "L": 1, "LA": 2, "La": 2, "RGBA": 4, "RGBa": 4, "PA": 4}
_STORED = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def _channels(picture: Image.Image) -> int:
    if picture.mode.startswith("I"):
        return 1
    if picture.mode == "P" and "transparency" in picture.info:
        return 4
    return _CHANNELS.get(picture.mode, 3)


def _open(data: bytes | str | os.PathLike[str]) -> Image.Image:
    return Image.open(io.BytesIO(data) if isinstance(data, bytes) else data)


def _unreadable(name: str, error: Exception) -> UnreadableImageError:
    # Pillow puts the repr of an in-memory file into its message.
    if isinstance(error, Image.UnidentifiedImageError):
        why = "not an image in a known format"
    else:
        why = str(error) or type(error).__name__
    return UnreadableImageError(f"{name}: cannot be read as an image ({why})")


def _to_array(picture: Image.Image) -> np.ndarray:
    channels = _channels(picture)
    if picture.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion would clip it
        wide = np.clip(np.asarray(picture).astype(np.int64), 0, 65535)
        return ((wide * 255 + 32767) // 65535).astype(np.uint8)[..., None]
    stored = np.array(picture.convert(_STORED[channels]), np.uint8)
    return stored.reshape(picture.height, picture.width, channels)


def decode(data: bytes | str | os.PathLike[str], name: str | None = None) -> np.ndarray:
    """Reads an image and keeps its channels: grey 1, grey+alpha 2, RGB 3, RGBA 4.

    Palettes become RGB or RGBA, 16-bit grey is scaled to 8 bits, an EXIF orientation is
    applied, of an animation the first frame is taken.

    Args:
        data: the encoded bytes, or a path.
        name: what an error calls the image; the path by default.

    Returns:
        uint8 (H, W, C).

    Raises:
        UnreadableImageError: it is missing, damaged or no image.
    """
    try:
        with _open(data) as picture:
            picture.load()
            return _to_array(ImageOps.exif_transpose(picture) or picture)
    except _BROKEN as error:
        raise _unreadable(name or _default_name(data), error) from error


def header(
    data: bytes | str | os.PathLike[str], name: str | None = None
) -> tuple[int, ...]:
    """(H, W, C) that `decode` would give, without decoding the pixels.

    Raises:
        UnreadableImageError: the header is damaged; damage further on is not noticed.
    """
    try:
        with _open(data) as picture:
            # Of a PNG without this chunk Pillow would read all pixels in search of it.
            tagged = picture.format != "PNG" or "exif" in picture.info
            turned = tagged and picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            width, height = picture.size
            size = (width, height) if turned else (height, width)
            return (*size, _channels(picture))
    except _BROKEN as error:
        raise _unreadable(name or _default_name(data), error) from error


def _default_name(data: bytes | str | os.PathLike[str]) -> str:
    return "image" if isinstance(data, bytes) else os.fspath(data)


def to_picture(image: np.ndarray) -> Image.Image:
    """A Pillow image of uint8 (H, W, C) with 1 to 4 channels, or (H, W)."""
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] > (4,):
        raise DataError(
            f"cannot write an image of {image.dtype} {image.shape}; expected uint8 "
            "(H, W, C) with at most 4 channels"
        )
    return Image.fromarray(np.ascontiguousarray(image))


def encode_png(image: np.ndarray) -> bytes:
    """PNG bytes of uint8 (H, W, C), C from 1 to 4, or (H, W); lossless."""
    buffer = io.BytesIO()
    to_picture(image).save(buffer, format="PNG")
    return buffer.getvalue()


def save_png(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """Writes a PNG so that a reader never sees half of it."""
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(encode_png(image))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bicubic resampling with antialiasing when it shrinks; any number of channels.

    Args:
        image: uint8 (H, W, C).
        height: of the result, pixels.
        width: of the result, pixels.

    Returns:
        uint8 (height, width, C).
    """
    if image.shape[:2] == (height, width):
        return image
    if image.shape[-1] == 3:
        return np.asarray(_resample(image, height, width))
    planes = [_resample(plane, height, width) for plane in np.moveaxis(image, -1, 0)]
    return np.stack(planes, axis=-1)


def _resample(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    picture = Image.fromarray(np.ascontiguousarray(plane))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


def _over_white(image: np.ndarray) -> np.ndarray:
    color = image[..., :-1].astype(np.uint32)
    alpha = image[..., -1:].astype(np.uint32)
    return ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _luma(image: np.ndarray) -> np.ndarray:
    # ITU-R 601 in 16-bit fixed point; the weights sum to 65536 exactly.
    weights = np.array([19595, 38470, 7471], np.uint32)
    total = (image.astype(np.uint32) * weights).sum(axis=-1, keepdims=True)
    return ((total + 32768) >> 16).astype(np.uint8)


def _repeat(image: np.ndarray) -> np.ndarray:
    return np.repeat(image, 3, axis=-1)


def _opaque(image: np.ndarray) -> np.ndarray:
    alpha = np.full((*image.shape[:-1], 1), 255, np.uint8)
    return np.concatenate([image, alpha], axis=-1)


def _spread_grey(image: np.ndarray) -> np.ndarray:
    return np.concatenate([_repeat(image[..., :1]), image[..., 1:]], axis=-1)


CONVERSIONS: Mapping[tuple[int, int], tuple[Callable[[np.ndarray], np.ndarray], ...]] = {
    (1, 2): (_opaque,),
    (1, 3): (_repeat,),
    (1, 4): (_repeat, _opaque),
    (2, 1): (_over_white,),
    (2, 3): (_over_white, _repeat),
    (2, 4): (_spread_grey,),
    (3, 1): (_luma,),
    (3, 4): (_opaque,),
    (4, 1): (_over_white, _luma),
    (4, 3): (_over_white,),
}
"""How images of the first number of channels become images of the second."""


def convertible(channels: int, wanted: int) -> bool:
    """Whether `to_channels` knows the way."""
    return channels == wanted or (channels, wanted) in CONVERSIONS


def to_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Grey, RGB and their forms with alpha into one another.

    RGB becomes grey by ITU-R 601 luma; transparency is laid over white; grey is repeated; a
    new alpha is opaque.

    Args:
        image: uint8 (..., C).
        channels: wanted number of channels.

    Returns:
        uint8 (..., channels).

    Raises:
        DataError: no conversion between these numbers of channels is known.
    """
    given = image.shape[-1]
    if not convertible(given, channels):
        raise DataError(
            f"images of {given} channels cannot become images of {channels}; set the "
            f"channels of image_shape to {given}"
        )
    for convert in CONVERSIONS.get((given, channels), ()):
        image = convert(image)
    return image


def grid(images: np.ndarray, columns: int, *, pad: int = 2, fill: int = 255) -> np.ndarray:
    """Lays images out row by row.

    Args:
        images: uint8 (N, H, W, C).
        columns: images in a row.
        pad: pixels between images and around them.
        fill: value of the padding and of missing images.

    Returns:
        uint8 (rows * (H + pad) + pad, columns * (W + pad) + pad, C).
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    shape = (rows * (height + pad) + pad, columns * (width + pad) + pad, channels)
    sheet: np.ndarray[Any, np.dtype[np.uint8]] = np.full(shape, fill, np.uint8)
    for place, image in enumerate(images):
        row, column = divmod(place, columns)
        top, left = pad + row * (height + pad), pad + column * (width + pad)
        sheet[top : top + height, left : left + width] = image
    return sheet
