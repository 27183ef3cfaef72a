"""Discriminator-driven latent sampling, Che et al. 2020 (arXiv 2003.06060)."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from gan_jax import prng
from gan_jax.priors import Prior
from gan_jax.sampling.latents import Draws, Generate, Sampler, Score, score_of, try_keys
from gan_jax.types import Array, Critic, Key


def standard_normal_log_density(latents: Array) -> Array:
    """The logarithm of N(z; 0, I) up to its constant: latents (B, Z) to float32 (B,)."""
    return -0.5 * jnp.sum(jnp.square(latents.astype(jnp.float32)), axis=-1)


def langevin_sampler(
    prior: Prior,
    generate: Generate,
    critic: Critic,
    *,
    steps: int = 1_000,
    step_size: float = 0.01,
    log_density: Score = standard_normal_log_density,
) -> Sampler:
    """Langevin dynamics in the latent space, under generator and discriminator together.

    E(z) = -log p0(z) - D(G(z)) (section 3); z starts from the prior and moves by
    -(step_size / 2) grad E(z) + sqrt(step_size) n, n ~ N(0, I) (algorithm 1). If D is the
    logarithm of the density ratio, samples from exp(-E) are the data's. The chain's own
    limit differs from exp(-E) by a bias that vanishes with the step size.

    The critic and the generator must treat examples independently (no batch statistics).

    Args:
        prior: `(key) -> z`, where chains start.
        generate: `(z) -> x`, differentiable.
        critic: `(x) -> logits`.
        steps: moves of every chain.
        step_size: epsilon (0.01 in the paper).
        log_density: log p0, `(z (B, Z)) -> (B,)`, up to a constant; the standard normal's
            by default.

    Returns:
        `(key, n) -> draws`, to be jitted with n static; all accepted, `tries` is `steps`.

    Raises:
        ValueError: `steps` is below 1, or `step_size` is not positive.
    """
    if steps < 1 or not step_size > 0.0:
        raise ValueError(
            f"langevin_sampler needs steps >= 1 and step_size > 0, got {steps}, {step_size}"
        )
    score = score_of(generate, critic)

    def negative_energy(latents: Array) -> Array:
        return jnp.sum(log_density(latents) + score(latents))

    def sample(key: Key, n: int) -> Draws:
        keys = prng.per_example(key, n)
        noises = prng.stream(keys, "langevin")

        def advance(number: Array, latents: Array) -> Array:
            noise = prng.draw(
                try_keys(noises, number),
                lambda k: jax.random.normal(k, latents.shape[1:], latents.dtype),
            )
            uphill = jax.grad(negative_energy)(latents)
            return latents + 0.5 * step_size * uphill + math.sqrt(step_size) * noise

        start = prng.draw(prng.stream(keys, "start"), prior)
        latents = jax.lax.fori_loop(0, steps, advance, start)
        return Draws(latents, jnp.ones((n,), bool), jnp.full((n,), steps, jnp.int32))

    return sample
