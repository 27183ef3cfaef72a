"""Resampling against direct definitions."""

import jax.numpy as jnp
import numpy as np
import pytest
from jax import random

from gan_jax.nn import resample


def images(*shape):
    return random.normal(random.key(0), shape)


def test_nearest_repeats_pixels():
    x = images(2, 3, 4, 5)
    expected = np.repeat(np.repeat(x, 2, axis=1), 2, axis=2)
    np.testing.assert_array_equal(resample.upsample_nearest(x), expected)


def test_bilinear_interpolates_a_row_at_quarter_offsets():
    x = jnp.array([0.0, 4.0, 8.0]).reshape(1, 1, 3, 1)
    row = np.array([0.0, 1.0, 3.0, 5.0, 7.0, 8.0])
    np.testing.assert_allclose(
        resample.upsample_bilinear(x)[0, :, :, 0], np.stack([row, row]), rtol=1e-6
    )


def test_avg_pool_is_the_mean_of_blocks():
    x = images(2, 4, 6, 3)
    corners = [x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    np.testing.assert_allclose(resample.avg_pool(x), sum(corners) / 4, rtol=1e-5, atol=1e-6)


def test_avg_pool_names_an_odd_image():
    with pytest.raises(ValueError, match="cannot halve an image of 3 x 4"):
        resample.avg_pool(images(1, 3, 4, 1))


def test_global_pools_reduce_space():
    x = jnp.arange(12.0).reshape(1, 2, 3, 2)
    np.testing.assert_array_equal(resample.global_sum_pool(x), [[30.0, 36.0]])
    np.testing.assert_array_equal(resample.global_mean_pool(x), [[5.0, 6.0]])
