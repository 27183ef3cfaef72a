"""Priors: moments and distributions against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from gan_jax import priors, prng

N = 6000
KEYS = jax.random.split(jax.random.key(19), N)


def draw(prior):
    """Seed 19, n = 6000; bounds below are 5 standard errors."""
    z = jax.jit(lambda: prng.draw(KEYS, prior))()
    assert z.dtype == jnp.float32
    return np.float64(z)


def assert_share(happened, share):
    bound = 5 * np.sqrt(share * (1 - share) / N)
    np.testing.assert_allclose(np.mean(happened, axis=0), share, atol=bound)


@pytest.mark.parametrize("threshold", [0.04, 0.5, 2.0])
def test_truncated_normal_is_the_truncated_distribution(threshold):
    z = draw(priors.truncated_normal(3, threshold))
    assert z.shape == (N, 3)
    assert np.abs(z).max() < threshold
    law = scipy.stats.truncnorm(-threshold, threshold)
    # Of 18,000 values; the distance of the distributions exceeds 2.2 / sqrt(n) with
    # probability 1e-4.
    distance = scipy.stats.kstest(z.reshape(-1), law.cdf).statistic
    assert distance < 2.2 / np.sqrt(z.size)
    np.testing.assert_allclose(z.std(), law.std(), rtol=5 / np.sqrt(2 * z.size))
    correlation = np.corrcoef(z.T) - np.eye(3)
    np.testing.assert_allclose(correlation, 0.0, atol=5 / np.sqrt(N))


def test_censored_normal():
    z = draw(priors.censored_normal(2))
    assert z.min() == 0.0
    assert_share(z == 0.0, 0.5)
    np.testing.assert_allclose((z**2).mean(), 0.5, atol=5 * np.sqrt(1.25 / z.size))


def test_bernoulli():
    z = draw(priors.bernoulli(2))
    assert set(np.unique(z)) == {0.0, 1.0}
    assert_share(z, 0.5)
    assert_share(z[:, 0] * z[:, 1], 0.25)


@pytest.mark.parametrize(
    ("radius", "length"), [(None, np.sqrt(5.0)), (1.0, 1.0), (0.3, 0.3)]
)
def test_hypersphere(radius, length):
    z = draw(priors.hypersphere(5, radius))
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), length, rtol=1e-5)
    # Uniform: E z = 0, E z z' = (r^2 / d) I, with variances below r^4 3 / (d (d + 2)).
    bound = 5 / np.sqrt(N)
    np.testing.assert_allclose(z.mean(0), 0.0, atol=bound * length / np.sqrt(5))
    second = z.T @ z / N / length**2
    np.testing.assert_allclose(second, np.eye(5) / 5, atol=bound * np.sqrt(3 / 35))


def test_categorical():
    z = draw(priors.categorical(3, codes=2)).reshape(N, 2, 3)
    np.testing.assert_array_equal(z.sum(axis=2), np.ones((N, 2)))
    assert set(np.unique(z)) == {0.0, 1.0}
    assert_share(z, 1 / 3)
    assert_share(z[:, 0, 1] * z[:, 1, 2], 1 / 9)


def test_categorical_probabilities_are_up_to_a_factor():
    z = draw(priors.categorical(4, (2.0, 0.0, 6.0, 2.0)))
    for index, share in enumerate((0.2, 0.0, 0.6, 0.2)):
        assert_share(z[:, index], share)


def test_gaussian_mixture():
    means = np.array([[0.0, 10.0], [10.0, 0.0], [-10.0, -10.0]])
    z = draw(priors.gaussian_mixture(means, 0.5, (1.0, 2.0, 5.0)))
    nearest = np.argmin(((z[:, None] - means) ** 2).sum(-1), axis=1)
    for index, share in enumerate((0.125, 0.25, 0.625)):
        assert_share(nearest == index, share)
    rest = z - means[nearest]
    np.testing.assert_allclose(rest.std(axis=0), 0.5, rtol=5 / np.sqrt(2 * N))
    np.testing.assert_allclose(rest.mean(axis=0), 0.0, atol=5 * 0.5 / np.sqrt(N))
    even = draw(priors.gaussian_mixture(means, 0.5))
    assert_share(np.argmin(((even[:, None] - means) ** 2).sum(-1), axis=1) == 0, 1 / 3)


def test_concatenate():
    parts = (priors.normal(4), priors.categorical(3), priors.uniform(2))
    z = priors.concatenate(*parts)(KEYS[0])
    own = [part(key) for part, key in zip(parts, jax.random.split(KEYS[0], 3), strict=True)]
    np.testing.assert_array_equal(z, jnp.concatenate(own))
    assert z.shape == (9,)


def test_equal_parts_differ():
    z = draw(priors.concatenate(priors.normal(1), priors.normal(1)))
    assert abs(np.corrcoef(z.T)[0, 1]) < 5 / np.sqrt(N)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: priors.truncated_normal(3, 0.0), "threshold > 0"),
        (lambda: priors.hypersphere(0), "radius > 0"),
        (lambda: priors.hypersphere(3, -1.0), "radius > 0"),
        (lambda: priors.categorical(3, (0.5, 0.5)), "probabilities must be 3 numbers"),
        (lambda: priors.categorical(2, (0.5, -0.5)), "probabilities must be 2 numbers"),
        (lambda: priors.gaussian_mixture([1.0, 2.0], 1.0), r"got shape \(2,\)"),
        (lambda: priors.gaussian_mixture([[1.0]], 1.0, (0.0,)), "weights must be 1"),
        (lambda: priors.concatenate(), "at least one prior"),
    ],
)
def test_bad_arguments_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
