"""Instance noise: its level by images seen, independence of examples."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.augment import instance_noise

KEYS = jax.random.split(jax.random.key(17), 50)
IMAGES = jnp.float32(np.random.default_rng(0).uniform(-1, 1, (50, 8, 6, 3)))
anneal = instance_noise(optax.linear_schedule(0.4, 0.0, transition_steps=1_000_000))


@pytest.mark.parametrize(("seen", "sigma"), [(0, 0.4), (250_000, 0.3), (900_000, 0.04)])
def test_level(seen, sigma):
    # Seed 17, 7200 values, 5 standard errors.
    noise = np.float64(anneal(KEYS, IMAGES, seen)) - np.float64(IMAGES)
    np.testing.assert_allclose(noise.std(), sigma, rtol=5 / np.sqrt(2 * noise.size))
    np.testing.assert_allclose(noise.mean(), 0.0, atol=5 * sigma / np.sqrt(noise.size))


def test_nothing_is_left_at_the_end():
    np.testing.assert_array_equal(anneal(KEYS, IMAGES, jnp.int32(1_500_000)), IMAGES)


def test_an_example_depends_on_its_key_alone():
    order = np.random.default_rng(1).permutation(50)
    np.testing.assert_array_equal(
        anneal(KEYS[order], IMAGES[order], 0), anneal(KEYS, IMAGES, 0)[order]
    )


def test_the_noise_is_the_levels_times_the_same_draw():
    first = anneal(KEYS, jnp.zeros_like(IMAGES), 0)
    later = anneal(KEYS, jnp.zeros_like(IMAGES), 500_000)
    np.testing.assert_allclose(later, 0.5 * first, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda x: anneal(KEYS, x, 0).sum())(IMAGES), 1.0)
