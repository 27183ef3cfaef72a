"""Channels as pixels: the upsampling of super-resolution networks."""

from __future__ import annotations

from gan_jax.types import Array


def pixel_shuffle(x: Array, factor: int) -> Array:
    """Sub-pixel upsampling (1609.05158, eq. 4): (B, H, W, C r^2) to (B, rH, rW, C).

    Output channel c at place (i, j) of the r x r block of a pixel is the pixel's channel
    c r^2 + i r + j, the order that PyTorch has.

    Args:
        x: (B, H, W, C r^2).
        factor: r.

    Raises:
        ValueError: the channels are no multiple of r^2.
    """
    batch, height, width, channels = x.shape
    features, rest = divmod(channels, factor**2)
    if rest:
        raise ValueError(
            f"a pixel shuffle by {factor} needs a multiple of {factor**2} channels, got "
            f"{channels}"
        )
    blocks = x.reshape(batch, height, width, features, factor, factor)
    blocks = blocks.transpose(0, 1, 4, 2, 5, 3)
    return blocks.reshape(batch, factor * height, factor * width, features)
