"""Walks, arithmetic, truncation and style mixing on latents."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from gan_jax import analysis
from gan_jax.interpolation import lerp, slerp

DRAWS = np.random.default_rng(0)


def latents(n, dim=5):
    return jnp.asarray(DRAWS.standard_normal((n, dim)), jnp.float32)


@pytest.mark.parametrize("closed", [False, True])
def test_a_walk_goes_from_stop_to_stop_in_equal_steps(closed):
    stops = latents(3)
    ways = analysis.latent_walk(stops, 4, closed=closed)
    assert ways.shape == (3 if closed else 2, 4, 5)
    ends = np.roll(stops, -1, axis=0)[: len(ways)]
    np.testing.assert_array_equal(ways[:, 0], stops[: len(ways)])
    np.testing.assert_array_equal(ways[:, -1], ends)
    equal = np.broadcast_to((ends - stops[: len(ways)])[:, None] / 3, (len(ways), 3, 5))
    np.testing.assert_allclose(np.diff(ways, axis=1), equal, atol=1e-6)


def test_a_spherical_walk_between_equal_lengths_keeps_the_length():
    stops = latents(3)
    stops = 2.0 * stops / jnp.linalg.norm(stops, axis=1, keepdims=True)
    ways = analysis.latent_walk(stops, 6, between=slerp, closed=True)
    np.testing.assert_allclose(jnp.linalg.norm(ways, axis=-1), 2.0, rtol=1e-6)
    straight = analysis.latent_walk(stops, 6, between=lerp, closed=True)
    assert float(jnp.linalg.norm(straight, axis=-1).min()) < 1.99


@pytest.mark.parametrize(("stops", "steps"), [((1, 3), 4), ((3, 3), 1), ((3,), 4)])
def test_a_walk_needs_two_stops_and_steps(stops, steps):
    with pytest.raises(ValueError, match="a walk needs"):
        analysis.latent_walk(jnp.zeros(stops), steps)


def test_arithmetic_is_that_of_means():
    a, b, c = latents(3), latents(2), latents(4)
    found = analysis.latent_arithmetic(a, b, c)
    means = [np.mean(np.asarray(x, np.float64), axis=0) for x in (a, b, c)]
    np.testing.assert_allclose(found.means, means, atol=1e-6)
    np.testing.assert_allclose(found.result, means[0] - means[1] + means[2], atol=1e-6)


def test_around_begins_with_the_latent_and_stays_within_the_scale():
    z = latents(1)[0]
    near = np.asarray(analysis.around(z, jax.random.key(0), 400, 0.25))
    np.testing.assert_array_equal(near[0], z)
    noise = near[1:] - np.asarray(z)
    assert np.abs(noise).max() <= 0.25 + 1e-6
    # Uniform noise of +-s has the standard deviation s / sqrt(3).
    np.testing.assert_allclose(noise.std(), 0.25 / np.sqrt(3.0), rtol=0.05)


def test_truncated_rows_keep_every_value_at_its_quantile():
    thresholds = [0.5, 2.0, float("inf")]
    rows = np.asarray(
        analysis.truncated_latents(jax.random.key(3), 50, 4, thresholds), np.float64
    )
    quantiles = []
    for row, t in zip(rows, thresholds, strict=True):
        assert np.abs(row).max() < t
        tail = norm.cdf(-t)
        quantiles.append((norm.cdf(row) - tail) / (1.0 - 2.0 * tail))
    np.testing.assert_allclose(quantiles[0], quantiles[2], atol=1e-5)
    np.testing.assert_allclose(quantiles[1], quantiles[2], atol=1e-5)
    # The last row is the normal distribution itself, by the prior's own numbers.
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(3), jnp.arange(50))
    plain = jax.vmap(lambda key: jax.random.normal(key, (4,)))(keys)
    np.testing.assert_allclose(rows[2], plain, rtol=2e-5, atol=1e-5)


def test_truncation_needs_positive_thresholds():
    for thresholds in ([], [0.0]):
        with pytest.raises(ValueError, match="threshold"):
            analysis.truncated_latents(jax.random.key(0), 2, 3, thresholds)


def mapping(z):
    return jnp.stack([z, 10.0 * z, 100.0 * z], axis=1)


def synthesis(styles):
    return styles.sum(axis=1)[:, None, :, None]


def test_mixed_styles_come_from_the_layers_named():
    sources, others = jnp.asarray([[1.0], [2.0]]), jnp.asarray([[3.0], [5.0], [7.0]])
    images = analysis.style_mixing(mapping, synthesis, sources, others, [0, 2])
    assert images.shape == (3, 4, 1, 1, 1)
    expected = [
        [1.0, 333.0, 555.0, 777.0],
        [111.0, 313.0, 515.0, 717.0],
        [222.0, 323.0, 525.0, 727.0],
    ]
    np.testing.assert_allclose(images[..., 0, 0, 0], expected)


def test_styles_of_a_layer_that_is_not_there():
    with pytest.raises(ValueError, match="no layer 3: styles are of layers 0 to 2"):
        analysis.style_mixing(mapping, synthesis, latents(2), latents(2), [0, 3])
