"""Resampling by two with a low-pass filter, zeros outside the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gan_jax.nn.upfirdn import downsample2d, upsample2d
from gan_jax.types import Array

TENT = (1, 2, 1)
"""Makes doubling bilinear, but for the zeros outside."""


def lowpass_upsample(x: Array, taps: Sequence[float] = TENT) -> Array:
    """Doubles by zeros between pixels and the filter `taps * (1, 1)`, of gain 1.

    Args:
        x: (B, H, W, C).
        taps: an odd number, the same along both axes.

    Returns:
        (B, 2H, 2W, C).

    Raises:
        ValueError: the number of taps is even.
    """
    return upsample2d(x, _twice(taps))


def lowpass_downsample(x: Array, taps: Sequence[float] = TENT) -> Array:
    """Halves by the filter `taps * (1, 1)`, of gain 1, at every second pixel.

    Args:
        x: (B, 2H, 2W, C).
        taps: an odd number, the same along both axes.

    Returns:
        (B, H, W, C).

    Raises:
        ValueError: the number of taps is even, or a side is odd.
    """
    if x.shape[1] % 2 or x.shape[2] % 2:
        raise ValueError(
            f"cannot halve an image of {x.shape[1]} x {x.shape[2]}: both sides must be even"
        )
    return downsample2d(x, _twice(taps))


def _twice(taps: Sequence[float]) -> np.ndarray:
    """`taps * (1, 1)`, an even number of taps."""
    if len(taps) % 2 == 0:
        raise ValueError(f"a low-pass filter needs an odd number of taps, got {len(taps)}")
    return np.convolve(np.asarray(taps, np.float64), [1.0, 1.0])
