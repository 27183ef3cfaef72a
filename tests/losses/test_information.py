"""Bounds on mutual information: float64, and channels of known information."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import losses


def test_categorical_codes_agree_with_float64(differences):
    rng = np.random.default_rng(0)
    logits, codes = rng.standard_normal((5, 2, 3)), rng.integers(0, 3, (5, 2))

    def reference(logits):
        odds = np.exp(logits)
        chances = odds / odds.sum(-1, keepdims=True)
        return -np.log(np.take_along_axis(chances, codes[..., None], -1)).sum((1, 2)).mean()

    value, slope = jax.jit(jax.value_and_grad(losses.categorical_code_loss))(
        jnp.float32(logits), jnp.asarray(codes)
    )
    np.testing.assert_allclose(value, reference(logits), rtol=2e-6)
    np.testing.assert_allclose(
        slope, differences(reference, logits)[0], rtol=1e-4, atol=1e-6
    )
    # One code without an axis of its own.
    single = losses.categorical_code_loss(
        jnp.float32(logits[:, :1]), jnp.array(codes[:, :1])
    )
    flat = losses.categorical_code_loss(jnp.float32(logits[:, 0]), jnp.array(codes[:, 0]))
    assert single == flat


@pytest.mark.parametrize("predicted", [True, False])
def test_gaussian_codes_agree_with_float64(predicted, differences):
    rng = np.random.default_rng(1)
    mean, codes, drawn = rng.standard_normal((3, 4, 2))
    log_variance = drawn if predicted else np.full((4, 2), -0.7)

    def reference(mean, log_variance):
        variance = np.exp(log_variance)
        density = np.exp(-((codes - mean) ** 2) / (2 * variance))
        density = density / np.sqrt(2 * np.pi * variance)
        return -np.log(density).sum(1).mean()

    def mine(mean, log_variance):
        given = log_variance if predicted else -0.7
        return losses.gaussian_code_loss(mean, jnp.float32(codes), given)

    value, slopes = jax.jit(jax.value_and_grad(mine, (0, 1)))(
        jnp.float32(mean), jnp.float32(log_variance)
    )
    np.testing.assert_allclose(value, reference(mean, log_variance), rtol=2e-6)
    numeric = differences(reference, mean, log_variance)
    np.testing.assert_allclose(slopes[0], numeric[0], rtol=1e-4, atol=1e-6)
    expected = numeric[1] if predicted else np.zeros((4, 2))
    np.testing.assert_allclose(slopes[1], expected, rtol=1e-4, atol=1e-6)


def test_bound_is_the_entropy_when_codes_are_read_off_and_nothing_when_they_are_not():
    codes = jnp.array([[0, 2], [1, 1], [2, 0]])
    entropy = losses.categorical_entropy(3, codes=2)
    np.testing.assert_allclose(entropy, 2 * np.log(3))
    sure = 100.0 * jax.nn.one_hot(codes, 3, dtype=jnp.float32)
    for logits, expected in ((sure, entropy), (jnp.zeros_like(sure), 0.0)):
        bound = losses.information_bound(
            losses.categorical_code_loss(logits, codes), entropy
        )
        np.testing.assert_allclose(bound, expected, rtol=1e-6, atol=1e-6)


def test_bound_of_a_noisy_channel_is_its_information():
    # A binary symmetric channel with error 1/4, each symbol as often as it occurs:
    # I = log 2 - h(1/4), attained by the true posterior.
    codes = jnp.array([0, 0, 0, 1, 1, 1, 1, 0])
    seen = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    posterior = np.log(np.where(seen[:, None] == np.arange(2), 0.75, 0.25))
    loss = losses.categorical_code_loss(jnp.float32(posterior), codes)
    bound = losses.information_bound(loss, losses.categorical_entropy(2))
    h = -0.75 * np.log(0.75) - 0.25 * np.log(0.25)
    np.testing.assert_allclose(bound, np.log(2) - h, rtol=1e-5)
    np.testing.assert_allclose(losses.uniform_entropy(-1.0, 1.0, codes=3), 3 * np.log(2))


def test_extreme_predictions(dtype):
    far = jnp.full((2, 1), 100.0, dtype)
    near = jnp.full((2, 1), -100.0, dtype)
    half_log = 0.5 * np.log(2 * np.pi)
    value = losses.gaussian_code_loss(far, near)
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, 20000.0 + half_log, rtol=1e-6)
    derivatives = jax.jit(jax.value_and_grad(losses.gaussian_code_loss, (0, 2)))
    for log_variance in (far, near):
        for mean in (far, near):
            value, slopes = derivatives(mean, near, log_variance)
            assert np.isfinite(value)
            assert all(np.isfinite(np.float32(s)).all() for s in slopes)
            assert all(s.dtype == dtype for s in slopes)
    # No error at all: half the log variance is left.
    value = losses.gaussian_code_loss(near, near, near)
    np.testing.assert_allclose(value, -50.0 + half_log, rtol=1e-6)
