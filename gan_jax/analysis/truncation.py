"""The same latents at several truncations, to see fidelity against variety."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp

from gan_jax import priors, prng
from gan_jax.types import Array, Key


def truncated_latents(key: Key, n: int, dim: int, thresholds: Sequence[float]) -> Array:
    """Normal latents at several thresholds (1809.11096, section 3.1), drawn with the same
    random numbers: a value keeps its quantile, so that an image changes gradually from row
    to row, and every row has the distribution of its threshold.

    Args:
        key: one, or one per latent (n,).
        n: latents in a row.
        dim: of a latent.
        thresholds: in standard deviations; infinity is the normal distribution itself.

    Returns:
        float32 (thresholds, n, dim).

    Raises:
        ValueError: no threshold, or one that is not positive.
    """
    if not thresholds:
        raise ValueError("truncated_latents needs at least one threshold")
    keys = prng.per_example(key, n)
    rows = [prng.draw(keys, priors.truncated_normal(dim, t)) for t in thresholds]
    return jnp.stack(rows)
