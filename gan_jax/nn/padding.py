"""Padding of images (batch, height, width, channels) by what is at their borders."""

from __future__ import annotations

import jax.numpy as jnp

from gan_jax.types import Array

PADDINGS = {"reflect": "reflect", "replicate": "edge", "zero": "constant"}
"""Kinds of padding, and what numpy calls them."""


def pad2d(x: Array, amount: int, kind: str = "reflect") -> Array:
    """Pads both axes of space on both sides.

    Args:
        x: (B, H, W, C).
        amount: pixels on each side.
        kind: "reflect" mirrors about the outermost pixel, which is not repeated;
            "replicate" repeats it; "zero".

    Returns:
        (B, H + 2 amount, W + 2 amount, C).

    Raises:
        ValueError: no such kind, or too few pixels to mirror.
    """
    if kind not in PADDINGS:
        raise ValueError(f"padding must be one of {', '.join(PADDINGS)}; got {kind!r}")
    height, width = x.shape[1:3]
    if kind == "reflect" and min(height, width) <= amount:
        raise ValueError(
            f"reflecting {amount} pixels needs images of at least {amount + 1} x "
            f"{amount + 1} there, got {height} x {width}: use larger images or zero padding"
        )
    around = (amount, amount)
    return jnp.pad(x, ((0, 0), around, around, (0, 0)), mode=PADDINGS[kind])
