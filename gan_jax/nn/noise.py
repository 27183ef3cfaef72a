"""Noise inside networks, by one key per example: the same for any layout of the batch."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from gan_jax import prng
from gan_jax.types import Array, Key


def gaussian_noise(x: Array, keys: Key | None, sigma: float, name: str) -> Array:
    """`x + sigma n` with n ~ N(0, 1) of every value (1606.03498, the authors' code).

    Args:
        x: (B, ...), any float type.
        keys: one per example, (B,); None for no noise.
        sigma: standard deviation, in units of `x`; 0 for no noise.
        name: of the layer; layers of other names draw other noise.
    """
    if keys is None or sigma == 0.0:
        return x

    def sample(key: Key) -> Array:
        return jax.random.normal(key, x.shape[1:], x.dtype)

    return x + jnp.asarray(sigma, x.dtype) * prng.draw(prng.stream(keys, name), sample)


def dropout(x: Array, keys: Key | None, rate: float, name: str) -> Array:
    """Values set to 0 with probability `rate`, the others divided by `1 - rate`.

    Args:
        x: (B, ...), any float type.
        keys: one per example, (B,); None for no noise.
        rate: in [0, 1).
        name: of the layer; layers of other names draw other values.

    Raises:
        ValueError: the rate is out of range.
    """
    if not 0.0 <= rate < 1.0:
        raise ValueError(f"dropout needs a rate from 0 to below 1, got {rate}")
    if keys is None or rate == 0.0:
        return x

    def sample(key: Key) -> Array:
        return jax.random.bernoulli(key, 1.0 - rate, x.shape[1:])

    kept = prng.draw(prng.stream(keys, name), sample)
    return jnp.where(kept, x / jnp.asarray(1.0 - rate, x.dtype), jnp.zeros((), x.dtype))
