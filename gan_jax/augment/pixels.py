"""Moves by whole pixels, exact, of one image (H, W, C)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from gan_jax.types import Array


def reflect(index: Array, size: int) -> Array:
    """Where a pixel lies on an axis continued by reflection, any integer to [0, size).

    The end pixels are not repeated: ..., 2, 1, 0, 1, 2, ....
    """
    period = max(2 * (size - 1), 1)
    folded = index % period
    return jnp.minimum(folded, period - folded)


def select(image: Array, rows: Array, columns: Array) -> Array:
    """`image[rows[i], columns[j]]`, and 0 where an index lies outside.

    As products with matrices of ones and zeros, which are exact; accelerators do them
    faster than gathers, and their derivatives are products too.

    Args:
        image: float (H, W, C).
        rows: int (R,).
        columns: int (S,).

    Returns:
        Of the image's type, (R, S, C).
    """
    height, width, _ = image.shape
    tall = jax.nn.one_hot(rows, height, dtype=image.dtype)
    wide = jax.nn.one_hot(columns, width, dtype=image.dtype)
    return jnp.einsum("rh,sw,hwc->rsc", tall, wide, image, precision="highest")


def box(height: int, width: int, low: Array, high: Array) -> Array:
    """Pixels i with low <= i < high on both axes, bool (H, W, 1); bounds are (2,)."""
    rows, columns = jnp.arange(height), jnp.arange(width)
    tall = (rows >= low[0]) & (rows < high[0])
    wide = (columns >= low[1]) & (columns < high[1])
    return (tall[:, None] & wide[None, :])[:, :, None]
