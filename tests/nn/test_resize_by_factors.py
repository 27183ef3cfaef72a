"""Bicubic resizing by whole factors is Pillow's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gan_jax.nn.resize import downscale, upscale

PLANE = np.random.default_rng(0).uniform(-1.0, 1.0, (24, 40)).astype(np.float32)


def pillows(plane, height, width):
    image = Image.fromarray(plane, mode="F")
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_smaller_images_are_pillows(factor):
    ours = jax.jit(downscale, static_argnums=1)(PLANE[None, :, :, None], factor)
    theirs = pillows(PLANE, 24 // factor, 40 // factor)
    np.testing.assert_allclose(ours[0, :, :, 0], theirs, atol=1e-5)


def test_matlabs_weights_by_hand():
    """Far from the edges: the cubic at odd eighths of two pixels on either side."""
    line = np.zeros((1, 32), np.float32)
    line[0, 12:20] = np.arange(1.0, 9.0) ** 2
    image = np.broadcast_to(line, (32, 32))[None, :, :, None]
    away = (np.arange(16) - 7.5) / 4.0
    near, far = np.abs(away) < 1.0, (np.abs(away) >= 1.0) & (np.abs(away) < 2.0)
    a = np.abs(away)
    weights = near * (1.5 * a**3 - 2.5 * a**2 + 1.0)
    weights += far * (-0.5 * a**3 + 2.5 * a**2 - 4.0 * a + 2.0)
    expected = (weights / weights.sum()) @ line[0, 6:22].astype(np.float64)
    ours = downscale(jnp.asarray(image), 4)
    np.testing.assert_allclose(ours[0, 3, 3, 0], expected, atol=1e-5)


@pytest.mark.parametrize("factor", [2, 4])
def test_larger_images_are_pillows(factor):
    ours = upscale(jnp.asarray(PLANE[None, :, :, None]), factor)
    theirs = pillows(PLANE, 24 * factor, 40 * factor)
    np.testing.assert_allclose(ours[0, :, :, 0], theirs, atol=1e-5)


def test_channels_and_images_are_apart():
    images = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
    small = downscale(images, 2)
    alone = downscale(images[1:, :, :, 2:], 2)
    np.testing.assert_allclose(small[1:, :, :, 2:], alone, atol=1e-6)
    np.testing.assert_allclose(upscale(jnp.full((1, 2, 2, 1), 0.3), 3), 0.3, atol=1e-6)


def test_sides_that_the_factor_does_not_divide_are_refused():
    with pytest.raises(ValueError, match="24 x 40 smaller by 16: both sides"):
        downscale(jnp.asarray(PLANE[None, :, :, None]), 16)
