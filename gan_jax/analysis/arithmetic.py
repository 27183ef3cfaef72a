"""Arithmetic on latents, as on words: smiling woman - neutral woman + neutral man.

DCGAN (1511.06434), section 6.3.2: single latents were unstable, means of three were not.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.types import Array, Key


class Arithmetic(NamedTuple):
    """The terms of A - B + C.

    Attributes:
        means: float (3, Z), of A, B and C.
        result: float (Z,).
    """

    means: Array
    result: Array


def latent_arithmetic(a: Array, b: Array, c: Array) -> Arithmetic:
    """The mean of A, less that of B, plus that of C.

    Args:
        a: latents (n, Z); three in the paper.
        b: latents (m, Z).
        c: latents (k, Z).
    """
    means = jnp.stack([group.mean(axis=0) for group in (a, b, c)])
    return Arithmetic(means, means[0] - means[1] + means[2])


def around(latent: Array, key: Key, n: int, scale: float = 0.25) -> Array:
    """A latent and others close by: the paper's uniform noise of +-0.25 (figure 7).

    Args:
        latent: float (Z,).
        key: of the noise.
        n: how many, the latent itself among them.
        scale: the largest noise.

    Returns:
        (n, Z), the latent itself first.
    """
    noise = jax.random.uniform(key, (n - 1, len(latent)), minval=-scale, maxval=scale)
    return jnp.concatenate([latent[None], latent[None] + noise])
