"""Rejection sampling against targets whose density ratio is known."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from gan_jax import priors, prng, sampling, tracing
from gan_jax.sampling.latents import try_keys

N = 6000
KEY = jax.random.key(23)
SLOPE = 1.5


def generate(z):
    return 2.0 * z + 1.0


def critic(x):
    """Log density ratio of exp(1.5 z) on [-1, 1] to the uniform, up to a constant."""
    return SLOPE * (x[:, 0] - 1.0) / 2.0 + 7.0


@functools.cache
def drawn(percentile):
    sampler = sampling.rejection_sampler(
        priors.uniform(1), generate, critic, percentile=percentile, burn_in=60_000
    )
    return jax.device_get(jax.jit(sampler, static_argnums=1)(KEY, N))


def tilted(low, high):
    """The target's probability of [low, high]."""
    return (np.exp(SLOPE * high) - np.exp(SLOPE * low)) / (2 * np.sinh(SLOPE))


def test_without_gamma_the_target_is_met():
    # Seed 23, n = 6000, 5 standard errors.
    z = np.float64(drawn(None).latents[:, 0])
    edges = np.linspace(-1.0, 1.0, 9)
    for low, high in itertools.pairwise(edges):
        share = tilted(low, high)
        found = ((z >= low) & (z < high)).mean()
        np.testing.assert_allclose(found, share, atol=5 * np.sqrt(share * (1 - share) / N))
    mean = 1 / np.tanh(SLOPE) - 1 / SLOPE
    np.testing.assert_allclose(z.mean(), mean, atol=5 * z.std() / np.sqrt(N))


def assert_rate(draws, rate):
    """Tries are geometric: mean 1 / rate, deviation sqrt(1 - rate) / rate."""
    assert draws.accepted.all()
    bound = 5 * np.sqrt(1 - rate) / rate / np.sqrt(N)
    np.testing.assert_allclose(draws.tries.mean(), 1 / rate, atol=bound)


def test_without_gamma_the_rate_is_the_ratios_mean_over_its_maximum():
    assert_rate(drawn(None), np.sinh(SLOPE) / SLOPE / np.exp(SLOPE))


def test_the_percentile_is_gamma():
    # By quadrature over the prior: F at its 80th percentile is accepted with probability
    # 1/2. Burn-in finds the percentile to 0.5 / sqrt(60_000), which is below the bound.
    z = (np.arange(200_000) + 0.5) / 100_000 - 1.0
    below = SLOPE * (z - 1.0)
    margin = below - np.log1p(-np.exp(below - 1e-6))
    rate = (1 / (1 + np.exp(np.percentile(margin, 80.0) - margin))).mean()
    assert_rate(drawn(80.0), rate)
    accepted = np.float64(drawn(80.0).latents[:, 0])
    weights = 1 / (1 + np.exp(np.percentile(margin, 80.0) - margin))
    expected = (weights * z).sum() / weights.sum()
    np.testing.assert_allclose(
        accepted.mean(), expected, atol=5 * accepted.std() / np.sqrt(N)
    )


def test_two_dimensions():
    # Of two independent codes the second is tilted by exp(z2), the first is left.
    sampler = sampling.rejection_sampler(
        priors.uniform(2), lambda z: z, lambda x: x[:, 1], percentile=None, burn_in=60_000
    )
    z = np.float64(jax.jit(sampler, static_argnums=1)(KEY, N).latents)
    mean = [0.0, 1 / np.tanh(1.0) - 1.0]
    np.testing.assert_allclose(z.mean(0), mean, atol=5 * np.sqrt(1 / 3 / N))
    np.testing.assert_allclose(z[:, 0].var(), 1 / 3, rtol=5 / np.sqrt(N))


def small(max_tries=3):
    sampler = sampling.rejection_sampler(
        priors.uniform(1),
        lambda z: z,
        lambda x: 60.0 * x[:, 0],
        percentile=None,
        burn_in=500,
        max_tries=max_tries,
    )
    return jax.jit(sampler, static_argnums=1)


def test_who_finds_nothing_keeps_the_last_candidate():
    keys = prng.per_example(KEY, 40)
    draws = small()(keys, 40)
    lost = np.flatnonzero(~np.asarray(draws.accepted))
    # With 3 tries at a rate of 1 / 120, of 40 one expects 39 to fail.
    assert len(lost) > 30
    assert (np.asarray(draws.tries)[lost] == 3).all()
    last = prng.draw(
        try_keys(prng.stream(keys, "proposal"), jnp.int32(2)), priors.uniform(1)
    )
    np.testing.assert_array_equal(draws.latents[lost], last[lost])


def test_permuted_keys_give_permuted_draws():
    order = np.random.default_rng(0).permutation(40)
    keys, run = prng.per_example(KEY, 40), small(max_tries=20)
    draws, permuted = run(keys, 40), run(keys[order], 40)
    for before, after in zip(draws, permuted, strict=True):
        np.testing.assert_array_equal(after, before[order])


def test_shards_share_the_maximum():
    keys, mesh = (
        prng.per_example(KEY, 40),
        jax.sharding.Mesh(jax.devices()[:2], ("d",)),
    )

    def sharded(keys):
        with tracing.batch_axis("d"):
            return small(max_tries=20)(keys, 20)

    draws = jax.jit(jax.shard_map(sharded, mesh=mesh, in_specs=P("d"), out_specs=P("d")))(
        keys
    )
    expected = small(max_tries=20)(keys, 40)
    for one, other in zip(draws, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "wrong", [{"burn_in": 0}, {"max_tries": 0}, {"epsilon": 0.0}, {"percentile": 101.0}]
)
def test_bad_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        sampling.rejection_sampler(priors.uniform(1), generate, critic, **wrong)
