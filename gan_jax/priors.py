"""Latent distributions, written for one example: `prior(key) -> z`."""

from __future__ import annotations

from collections.abc import Callable

import jax

from gan_jax.types import Array, Key

Prior = Callable[[Key], Array]


def normal(dim: int) -> Prior:
    """Standard normal latents, float32 (dim,)."""
    return lambda key: jax.random.normal(key, (dim,))


def uniform(dim: int) -> Prior:
    """Latents uniform on [-1, 1]^dim, float32 (dim,), as DCGAN uses (1511.06434)."""
    return lambda key: jax.random.uniform(key, (dim,), minval=-1.0, maxval=1.0)
