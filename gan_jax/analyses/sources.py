"""Real images and feature nets for the analyses."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np

from gan_jax.data.errors import DataError
from gan_jax.errors import UserError
from gan_jax.metrics.features import FeatureNet
from gan_jax.numerics import to_unit
from gan_jax.trained import Trained
from gan_jax.types import Array

PIXELS = "pixels"
"""In place of a feature net: the pixels themselves."""

_HELD_OUT = "test"


def open_net(name: str) -> FeatureNet:
    """A feature net by name.

    Raises:
        UserError: there is none, or its weights are missing.
    """
    from gan_jax.metrics.extractors import open_features

    return open_features(name)


def features_of(images: np.ndarray, name: str) -> np.ndarray:
    """Features of uint8 images (n, H, W, C): a net's, or pixels in [0, 1], (n, d)."""
    if name == PIXELS:
        return images.reshape(len(images), -1).astype(np.float32) / 255.0
    return open_net(name).features(images)


def check_features(name: str) -> None:
    """Opens a feature net before long work begins.

    Raises:
        UserError: as `open_net`.
    """
    if name != PIXELS:
        open_net(name)


def held_out(
    run: Trained, n: int, split: str | None
) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Images that the run was not trained on.

    Args:
        run: whose data.
        n: how many.
        split: of the data; None for "test" of built-in data, and of others none.

    Returns:
        Images, uint8 (n, H, W, C), and labels or None; None where no split was named and
        the data have none known.

    Raises:
        UserError: the data have no such split.
    """
    if split is None and not str(run.config.data.source).startswith("builtin:"):
        return None
    return run.real_images(n, split or _HELD_OUT)


def read_target(run: Trained, path: str) -> Array:
    """A picture as the networks see one.

    Args:
        run: which gives shape and resizing.
        path: a file that Pillow reads, such as PNG or JPEG.

    Returns:
        float32 (H, W, C) in [-1, 1].

    Raises:
        UserError: it cannot be read.
    """
    from PIL import Image, UnidentifiedImageError

    from gan_jax.data.transform import fit
    from gan_jax.session import image_transform

    try:
        with Image.open(Path(path).expanduser()) as picture:
            mode = "L" if run.data.image_shape[2] == 1 else "RGB"
            pixels = np.asarray(picture.convert(mode))
    except (OSError, UnidentifiedImageError) as error:
        raise UserError(f"--image={path} cannot be read: {error}") from None
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    try:
        fitted = fit(pixels, run.data.image_shape, image_transform(run.data, augment=False))
    except DataError as error:
        raise UserError(f"--image={path}: {error}") from None
    return to_unit(jnp.asarray(fitted))
