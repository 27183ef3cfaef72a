"""Latents for sampling: what the samplers have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax import prng
from gan_jax.priors import Prior
from gan_jax.types import Array, Critic, Key, PyTree

Generate = Callable[[Array], PyTree]
"""`(latents (B, Z)) -> examples (B, ...)`; parameters, labels and mode closed over."""

Score = Callable[[Array], Array]
"""`(latents (B, Z)) -> logits (B,)`."""


class Draws(NamedTuple):
    """Latents and how they were found; `generate(draws.latents)` are the samples.

    Attributes:
        latents: float32 (n, Z).
        accepted: bool (n,); false where a sampler gave up, and the latent is as good as one
            from the prior.
        tries: int32 (n,), candidates looked at.
    """

    latents: Array
    accepted: Array
    tries: Array


Sampler = Callable[[Key, int], Draws]
"""`(key, n) -> draws`; one key, or one per sample (n,)."""


def prior_sampler(prior: Prior) -> Sampler:
    """Latents as they come.

    Args:
        prior: `(key) -> z`.

    Returns:
        `(key, n) -> draws`, all accepted at the first try.
    """

    def sample(key: Key, n: int) -> Draws:
        latents = prng.draw(prng.per_example(key, n), prior)
        return Draws(latents, jnp.ones((n,), bool), jnp.ones((n,), jnp.int32))

    return sample


def score_of(generate: Generate, critic: Critic) -> Score:
    """The critic's logits as a function of latents, float32 (B,)."""

    def score(latents: Array) -> Array:
        return critic(generate(latents)).astype(jnp.float32)

    return score


def try_keys(keys: Key, number: Array) -> Key:
    """Keys of every sample's try `number`, int32 () or (n,)."""
    numbers = jnp.broadcast_to(number, keys.shape)
    return jax.vmap(jax.random.fold_in)(keys, numbers)
