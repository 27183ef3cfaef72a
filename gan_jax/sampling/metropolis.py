"""Metropolis-Hastings GAN, Turner et al. 2018 (arXiv 1811.11357)."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax import prng, tracing
from gan_jax.priors import Prior
from gan_jax.sampling.latents import Draws, Generate, Sampler, score_of, try_keys
from gan_jax.types import Array, Critic, Key


class _Chains(NamedTuple):
    """One chain per sample.

    Attributes:
        latents: (n, Z), undefined before the first move.
        logits: float32 (n,), of the chain's state.
        moved: bool (n,).
    """

    latents: Array
    logits: Array
    moved: Array


def metropolis_hastings_sampler(
    prior: Prior,
    generate: Generate,
    critic: Critic,
    *,
    steps: int = 640,
    real_logits: Array | None = None,
) -> Sampler:
    """The last state of a Markov chain that proposes generated samples (algorithm 1).

    A chain moves from x to the proposal x' with probability
    min(1, (1/p(x) - 1) / (1/p(x') - 1)) = min(1, exp(l' - l)), p = sigmoid(l) what the
    critic says. If l is the true logarithm of the density ratio plus any constant, the
    chain's limit is the data's distribution.

    Args:
        prior: `(key) -> z`.
        generate: `(z) -> x`.
        critic: `(x) -> logits`, calibrated: `calibrated(critic, fit_logistic(...))`.
        steps: proposals per chain (K; 640 in the paper).
        real_logits: the critic's logits of real examples, float (m,): every chain then
            starts at one of them, which spares the burn-in. A chain that never leaves its
            real example has no latent; in its place is a chain that saw the same proposals
            from the first on, and `accepted` is false. Without, all start at the first
            proposal.

    Returns:
        `(key, n) -> draws`, to be jitted with n static; `tries` is `steps`.

    Raises:
        ValueError: `steps` is below 1.
    """
    if steps < 1:
        raise ValueError(f"metropolis_hastings_sampler needs steps >= 1, got {steps}")
    score = score_of(generate, critic)

    def sample(key: Key, n: int) -> Draws:
        keys = prng.per_example(key, n)
        proposals, gates = prng.stream(keys, "proposal"), prng.stream(keys, "acceptance")

        def propose(number: Array) -> tuple[Array, Array, Array]:
            latents = prng.draw(try_keys(proposals, number), prior)
            drawn = prng.draw(try_keys(gates, number), jax.random.uniform)
            return latents, score(latents), jnp.log(drawn)

        def advance(number: Array, both: tuple[_Chains, _Chains]) -> tuple[_Chains, ...]:
            proposal = propose(number)
            return tuple(_move(chains, *proposal) for chains in both)

        latents, logits, drawn = propose(jnp.zeros((), jnp.int32))
        settled = tracing.varying(jnp.ones((n,), bool))
        fresh = _Chains(latents, logits, settled)
        warm = fresh
        if real_logits is not None:
            start = _Chains(latents, _starts(keys, real_logits), ~settled)
            warm = _move(start, latents, logits, drawn)
        warm, fresh = jax.lax.fori_loop(1, steps, advance, (warm, fresh))
        return Draws(
            _pick(warm.moved, warm.latents, fresh.latents),
            warm.moved,
            jnp.full((n,), steps, jnp.int32),
        )

    return sample


def _starts(keys: Key, real_logits: Array) -> Array:
    """A real example's logit for every chain, float32 (n,)."""
    index = prng.draw(
        prng.stream(keys, "start"),
        lambda key: jax.random.randint(key, (), 0, real_logits.shape[0]),
    )
    return real_logits.astype(jnp.float32)[index]


def _move(chains: _Chains, latents: Array, logits: Array, log_uniform: Array) -> _Chains:
    """One step of every chain, given a proposal and the logarithm of a uniform number."""
    accept = log_uniform < logits - chains.logits
    return _Chains(
        _pick(accept, latents, chains.latents),
        jnp.where(accept, logits, chains.logits),
        chains.moved | accept,
    )


def _pick(which: Array, yes: Array, no: Array) -> Array:
    """Rows of `yes` where `which` (n,) is true."""
    return jnp.where(which.reshape((-1,) + (1,) * (yes.ndim - 1)), yes, no)
