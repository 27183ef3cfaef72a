"""Resampling by two with a low-pass filter, zeros outside the image."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

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
    weights = 2.0 * _weights(taps)
    return _double(_double(x, 1, weights), 2, weights)


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
    weights = _weights(taps)
    return _halve(_halve(x, 1, weights), 2, weights)


def _weights(taps: Sequence[float]) -> np.ndarray:
    """The filter along one axis: sum 1, even length, in the order of a correlation."""
    if len(taps) % 2 == 0:
        raise ValueError(f"a low-pass filter needs an odd number of taps, got {len(taps)}")
    full = np.convolve(np.asarray(taps, np.float64), [1.0, 1.0])[::-1]
    return full / full.sum()


def _double(x: Array, axis: int, weights: np.ndarray) -> Array:
    """Outputs 2i and 2i + 1 see the taps whose inputs are not zeros between pixels."""
    size, reach = x.shape[axis], len(weights) // 2
    padded = _padded(x, axis, reach, reach)
    phases = []
    for phase in range(2):
        taps = [k for k in range(len(weights)) if (phase + k - reach) % 2 == 0]
        starts = [reach + (phase + k - reach) // 2 for k in taps]
        phases.append(_total(padded, axis, weights[taps], starts, size, 1))
    pairs = jnp.stack(phases, axis=axis + 1)
    return pairs.reshape(*x.shape[:axis], 2 * size, *x.shape[axis + 1 :])


def _halve(x: Array, axis: int, weights: np.ndarray) -> Array:
    reach = len(weights) // 2 - 1
    padded = _padded(x, axis, reach, reach)
    return _total(padded, axis, weights, range(len(weights)), x.shape[axis] // 2, 2)


def _padded(x: Array, axis: int, before: int, after: int) -> Array:
    pads = [(0, 0)] * x.ndim
    pads[axis] = (before, after)
    return jnp.pad(x, pads)


def _total(
    x: Array,
    axis: int,
    weights: np.ndarray,
    starts: Sequence[int],
    size: int,
    stride: int,
) -> Array:
    """Weighted sum of `size` places each, from `starts`, every `stride`."""
    span = stride * (size - 1) + 1
    parts = [
        float(weight) * jax.lax.slice_in_dim(x, start, start + span, stride, axis)
        for weight, start in zip(weights, starts, strict=True)
    ]
    return functools.reduce(operator.add, parts)
