"""Resampling by two and pooling over space, of images (batch, height, width, channels)."""

from __future__ import annotations

import jax.numpy as jnp

from gan_jax.types import Array


def upsample_nearest(x: Array) -> Array:
    """Every pixel becomes a 2 x 2 block: (B, H, W, C) to (B, 2H, 2W, C)."""
    b, h, w, c = x.shape
    x = jnp.broadcast_to(x[:, :, None, :, None, :], (b, h, 2, w, 2, c))
    return x.reshape(b, 2 * h, 2 * w, c)


def upsample_bilinear(x: Array) -> Array:
    """Bilinear doubling with half-pixel centres and clamped edges, to (B, 2H, 2W, C)."""
    return _double(_double(x, 1), 2)


def _double(x: Array, axis: int) -> Array:
    """Linear interpolation along one axis: outputs lie a quarter pixel off the inputs."""
    n = x.shape[axis]
    index = jnp.arange(n)
    before = jnp.take(x, jnp.maximum(index - 1, 0), axis=axis)
    after = jnp.take(x, jnp.minimum(index + 1, n - 1), axis=axis)
    pairs = jnp.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], axis=axis + 1)
    return pairs.reshape(*x.shape[:axis], 2 * n, *x.shape[axis + 1 :])


def avg_pool(x: Array) -> Array:
    """Mean of every 2 x 2 block: (B, 2H, 2W, C) to (B, H, W, C).

    Raises:
        ValueError: a side is odd.
    """
    b, h, w, c = x.shape
    if h % 2 or w % 2:
        raise ValueError(f"cannot halve an image of {h} x {w}: both sides must be even")
    return x.reshape(b, h // 2, 2, w // 2, 2, c).mean(axis=(2, 4))


def global_sum_pool(x: Array) -> Array:
    """Sum over space, (B, H, W, C) to (B, C)."""
    return x.sum(axis=(1, 2))


def global_mean_pool(x: Array) -> Array:
    """Mean over space, (B, H, W, C) to (B, C)."""
    return x.mean(axis=(1, 2))
