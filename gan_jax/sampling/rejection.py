"""Discriminator rejection sampling, Azadi et al. 2018 (arXiv 1810.06758)."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax import prng, tracing
from gan_jax.priors import Prior
from gan_jax.sampling.latents import Draws, Generate, Sampler, Score, score_of, try_keys
from gan_jax.types import Array, Critic, Key, Scalar


class _Search(NamedTuple):
    """Where the rejections stand.

    Attributes:
        draws: the latest candidates, and which of them are accepted.
        highest: float32 (), the highest logit seen.
        tries: int32 ().
    """

    draws: Draws
    highest: Scalar
    tries: Array


def rejection_sampler(
    prior: Prior,
    generate: Generate,
    critic: Critic,
    *,
    percentile: float | None = 80.0,
    burn_in: int = 10_000,
    max_tries: int = 1_000,
    epsilon: float = 1e-6,
) -> Sampler:
    """Keeps a generated sample with the probability that the discriminator gives it.

    With l = D(G(z)) and M the highest logit seen so far, candidates are accepted with
    probability sigmoid(F), F = l - M - log(1 - exp(l - M - epsilon)) - gamma (section 3.2,
    algorithm 1). For gamma = 0 that is exp(l - M): exact rejection sampling from the data's
    distribution, if l is the true logarithm of the density ratio plus any constant and M
    its maximum. gamma > 0 accepts more.

    Every sample has its own candidates, from its own key. M starts as the maximum over
    `burn_in` candidates and rises with every later one of any sample; under a mapped batch
    axis (`tracing.batch_axis`), of any shard. All rows are computed until the last is
    accepted: the work is that of the slowest sample of the batch.

    Args:
        prior: `(key) -> z`.
        generate: `(z) -> x`.
        critic: `(x) -> logits`, whose sigmoid should be calibrated; see
            `fit_logistic`.
        percentile: gamma is this percentile of F (without gamma) over the candidates of the
            burn-in, as the paper sets it per batch; None for gamma = 0.
        burn_in: candidates from which M and gamma are found, at least 1.
        max_tries: candidates per sample. Then the last is kept, with `accepted` false.
        epsilon: keeps F finite at the maximum.

    Returns:
        `(key, n) -> draws`, to be jitted with n static.

    Raises:
        ValueError: a number out of range.
    """
    if burn_in < 1 or max_tries < 1 or not epsilon > 0.0:
        raise ValueError("rejection_sampler needs burn_in, max_tries >= 1 and epsilon > 0")
    if percentile is not None and not 0.0 <= percentile <= 100.0:
        raise ValueError(f"percentile must lie in [0, 100] or be None, got {percentile}")
    score = score_of(generate, critic)

    def sample(key: Key, n: int) -> Draws:
        keys = prng.per_example(key, n)
        highest, gamma = _burn_in(keys, prior, score, burn_in, percentile, epsilon)
        proposals, gates = prng.stream(keys, "proposal"), prng.stream(keys, "acceptance")

        def advance(search: _Search) -> _Search:
            latents = prng.draw(try_keys(proposals, search.tries), prior)
            logits = score(latents)
            highest = jnp.maximum(search.highest, _maximum(logits))
            chance = jax.nn.sigmoid(_margin(logits, highest, epsilon) - gamma)
            drawn = prng.draw(try_keys(gates, search.tries), jax.random.uniform)
            return _Search(
                _replace(search.draws, latents, drawn < chance), highest, search.tries + 1
            )

        def unfinished(search: _Search) -> Array:
            return (search.tries < max_tries) & ~_everywhere(search.draws.accepted)

        start = _Search(_nothing(keys, prior), highest, jnp.zeros((), jnp.int32))
        return jax.lax.while_loop(unfinished, advance, start).draws

    return sample


def _burn_in(
    keys: Key,
    prior: Prior,
    score: Score,
    count: int,
    percentile: float | None,
    epsilon: float,
) -> tuple[Scalar, Scalar]:
    """The highest logit and gamma over `count` candidates, in slices of a batch."""
    streams = prng.stream(keys, "burn_in")
    slices = -(-count // (keys.shape[0] * tracing.batch_shards()))
    numbers = jnp.arange(slices, dtype=jnp.int32)
    logits = jax.lax.map(
        lambda number: score(prng.draw(try_keys(streams, number), prior)), numbers
    )
    everyone = tracing.gather(logits.reshape(-1))
    highest = jnp.max(everyone)
    if percentile is None:
        return highest, jnp.zeros((), jnp.float32)
    return highest, jnp.percentile(_margin(everyone, highest, epsilon), percentile)


def _margin(logits: Array, highest: Scalar, epsilon: float) -> Array:
    """F without gamma, float32 like `logits`."""
    below = logits - highest
    return below - jnp.log(-jnp.expm1(below - epsilon))


def _nothing(keys: Key, prior: Prior) -> Draws:
    """Draws before the first try."""
    n = keys.shape[0]
    shapes = jax.eval_shape(prior, jax.eval_shape(lambda k: k[0], keys))
    latents = jnp.zeros((n, *shapes.shape), shapes.dtype)
    draws = Draws(latents, jnp.zeros((n,), bool), jnp.zeros((n,), jnp.int32))
    return tracing.varying(draws)


def _replace(draws: Draws, latents: Array, accepted: Array) -> Draws:
    """New candidates where none is accepted yet."""
    still = ~draws.accepted
    rows = still.reshape((-1,) + (1,) * (latents.ndim - 1))
    return Draws(
        jnp.where(rows, latents, draws.latents),
        draws.accepted | accepted,
        draws.tries + still.astype(jnp.int32),
    )


def _maximum(logits: Array) -> Scalar:
    """Over all shards."""
    return jnp.max(tracing.gather(logits))


def _everywhere(accepted: Array) -> Array:
    """Whether every sample of every shard is accepted."""
    return jnp.all(tracing.gather(accepted))
