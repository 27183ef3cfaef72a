"""REINFORCE: its gradient is that of the expected reward, summed over all sequences."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.losses import batch_baseline, policy_gradient, reward_to_go

RNG = np.random.default_rng(0)
REWARDS = RNG.standard_normal((3, 4))
LOG_PROBS = -RNG.exponential(size=(3, 4))
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]])


def test_value_and_slope_agree_with_float64():
    rewards, log_probs = jnp.float32(REWARDS), jnp.float32(LOG_PROBS)
    for mask, baseline in (
        (None, 0.0),
        (MASK, 0.3),
        (MASK, REWARDS.mean(0, keepdims=True)),
    ):
        counts = np.ones((3, 4)) if mask is None else mask
        weight = (REWARDS - baseline) * counts
        given = baseline if isinstance(baseline, float) else jnp.float32(baseline)
        marks = None if mask is None else jnp.asarray(mask)

        def fn(log_probs, rewards, marks=marks, given=given):
            return policy_gradient(log_probs, rewards, marks, given)

        value, slopes = jax.jit(jax.value_and_grad(fn, (0, 1)))(log_probs, rewards)
        expected = -(LOG_PROBS * weight).sum() / 3
        np.testing.assert_allclose(value, expected, rtol=3e-6, atol=1e-6)
        np.testing.assert_allclose(slopes[0], -weight / 3, rtol=1e-5, atol=1e-7)
        # Rewards come from a discriminator that this loss must not train.
        np.testing.assert_array_equal(slopes[1], np.zeros((3, 4)))


@pytest.mark.parametrize("form", ["whole", "to_go", "baseline"])
def test_expected_gradient_is_that_of_the_expected_return(form, differences):
    # Two steps of two tokens: all 4 sequences, weighted by their probabilities.
    logits = np.array([[0.3, -0.5], [0.8, 0.1], [-0.4, 0.6]])
    sequences = np.array(list(itertools.product((0, 1), repeat=2)))
    per_token = np.array([[0.5, 1.0], [0.5, -2.0], [3.0, 0.0], [3.0, 4.0]])

    def log_probs(logits, xp):
        table = logits - xp.log(xp.exp(logits).sum(1, keepdims=True))
        first, second = sequences[:, 0], sequences[:, 1]
        return xp.stack([table[0][first], table[1 + first, second]], axis=1)

    def expected_return(logits):
        return (np.exp(log_probs(logits, np).sum(1)) * per_token.sum(1)).sum()

    chances = jnp.float32(np.exp(log_probs(logits, np).sum(1)))
    rewards = jnp.float32(per_token)
    values = reward_to_go(rewards)
    if form == "whole":
        values = jnp.broadcast_to(values[:, :1], values.shape)
    baseline = jnp.float32([[1.5, -0.5]]) if form == "baseline" else 0.0

    def loss(logits):
        steps = log_probs(logits, jnp)
        each = [
            policy_gradient(steps[i : i + 1], values[i : i + 1], None, baseline)
            for i in range(4)
        ]
        return jnp.sum(jax.lax.stop_gradient(chances) * jnp.stack(each))

    slope = jax.jit(jax.grad(loss))(jnp.float32(logits))
    (numeric,) = differences(expected_return, logits)
    np.testing.assert_allclose(slope, -numeric, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("discount", [1.0, 0.9, 0.0])
@pytest.mark.parametrize("masked", [True, False])
def test_reward_to_go_is_the_sum_of_what_follows(discount, masked):
    counted = REWARDS * MASK if masked else REWARDS
    expected = np.zeros((3, 4))
    for t in range(4):
        for s in range(t, 4):
            expected[:, t] += discount ** (s - t) * counted[:, s]
    result = reward_to_go(
        jnp.float32(REWARDS), discount, jnp.asarray(MASK) if masked else None
    )
    assert result.dtype == jnp.float32
    np.testing.assert_allclose(result, expected, rtol=2e-6, atol=1e-6)


def test_baseline_is_the_mean_over_sequences_that_are_still_there():
    expected = (REWARDS * MASK).sum(0) / MASK.sum(0)
    result = batch_baseline(jnp.float32(REWARDS), jnp.asarray(MASK))
    np.testing.assert_allclose(result, expected[None], rtol=2e-6)
    whole = batch_baseline(jnp.float32(REWARDS))
    np.testing.assert_allclose(whole, REWARDS.mean(0)[None], rtol=2e-6, atol=1e-7)
    ended = batch_baseline(jnp.float32(REWARDS), jnp.zeros((3, 4), jnp.bool_))
    np.testing.assert_array_equal(ended, np.zeros((1, 4)))


def test_shards_share_one_baseline(on_shards):
    rng = np.random.default_rng(1)
    x, rewards = (jnp.float32(rng.standard_normal((8, 3))) for _ in range(2))
    mask = jnp.asarray(np.arange(3)[None] <= rng.integers(0, 3, (8, 1)))

    def fn(w, data):
        x, rewards, mask = data
        baseline = batch_baseline(rewards, mask)
        return policy_gradient(w[None] * x, rewards, mask, baseline)

    w = jnp.float32([0.5, -1.0, 2.0])
    parts = on_shards(fn, w, (x, rewards, mask))
    whole = jax.jit(jax.value_and_grad(fn))(w, (x, rewards, mask))
    for a, b in zip(parts, whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def test_what_lies_behind_the_end_does_not_matter():
    log_probs = jnp.float32([[-1.0, -jnp.inf], [-2.0, -0.5]])
    rewards = jnp.float32([[2.0, jnp.nan], [1.0, 4.0]])
    mask = jnp.array([[True, False], [True, True]])
    value, slope = jax.jit(jax.value_and_grad(policy_gradient))(log_probs, rewards, mask)
    np.testing.assert_allclose(value, (2.0 + 2.0 + 2.0) / 2, rtol=1e-6)
    np.testing.assert_array_equal(slope, [[-1.0, 0.0], [-0.5, -2.0]])


def test_extreme_values(dtype):
    log_probs = jnp.full((2, 2), -100.0, dtype)
    rewards = jnp.full((2, 2), 100.0, dtype)
    value, slope = jax.jit(jax.value_and_grad(policy_gradient))(log_probs, rewards)
    assert value.dtype == jnp.float32
    assert value == 20000.0
    assert slope.dtype == dtype
    np.testing.assert_array_equal(np.float32(slope), np.full((2, 2), -50.0))
