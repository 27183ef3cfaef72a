"""Reconstruction losses against float64 references."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import losses

REFERENCES = {
    "l1": lambda x, y: np.abs(x - y).mean(),
    "l2": lambda x, y: ((x - y) ** 2).mean(),
}


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("name", REFERENCES)
def test_distances_agree_with_float64(name, differences):
    x, y = draw(2, 3, 2), draw(2, 3, 2, seed=1)
    reference = REFERENCES[name]
    value, slopes = jax.jit(jax.value_and_grad(getattr(losses, name), (0, 1)))(
        jnp.float32(x), jnp.float32(y)
    )
    np.testing.assert_allclose(value, reference(x, y), rtol=2e-6)
    for slope, numeric in zip(slopes, differences(reference, x, y), strict=True):
        np.testing.assert_allclose(slope, numeric, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "expected"), [("l1", 200.0), ("l2", 40000.0)])
def test_distances_are_taken_in_float32(name, expected, dtype):
    x, y = jnp.full((3, 2), 100.0, dtype), jnp.full((3, 2), -100.0, dtype)
    value, slope = jax.jit(jax.value_and_grad(getattr(losses, name)))(x, y)
    assert value.dtype == jnp.float32
    assert value == expected
    assert slope.dtype == dtype


@pytest.mark.parametrize("loss", [losses.cycle_consistency, losses.identity_mapping])
def test_both_domains_count_once(loss):
    x, x_again, y, y_again = (draw(2, 3, seed=s) for s in range(4))
    arrays = [jnp.float32(a) for a in (x, x_again, y, y_again)]
    expected = np.abs(x - x_again).mean() + np.abs(y - y_again).mean()
    np.testing.assert_allclose(loss(*arrays), expected, rtol=2e-6)
    squared = ((x - x_again) ** 2).mean() + ((y - y_again) ** 2).mean()
    np.testing.assert_allclose(loss(*arrays, distance=losses.l2), squared, rtol=2e-6)
    assert loss(arrays[0], arrays[0], arrays[2], arrays[2]) == 0.0


def test_gaussian_kl_agrees_with_float64(differences):
    mean, log_variance = draw(3, 2, 2), draw(3, 2, 2, seed=1)

    def reference(mean, log_variance):
        terms = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)
        return terms.sum((1, 2)).mean()

    value, slopes = jax.jit(jax.value_and_grad(losses.gaussian_kl, (0, 1)))(
        jnp.float32(mean), jnp.float32(log_variance)
    )
    np.testing.assert_allclose(value, reference(mean, log_variance), rtol=2e-6)
    numeric = differences(reference, mean, log_variance)
    for slope, expected in zip(slopes, numeric, strict=True):
        np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-6)


def test_gaussian_kl_is_the_integral():
    # KL(N(0.5, 0.6^2) || N(0, 1)) by Gauss-Hermite quadrature.
    nodes, weights = np.polynomial.hermite_e.hermegauss(30)
    x = 0.5 + 0.6 * nodes
    log_ratio = -(nodes**2) / 2 - np.log(0.6) + x**2 / 2
    expected = (weights * log_ratio).sum() / weights.sum()
    mean, log_variance = jnp.float32([[0.5]]), jnp.float32([[2 * np.log(0.6)]])
    np.testing.assert_allclose(losses.gaussian_kl(mean, log_variance), expected, rtol=1e-5)


def test_gaussian_kl_at_extreme_codes(dtype):
    zero, up = jnp.zeros((2, 1), dtype), jnp.full((2, 1), 100.0, dtype)
    assert losses.gaussian_kl(zero, zero) == 0.0
    assert losses.gaussian_kl(up, zero) == 5000.0
    np.testing.assert_allclose(losses.gaussian_kl(zero, -up), 49.5, rtol=1e-6)
    value, slopes = jax.jit(jax.value_and_grad(losses.gaussian_kl, (0, 1)))(zero, up)
    np.testing.assert_allclose(value, 0.5 * 61 * np.exp(40.0), rtol=1e-5)
    assert all(np.isfinite(np.float32(s)).all() for s in slopes)


def features(x):
    return {
        "deep": (jnp.sum(x, axis=1), 2.0 * x),
        "edge": jnp.square(x),
        "low": x[:, :1],
    }


def parts(x, y, distance):
    pairs = [(x.sum(1), y.sum(1)), (2 * x, 2 * y), (x**2, y**2), (x[:, :1], y[:, :1])]
    return np.array([distance(a, b) for a, b in pairs])


@pytest.mark.parametrize(
    ("weights", "factors"),
    [
        (1.0, [1, 1, 1, 1]),
        (0.25, [0.25] * 4),
        ({"deep": 2.0, "edge": 0.0, "low": 0.5}, [2, 2, 0, 0.5]),
        ({"deep": (2.0, 3.0), "edge": 1.0, "low": 4.0}, [2, 3, 1, 4]),
    ],
)
@pytest.mark.parametrize("name", REFERENCES)
def test_feature_distance_weighs_the_leaves(name, weights, factors, differences):
    x, y = draw(3, 2), draw(3, 2, seed=1)

    def reference(x, y):
        return (parts(x, y, REFERENCES[name]) * factors).sum()

    between = losses.feature_distance(features, weights, getattr(losses, name))
    value, slope = jax.jit(jax.value_and_grad(between))(jnp.float32(x), jnp.float32(y))
    np.testing.assert_allclose(value, reference(x, y), rtol=3e-6)
    np.testing.assert_allclose(slope, differences(reference, x, y)[0], rtol=1e-4, atol=2e-6)


def test_feature_distance_of_a_single_layer():
    x, y = jnp.float32(draw(3, 2)), jnp.float32(draw(3, 2, seed=1))
    between = losses.feature_distance(lambda x: 3.0 * x)
    np.testing.assert_allclose(between(x, y), 9.0 * losses.l2(x, y), rtol=1e-6)
    with pytest.raises(ValueError, match="low"):
        losses.feature_distance(features, {"deep": 1.0, "edge": 1.0})(x, y)
