"""Bicubic resizing by whole factors, of images (batch, height, width, channels)."""

from __future__ import annotations

import jax

from gan_jax.types import Array


def downscale(x: Array, factor: int) -> Array:
    """Keys' cubic (a = -1/2), as wide as the pixels it makes: (B, H, W, C) to
    (B, H / factor, W / factor, C).

    The filter of Pillow on float images and, but for what lies beyond the edges, of
    Matlab's `imresize`; it goes a little beyond the range of the images.

    Raises:
        ValueError: a side is no multiple of the factor.
    """
    b, h, w, c = x.shape
    if h % factor or w % factor:
        raise ValueError(
            f"cannot make an image of {h} x {w} smaller by {factor}: both sides must be "
            "multiples of it"
        )
    return jax.image.resize(x, (b, h // factor, w // factor, c), "cubic", antialias=True)


def upscale(x: Array, factor: int) -> Array:
    """The same cubic between pixels: (B, H, W, C) to (B, factor H, factor W, C)."""
    b, h, w, c = x.shape
    return jax.image.resize(x, (b, factor * h, factor * w, c), "cubic")
