"""Minimal filtering is convolution, exactly, and its adjoints are adjoint."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gan_jax.nn import winograd

WINDOWS = [(2, 2), (2, 3), (3, 2), (3, 3)]
TILES = (2, 3)


def small_integers(key, shape):
    """Such that all sums and halves are exact in float32."""
    return jax.random.randint(jax.random.key(key), shape, -8, 9).astype(jnp.float32)


def filtered(x, kernel):
    window = kernel.shape[:2]
    images = winograd.transform_image(x, window, TILES)
    return winograd.restore_output(
        jax.tree.map(jnp.matmul, images, winograd.transform_kernel(kernel))
    )


def operands(window):
    (kh, kw), (th, tw) = window, TILES
    x = small_integers(0, (2, 2 * th + kh - 1, 2 * tw + kw - 1, 3))
    return x, small_integers(1, (kh, kw, 3, 4))


def inner(a, b):
    """Inner product of two pytrees."""
    return sum(jax.tree.leaves(jax.tree.map(lambda *pair: float(jnp.vdot(*pair)), a, b)))


@pytest.mark.parametrize("window", WINDOWS)
def test_filtering_is_the_convolution_to_the_last_bit(window):
    x, kernel = operands(window)
    direct = lax.conv_general_dilated(
        x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_array_equal(filtered(x, kernel), direct)


@pytest.mark.parametrize("window", WINDOWS)
def test_products_are_as_few_as_the_theorem_says(window):
    grid = winograd.transform_kernel(jnp.ones((*window, 1, 1)))
    assert (len(grid), len(grid[0])) == (window[0] + 1, window[1] + 1)


@pytest.mark.parametrize("window", WINDOWS)
def test_transformations_of_gradients_are_the_adjoints(window):
    x, kernel = operands(window)
    y = small_integers(2, (2, 2 * TILES[0], 2 * TILES[1], 4))
    taps = winograd.transform_kernel(kernel)
    images = winograd.transform_image(x, window, TILES)
    products = jax.tree.map(jnp.matmul, images, taps)
    spread = winograd.transform_output(y, window, TILES)
    assert inner(spread, products) == inner(y, winograd.restore_output(products))
    like_taps = jax.tree.map(lambda tap: jnp.sign(tap) + 3.0, taps)
    assert inner(taps, like_taps) == inner(kernel, winograd.restore_kernel(like_taps))
