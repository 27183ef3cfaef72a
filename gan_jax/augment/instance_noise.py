"""Instance noise on what a discriminator sees (arXiv 1610.04490, 1701.04862)."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from gan_jax import prng
from gan_jax.types import Array, Key

NoisyInputs = Callable[[Key, Array, ArrayLike], Array]
"""`(keys, images, images_seen) -> images`."""


def instance_noise(sigma: Callable[[Array], ArrayLike]) -> NoisyInputs:
    """Gaussian noise that is annealed: x + sigma(t) n, n ~ N(0, 1) per value.

    To be applied to real and generated images alike, with keys of their own: the two
    distributions then overlap, and their divergence has a gradient.

    Args:
        sigma: standard deviation by images seen, in units of the images, such as
            `optax.linear_schedule(0.1, 0.0, transition_steps=2_000_000)`.

    Returns:
        `(keys, images, images_seen) -> images`: one key per example or one for all, images
        float (B, ...), `images_seen` a number, which may be traced.
    """

    def add_noise(keys: Key, images: Array, images_seen: ArrayLike) -> Array:
        # In float32, for int32 images would overflow at 2^31.
        level = jnp.asarray(sigma(jnp.asarray(images_seen, jnp.float32)), images.dtype)
        normal = prng.draw(
            prng.stream(prng.per_example(keys, images.shape[0]), "instance_noise"),
            lambda key: jax.random.normal(key, images.shape[1:], images.dtype),
        )
        return images + level * normal

    return add_noise
