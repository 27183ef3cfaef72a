"""Channels as pixels."""

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.nn import pixel_shuffle


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_every_pixel_is_where_the_equation_says(factor):
    x = np.arange(2 * 3 * 4 * 2 * factor**2).reshape(2, 3, 4, -1).astype(np.float32)
    shuffled = np.asarray(pixel_shuffle(jnp.asarray(x), factor))
    assert shuffled.shape == (2, 3 * factor, 4 * factor, 2)
    for row, column, channel in np.ndindex(*shuffled.shape[1:]):
        place = channel * factor**2 + row % factor * factor + column % factor
        expected = x[:, row // factor, column // factor, place]
        np.testing.assert_array_equal(shuffled[:, row, column, channel], expected)


def test_channels_that_make_no_blocks():
    with pytest.raises(ValueError, match="by 2 needs a multiple of 4 channels, got 6"):
        pixel_shuffle(jnp.zeros((1, 2, 2, 6)), 2)
