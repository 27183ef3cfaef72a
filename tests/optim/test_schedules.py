"""Schedules in images seen."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import optim


def test_linear_decay_in_images():
    schedule = optim.schedule_in_images(optax.linear_schedule(2e-4, 0.0, 1000, 500), 64)
    for count in (0, 5, 8, 10, 20, 24, 100):
        fraction = np.clip((64 * count - 500) / 1000, 0.0, 1.0)
        np.testing.assert_allclose(
            schedule(count), 2e-4 * (1 - fraction), rtol=1e-5, atol=1e-11
        )
        traced = jax.jit(schedule)(jnp.int32(count))
        np.testing.assert_allclose(traced, schedule(count), rtol=1e-6, atol=1e-11)


def test_players_with_several_rounds_decay_together():
    # At step 10, 5 critic rounds a step: 50 updates of the critic, 10 of the generator.
    plain = optax.cosine_decay_schedule(1.0, 5000)
    critic = optim.schedule_in_images(plain, 128, updates_per_step=5)
    generator = optim.schedule_in_images(plain, 128)
    for step in (1, 10, 30):
        expected = 0.5 * (1 + np.cos(np.pi * 128 * step / 5000))
        np.testing.assert_allclose(critic(5 * step), expected, rtol=1e-5)
        np.testing.assert_allclose(generator(step), expected, rtol=1e-5)


def test_images_beyond_int32():
    schedule = optim.schedule_in_images(lambda images: images, 2048)
    np.testing.assert_array_equal(schedule(jnp.int32(2**21)), 2.0**32)


def test_schedules_work_inside_an_optimizer():
    schedule = optim.schedule_in_images(optax.linear_schedule(1.0, 0.0, 40), 10)
    tx = optax.sgd(schedule)
    p = {"kernel": jnp.ones((4, 3)), "bias": jnp.ones((3,)), "scale": jnp.ones(())}
    state = tx.init(p)
    for rate in (1.0, 0.75, 0.5, 0.25, 0.0):
        updates, state = tx.update(jax.tree.map(jnp.ones_like, p), state, p)
        jax.tree.map(
            lambda u, r=rate: np.testing.assert_allclose(u, -r, rtol=1e-6), updates
        )


@pytest.mark.parametrize("arguments", [(0, 1.0), (-4, 1.0), (4, 0.0)])
def test_schedule_errors(arguments):
    batch_size, updates = arguments
    with pytest.raises(ValueError, match="positive batch_size and updates_per_step"):
        optim.schedule_in_images(
            optax.constant_schedule(1.0), batch_size, updates_per_step=updates
        )
