"""Moves by whole pixels, against numpy's indexing."""

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.augment import pixels

IMAGE = jnp.float32(np.random.default_rng(0).uniform(-1, 1, (4, 5, 3)))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_reflect_is_numpys(size):
    padded = np.pad(np.arange(size), 12, mode="reflect")
    index = pixels.reflect(jnp.arange(-12, size + 12), size)
    np.testing.assert_array_equal(index, padded)


def test_select_is_indexing():
    rows, columns = np.array([3, 0, 0]), np.array([1, 4])
    chosen = pixels.select(IMAGE, jnp.asarray(rows), jnp.asarray(columns))
    np.testing.assert_array_equal(chosen, np.asarray(IMAGE)[rows][:, columns])


def test_select_gives_0_outside():
    chosen = pixels.select(IMAGE, jnp.array([-1, 2, 4]), jnp.array([0, 5]))
    assert (chosen[0] == 0.0).all()
    assert (chosen[2] == 0.0).all()
    assert (chosen[1, 1] == 0.0).all()
    np.testing.assert_array_equal(chosen[1, 0], IMAGE[2, 0])


def test_box_holds_its_low_end_and_not_its_high_one():
    mask = pixels.box(4, 5, jnp.array([-1, 2]), jnp.array([2, 4]))
    expected = np.zeros((4, 5, 1), bool)
    expected[0:2, 2:4] = True
    np.testing.assert_array_equal(mask, expected)
