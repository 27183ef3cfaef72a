"""What distances between image sets are measured in: functions from images to features."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.types import Array

_BATCH = 500
# Weights of red, green and blue in grey (ITU-R BT.601), as image libraries have them.
_LUMA = (0.299, 0.587, 0.114)


class FeatureNet(NamedTuple):
    """A fixed function whose outputs distances are measured in.

    Attributes:
        name: goes into the name of every score, "frechet_distance/NAME".
        features: uint8 images (n, H, W, C) to float32 (n, d).
        fingerprint: changes when the function does; a hexadecimal digest.
    """

    name: str
    features: Callable[[np.ndarray], np.ndarray]
    fingerprint: str


def thumbnails(side: int = 8) -> FeatureNet:
    """Features that need no training: pixels of antialiased grey or RGB thumbnails.

    Args:
        side: thumbnails are (side, side); non-square images are squeezed.

    Returns:
        The net "pixels_SIDExSIDE" with float32 features in [0, 1], d = side * side * C,
        C = 1 for images of one or two channels, else 3.

    Raises:
        ValueError: `side` is not positive.
    """
    if side < 1:
        raise ValueError(f"thumbnails need a positive side, got {side}")

    def flat(images: Array) -> tuple[Array]:
        channels = 1 if images.shape[-1] < 3 else 3
        return (fit_images(images, (side, side, channels)).reshape(len(images), -1),)

    rows = batched(flat)
    name = f"pixels_{side}x{side}"
    return FeatureNet(name, lambda images: rows(images)[0], f"{name}/1")


def fit_images(images: Array, shape: tuple[int, int, int]) -> Array:
    """Brings images to a feature net's size and channels, always in the same way.

    Height and width change by bilinear interpolation, with an antialiasing triangle filter
    where they shrink, pixel centres aligned, without keeping the aspect. RGB becomes grey
    by ITU-R BT.601 weights; grey becomes RGB by repetition; of two channels the first
    counts, of four or more the first three.

    Args:
        images: uint8 (n, H, W, C).
        shape: the wanted (height, width, channels), 1 or 3 channels.

    Returns:
        float32 (n, *shape) in [0, 1].
    """
    height, width, channels = shape
    x = images[..., :3] if images.shape[-1] >= 3 else images[..., :1]
    x = x.astype(jnp.float32)
    if channels == 1 and x.shape[-1] == 3:
        x = jnp.sum(x * jnp.reshape(jnp.asarray(_LUMA), (1, 1, 1, 3)), -1, keepdims=True)
    if x.shape[1:3] != (height, width):
        size = (x.shape[0], height, width, x.shape[-1])
        precision = jax.lax.Precision.HIGHEST
        x = jax.image.resize(x, size, "bilinear", antialias=True, precision=precision)
    return jnp.broadcast_to(x / 255.0, (*x.shape[:3], channels))


def batched(
    fn: Callable[[Array], tuple[Array, ...]], size: int = _BATCH
) -> Callable[[np.ndarray], tuple[np.ndarray, ...]]:
    """A pure function of images made to work on many, in batches of one shape, compiled
    once for each image shape.

    Args:
        fn: uint8 (size, H, W, C) to a tuple of arrays (size, ...), each row by itself.
        size: rows computed at a time.

    Returns:
        Function from uint8 images (n, H, W, C), n >= 1, to arrays (n, ...) on the host; a
        row's values do not depend on the other rows or their number. It raises ValueError
        for anything else.
    """
    compiled = jax.jit(fn)

    def rows(images: np.ndarray) -> tuple[np.ndarray, ...]:
        if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
            raise ValueError(
                "scores need uint8 images (n, H, W, C), n >= 1; "
                f"got {images.dtype} {images.shape}"
            )
        parts = []
        for start in range(0, len(images), size):
            part = images[start : start + size]
            outs = compiled(_padded(part, size))
            parts.append([np.asarray(out)[: len(part)] for out in outs])
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))

    return rows


def _padded(rows: np.ndarray, size: int) -> np.ndarray:
    """Rows repeated at the end up to `size`."""
    if len(rows) == size:
        return rows
    return np.concatenate([rows, np.repeat(rows[-1:], size - len(rows), axis=0)])
