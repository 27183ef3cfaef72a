"""Helpers of the losses: exact where they are plain, finite where those are not."""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.losses import arithmetic
from gan_jax.numerics import safe_sqrt


def test_bounded_exp_is_the_exponential_up_to_its_limit():
    x = np.float32([-50.0, -3.0, 0.0, 1.0, 20.0, 40.0])
    np.testing.assert_allclose(
        arithmetic.bounded_exp(jnp.asarray(x)), np.exp(np.float64(x)), rtol=4e-6
    )
    slopes = jax.vmap(jax.grad(arithmetic.bounded_exp))(jnp.asarray(x))
    np.testing.assert_allclose(slopes, np.exp(np.float64(x)), rtol=4e-6)


def test_bounded_exp_follows_its_tangent_beyond():
    top = np.exp(40.0)
    x = jnp.float32([41.0, 100.0])
    np.testing.assert_allclose(arithmetic.bounded_exp(x), [2 * top, 61 * top], rtol=4e-6)
    slopes = jax.vmap(jax.grad(arithmetic.bounded_exp))(x)
    np.testing.assert_allclose(slopes, [top, top], rtol=4e-6)
    curvature = jax.jit(jax.grad(jax.grad(arithmetic.bounded_exp)))
    np.testing.assert_allclose(curvature(jnp.float32(2.0)), np.exp(2.0), rtol=1e-6)
    assert curvature(x[1]) == 0.0


def test_safe_sqrt_is_flat_where_it_is_not_positive():
    x = jnp.float32([-1.0, 0.0, 0.25, 4.0])
    np.testing.assert_array_equal(safe_sqrt(x), [0.0, 0.0, 0.5, 2.0])
    slopes = jax.vmap(jax.grad(safe_sqrt))(x)
    np.testing.assert_allclose(slopes, [0.0, 0.0, 1.0, 0.25], rtol=1e-6)


def test_cross_entropy_agrees_with_float64():
    logits = np.random.default_rng(0).standard_normal((3, 2, 5))
    labels = np.array([[0, 4], [2, 2], [1, 3]])
    odds = np.exp(logits)
    chances = np.take_along_axis(odds, labels[..., None], -1)[..., 0] / odds.sum(-1)
    result = arithmetic.cross_entropy(jnp.float32(logits), jnp.asarray(labels))
    np.testing.assert_allclose(result, -np.log(chances), rtol=2e-6)


def test_cross_entropy_at_extreme_logits(dtype):
    logits = jnp.array([[100.0, -100.0, 0.0]] * 2, dtype)
    result = arithmetic.cross_entropy(logits, jnp.array([0, 1]))
    assert result.dtype == jnp.float32
    np.testing.assert_array_equal(result, [0.0, 200.0])
