"""Small numerical conventions used on every floor."""

from __future__ import annotations

import jax.numpy as jnp

from gan_jax.types import Array, Scalar


def mean32(x: Array) -> Scalar:
    """Mean of all elements in float32, whatever the input's float type."""
    return jnp.mean(x.astype(jnp.float32))


def safe_sqrt(x: Array) -> Array:
    """Square root, 0 with derivative 0 where `x` <= 0; there the plain one has none."""
    positive = x > 0.0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)


def to_unit(image: Array) -> Array:
    """uint8 [0, 255] to float32 [-1, 1]; floats pass unchanged."""
    if image.dtype != jnp.uint8:
        return image
    return image.astype(jnp.float32) / 127.5 - 1.0


def to_uint8(image: Array) -> Array:
    """Float [-1, 1] to uint8 by the fixed map round((x + 1) * 127.5), clipped."""
    scaled = jnp.round((image.astype(jnp.float32) + 1.0) * 127.5)
    return jnp.clip(scaled, 0.0, 255.0).astype(jnp.uint8)
