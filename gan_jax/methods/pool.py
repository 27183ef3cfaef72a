"""A pool of images generated before, from which a discriminator is shown some."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax import prng, tracing
from gan_jax.types import Array, Key


class Pool(NamedTuple):
    """Images that a discriminator may be shown later.

    Attributes:
        images: float32 (size, H, W, C).
        filled: how many of them there are, int32 ().
    """

    images: Array
    filled: Array


def empty_pool(size: int, image_shape: tuple[int, ...]) -> Pool:
    """A pool for so many images."""
    return Pool(jnp.zeros((size, *image_shape), jnp.float32), jnp.zeros((), jnp.int32))


def exchange(pool: Pool, images: Array, keys: Key) -> tuple[Array, Pool]:
    """What a discriminator is shown in place of new images (1612.07828, section 2.3; with
    the rule of CycleGAN's authors, 1703.10593, section 4).

    One image after the other: while the pool is not full, an image is shown and kept. Then
    with probability one half it takes the place of one of the pool, which is shown; else it
    is shown itself and forgotten. The pool is of the global batch, row after row.

    Args:
        pool: as it is.
        images: new ones, (batch, H, W, C).
        keys: one per image.

    Returns:
        Images (batch, H, W, C), and the pool afterwards.
    """
    size = pool.images.shape[0]
    draws = prng.draw(
        prng.stream(keys, "pool"),
        lambda key: (
            jax.random.bernoulli(key, 0.5),
            jax.random.randint(prng.stream(key, "place"), (), 0, size),
        ),
    )
    whole = jax.tree.map(tracing.gather, (images, *draws))

    def one(pool: Pool, row: tuple[Array, Array, Array]) -> tuple[Pool, Array]:
        image, swap, drawn = row
        filling = pool.filled < size
        place = jnp.where(filling, pool.filled, drawn)
        old = pool.images[place]
        kept = jnp.where(filling | swap, image, old)
        shown = jnp.where(filling | ~swap, image, old)
        after = Pool(
            pool.images.at[place].set(kept), jnp.minimum(pool.filled + 1, jnp.int32(size))
        )
        return after, shown

    pool, shown = jax.lax.scan(one, pool, whole)
    return shown[tracing.global_rows(images.shape[0])], pool
