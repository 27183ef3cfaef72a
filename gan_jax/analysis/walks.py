"""Walks through the latent space, from one latent to the next (1511.06434, section 6.1)."""

from __future__ import annotations

import jax.numpy as jnp

from gan_jax.interpolation import Interpolation, lerp
from gan_jax.types import Array


def latent_walk(
    stops: Array, steps: int, *, between: Interpolation = lerp, closed: bool = False
) -> Array:
    """Latents on the ways from each stop to the next.

    Args:
        stops: float (k, Z), k >= 2.
        steps: latents on each way, both ends among them, at least 2.
        between: `interpolation.lerp` or `slerp`; for normal latents `slerp` keeps the
            length that the network knows.
        closed: whether a last way leads back to the first stop.

    Returns:
        (ways, steps, Z): k - 1 ways, or k if closed. Each begins where the one before ends.

    Raises:
        ValueError: too few stops or steps.
    """
    if stops.ndim != 2 or len(stops) < 2 or steps < 2:
        raise ValueError(
            "a walk needs stops (k, Z), k >= 2, and steps >= 2; got "
            f"{stops.shape} and {steps}"
        )
    ends = jnp.roll(stops, -1, axis=0)
    if not closed:
        stops, ends = stops[:-1], ends[:-1]
    ways = [between(stops, ends, t) for t in jnp.linspace(0.0, 1.0, steps)]
    return jnp.stack(ways, axis=1)
