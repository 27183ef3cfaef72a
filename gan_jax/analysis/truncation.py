"""The same latents, or styles, at several truncations, to see fidelity against variety."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp

from gan_jax import priors, prng
from gan_jax.analysis.mixing import in_layers
from gan_jax.networks.stylegan2_mapping import truncated
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


def truncated_styles(
    ws: Array, mean: Array, psi: float, layers: Sequence[int] | None = None
) -> Array:
    """Styles pulled towards their mean, mean + psi (w - mean), in some layers (1812.04948,
    appendix B).

    Args:
        ws: (n, layers, W).
        mean: (W,), such as the running mean of w of a network.
        psi: weight of the styles; 1 leaves them as they are, 0 gives the mean, and below 0
            they are on its other side.
        layers: counted from 0; None for all.

    Returns:
        As `ws`.

    Raises:
        ValueError: a layer that the network does not have.
    """
    pulled = truncated(ws, mean, psi)
    return pulled if layers is None else in_layers(ws, pulled, layers)
