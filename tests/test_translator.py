"""Fixed examples through the directions of a game: rows, devices, and the strips."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import parallel, prng
from gan_jax.engine import Algorithm
from gan_jax.game import Direction
from gan_jax.translator import PER_DEVICE, make_translator


def images(batch):
    return batch["image"]


def others(batch):
    return batch["second"]["image"]


WAYS = {
    "doubled": Direction("net", images, truth=others),
    "noisy": Direction("net", images),
    "other": Direction("net", others),
}


def translate(state, key, given, direction):
    """Tells the direction, the state and each image's key."""
    if direction == "doubled":
        return 2.0 * given + state
    noise = prng.draw(prng.per_example(key, len(given)), jax.random.uniform)
    return given + noise[:, None, None, None]


ALGORITHM = Algorithm(None, None, None, translate)
EXAMPLES = {
    "image": np.arange(3 * 4, dtype=np.float32).reshape(3, 2, 2, 1),
    "second": {"image": np.full((3, 2, 2, 1), -1.0, np.float32)},
}


@pytest.mark.parametrize("devices", [None, 8])
def test_rows_are_of_the_examples_in_turn(devices):
    key, state = jax.random.key(5), jnp.float32(10.0)
    mesh = None if devices is None else parallel.make_mesh(jax.devices()[:devices])
    sampler = make_translator(ALGORITHM, WAYS, key, EXAMPLES, mesh)
    assert sampler.batch == PER_DEVICE * (devices or 1)
    made, labels = sampler.draw(state, 7, 0)
    assert made.shape == (7, 3, 2, 2, 1)
    assert labels is None
    given = EXAMPLES["image"][np.arange(7) % 3]
    np.testing.assert_allclose(made[:, 0], 2.0 * given + 10.0)
    keys = prng.stream(prng.fold_rows(key, jnp.arange(7)), "noisy")
    np.testing.assert_allclose(made[:, 1], translate(state, keys, given, "noisy"))
    later, _ = sampler.draw(state, 2, 4)
    np.testing.assert_array_equal(later, made[4:6])


def test_strips_show_what_was_given_once_and_the_truth():
    sampler = make_translator(ALGORITHM, WAYS, jax.random.key(5), EXAMPLES)
    made, _ = sampler.draw(jnp.float32(0.0), 4, 0)
    strips = sampler.beside(made)
    # Given, doubled, its truth, noisy, then the other domain and what is made of it.
    assert strips.shape == (4, 2, 12, 1)
    rows = np.arange(4) % 3
    parts = np.split(strips, 6, axis=2)
    np.testing.assert_array_equal(parts[0], EXAMPLES["image"][rows])
    np.testing.assert_array_equal(parts[1], made[:, 0])
    np.testing.assert_array_equal(parts[2], EXAMPLES["second"]["image"][rows])
    np.testing.assert_array_equal(parts[3], made[:, 1])
    np.testing.assert_array_equal(parts[4], EXAMPLES["second"]["image"][rows])
    np.testing.assert_array_equal(parts[5], made[:, 2])


def test_small_and_grey_images_stand_beside_large_and_coloured_ones():
    def enlarged(state, key, given, direction):
        del state, key, direction
        return given.repeat(2, axis=1).repeat(2, axis=2).repeat(3, axis=3)

    ways = {"upscale": Direction("net", images, scale=2)}
    algorithm = Algorithm(None, None, None, enlarged)
    sampler = make_translator(algorithm, ways, jax.random.key(0), EXAMPLES)
    made, _ = sampler.draw(jnp.float32(0.0), 3, 0)
    left, right = np.split(sampler.beside(made), 2, axis=2)
    assert left.shape == (3, 4, 4, 3)
    np.testing.assert_array_equal(left, right)
