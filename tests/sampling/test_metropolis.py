"""Metropolis-Hastings chains against a target whose density ratio is known."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from gan_jax import priors, prng, sampling, tracing

N = 6000
KEY = jax.random.key(29)
CENTRES = np.float32([[0.0, 4.0], [4.0, 0.0], [-4.0, -4.0]])
GENERATED = (0.6, 0.3, 0.1)
WANTED = np.array([0.2, 0.3, 0.5])
PRIOR = priors.gaussian_mixture(CENTRES, 0.5, GENERATED)


def critic(x):
    """Log density ratio of two mixtures with the same three modes, plus a constant."""
    distances = jnp.sum(jnp.square(x[:, None] - CENTRES[None]), axis=-1)
    ratio = jnp.float32(np.log(WANTED / GENERATED))
    return ratio[jnp.argmin(distances, axis=1)] - 3.0


@functools.cache
def chains(steps):
    sampler = sampling.metropolis_hastings_sampler(PRIOR, lambda z: z, critic, steps=steps)
    return jax.jit(sampler, static_argnums=1)


def shares(draws):
    distances = ((np.asarray(draws.latents)[:, None] - CENTRES) ** 2).sum(-1)
    return np.bincount(np.argmin(distances, axis=1), minlength=3) / N


def assert_shares(found, expected):
    """Seed 29, n = 6000, 5 standard errors."""
    bound = 5 * np.sqrt(expected * (1 - expected) / N)
    assert (np.abs(found - expected) < bound).all(), (found, expected)


@pytest.mark.parametrize("steps", [1, 3, 60])
def test_chains_have_the_distribution_after_every_number_of_steps(steps):
    # The chain over modes: propose by the generator's shares, accept by the ratio. After 60
    # steps it is the target, to (1 - 1/5)^60 = 2e-6.
    ratio = WANTED / np.array(GENERATED)
    accept = np.minimum(1.0, ratio[None, :] / ratio[:, None])
    transition = np.array(GENERATED)[None, :] * accept
    transition += np.diag(1.0 - transition.sum(axis=1))
    expected = np.array(GENERATED) @ np.linalg.matrix_power(transition, steps - 1)
    draws = chains(steps)(KEY, N)
    assert_shares(shares(draws), expected)
    if steps == 60:
        assert_shares(shares(draws), WANTED)
        rest = np.float64(draws.latents)
        rest = rest - CENTRES[np.argmin(((rest[:, None] - CENTRES) ** 2).sum(-1), axis=1)]
        np.testing.assert_allclose(rest.std(axis=0), 0.5, rtol=5 / np.sqrt(2 * N))
    assert draws.accepted.all()
    assert (draws.tries == steps).all()


def test_chains_that_start_at_real_examples():
    # From a real example of the third mode a single proposal is accepted by its ratio; who
    # stays takes the fresh chain, whose first state is that proposal.
    start = jnp.full((7,), np.log(5.0) - 3.0, jnp.bfloat16)
    sampler = sampling.metropolis_hastings_sampler(
        PRIOR, lambda z: z, critic, steps=1, real_logits=start
    )
    draws = jax.jit(sampler, static_argnums=1)(KEY, N)
    level = float(np.exp(np.float64(start[0]) + 3.0))
    moved = (np.array(GENERATED) * np.minimum(1.0, WANTED / GENERATED / level)).sum()
    found = np.asarray(draws.accepted).mean()
    np.testing.assert_allclose(found, moved, atol=5 * np.sqrt(moved * (1 - moved) / N))
    np.testing.assert_array_equal(draws.latents, chains(1)(KEY, N).latents)


def test_a_warm_start_needs_no_burn_in():
    # From real examples, in the target's own shares, any number of steps keeps the target:
    # those that moved are the target less those that never did.
    logits = jnp.float32(np.repeat(np.log(WANTED / GENERATED) - 3.0, [200, 300, 500]))
    sampler = sampling.metropolis_hastings_sampler(
        PRIOR, lambda z: z, critic, steps=6, real_logits=logits
    )
    draws = jax.jit(sampler, static_argnums=1)(KEY, N)
    ratio = WANTED / np.array(GENERATED)
    accept = np.array(GENERATED)[None, :] * np.minimum(1.0, ratio[None, :] / ratio[:, None])
    stay = np.diag(1.0 - accept.sum(axis=1))
    never = WANTED @ np.linalg.matrix_power(stay, 6)
    np.testing.assert_allclose(
        1.0 - np.mean(draws.accepted), never.sum(), atol=5 * np.sqrt(never.sum() / N)
    )
    moved = np.asarray(draws.accepted)
    distances = ((np.asarray(draws.latents)[:, None] - CENTRES) ** 2).sum(-1)
    found = np.bincount(np.argmin(distances, axis=1)[moved], minlength=3) / N
    assert_shares(found, WANTED - never)


def test_permuted_keys_give_permuted_draws():
    keys = prng.per_example(KEY, N)
    order = np.random.default_rng(0).permutation(N)
    run = chains(3)
    np.testing.assert_array_equal(run(keys[order], N).latents, run(keys, N).latents[order])


def test_shards_of_the_keys_give_shards_of_the_draws():
    keys = prng.per_example(KEY, 40)
    mesh = jax.sharding.Mesh(jax.devices()[:2], ("d",))
    sampler = sampling.metropolis_hastings_sampler(
        PRIOR, lambda z: z, critic, steps=3, real_logits=jnp.float32([-3.0, -2.0])
    )

    def sharded(keys):
        with tracing.batch_axis("d"):
            return sampler(keys, 20)

    draws = jax.jit(jax.shard_map(sharded, mesh=mesh, in_specs=P("d"), out_specs=P("d")))(
        keys
    )
    expected = jax.jit(sampler, static_argnums=1)(keys, 40)
    for one, other in zip(draws, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_bad_numbers_are_refused():
    with pytest.raises(ValueError, match="steps >= 1, got 0"):
        sampling.metropolis_hastings_sampler(PRIOR, lambda z: z, critic, steps=0)
