"""Latent Langevin dynamics against the exact law of the linear chain."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from gan_jax import priors, prng, sampling, tracing

N = 6000
KEY = jax.random.key(31)
MIX = np.float32([[1.0, 0.5], [0.0, 1.5]])
PULL = np.float32([0.8, -0.4])


def generate(z):
    return z @ MIX


def critic(x):
    """A log density ratio with a Gaussian target: <a, x> - 1/2 ||x||^2."""
    return x @ PULL - 0.5 * jnp.sum(jnp.square(x), axis=1)


def law(steps, step):
    """Mean and covariance of the chain from N(0, I), float64."""
    precision = np.eye(2) + np.float64(MIX) @ MIX.T
    target = np.linalg.solve(precision, np.float64(MIX) @ PULL)
    shrink = np.eye(2) - 0.5 * step * precision
    mean, covariance = np.zeros(2), np.eye(2)
    for _ in range(steps):
        mean = target + shrink @ (mean - target)
        covariance = shrink @ covariance @ shrink.T + step * np.eye(2)
    return mean, covariance


def sampler(steps, step_size):
    return jax.jit(
        sampling.langevin_sampler(
            priors.normal(2), generate, critic, steps=steps, step_size=step_size
        ),
        static_argnums=1,
    )


@pytest.mark.parametrize(("steps", "step"), [(1, 0.2), (4, 0.1), (300, 0.1)])
def test_the_chain_has_its_exact_law(steps, step):
    # Seed 31, n = 6000, 5 standard errors of the mean and of the covariance.
    draws = sampler(steps, step)(KEY, N)
    mean, covariance = law(steps, step)
    z = np.float64(draws.latents)
    spread = np.sqrt(np.diag(covariance))
    assert (np.abs(z.mean(0) - mean) < 5 * spread / np.sqrt(N)).all()
    bound = 5 * np.outer(spread, spread) * np.sqrt(2 / N)
    assert (np.abs(np.cov(z.T) - covariance) < bound).all()
    assert draws.accepted.all()
    assert (draws.tries == steps).all()


def test_small_steps_meet_the_target():
    # The law after 300 steps of 0.1 is within 10% of the target exp(-E) itself, whose
    # covariance is the inverse of I + W W'.
    mean, covariance = law(300, 0.1)
    precision = np.eye(2) + np.float64(MIX) @ MIX.T
    target = np.linalg.inv(precision)
    np.testing.assert_allclose(mean, target @ MIX @ PULL, rtol=1e-5)
    assert np.linalg.norm(covariance - target) < 0.1 * np.linalg.norm(target)


def test_another_prior():
    # Under exp(-2 ||z||^2 + z1) without a critic: N((1/4, 0), I / 4), and the chain's
    # variance is 1/4 / (1 - step).
    run = sampling.langevin_sampler(
        priors.normal(2),
        lambda z: z,
        lambda x: jnp.zeros_like(x[:, 0]),
        steps=100,
        step_size=0.1,
        log_density=lambda z: -2.0 * jnp.sum(jnp.square(z), axis=1) + z[:, 0],
    )
    z = np.float64(jax.jit(run, static_argnums=1)(KEY, N).latents)
    variance = 0.25 / 0.9
    np.testing.assert_allclose(z.mean(0), [0.25, 0.0], atol=5 * np.sqrt(variance / N))
    np.testing.assert_allclose(z.var(0), variance, rtol=5 * np.sqrt(2 / N))


def test_standard_normal_log_density():
    z = jnp.float32([[1.0, 2.0], [0.0, -3.0]])
    np.testing.assert_array_equal(sampling.standard_normal_log_density(z), [-2.5, -4.5])


def test_permuted_keys_give_permuted_draws_and_shards_shards():
    keys, order = prng.per_example(KEY, 40), np.random.default_rng(0).permutation(40)
    run = sampler(4, 0.1)
    expected = run(keys, 40).latents
    np.testing.assert_allclose(run(keys[order], 40).latents, expected[order], atol=1e-6)
    mesh = jax.sharding.Mesh(jax.devices()[:2], ("d",))

    def sharded(keys):
        with tracing.batch_axis("d"):
            return run(keys, 20).latents

    split = jax.jit(jax.shard_map(sharded, mesh=mesh, in_specs=P("d"), out_specs=P("d")))(
        keys
    )
    np.testing.assert_allclose(split, expected, atol=1e-6)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"step_size": 0.0}])
def test_bad_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match="steps >= 1 and step_size > 0"):
        sampling.langevin_sampler(priors.normal(2), generate, critic, **wrong)
