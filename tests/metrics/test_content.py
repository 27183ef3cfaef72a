"""Frozen layers of SqueezeNet as nets of a game."""

import jax
import numpy as np
import pytest

from gan_jax.data import open_source
from gan_jax.metrics.content import CONTENT, squeezenet_layer
from gan_jax.metrics.extractors import squeezenet_activations
from gan_jax.nn.resize import downscale, upscale
from gan_jax.numerics import to_unit


@pytest.fixture(scope="module")
def photos():
    images = open_source("builtin:photos").arrays["image"]
    return to_unit(jax.numpy.asarray(images[::26]))


@pytest.fixture(scope="module")
def seen(photos):
    """Activations of photos and of their bicubic enlargements."""
    look = jax.jit(squeezenet_activations().activations)
    return [look(x) for x in (photos, upscale(downscale(photos, 4), 4))]


@pytest.mark.parametrize(
    ("place", "name"), list(enumerate(name for name in CONTENT if name != "pixels"))
)
def test_layers_are_the_activations_at_the_scale_of_pixels(place, name, photos, seen):
    net = CONTENT[name]
    params, stats = net.init(jax.random.key(0))
    found, after = jax.jit(net.apply, static_argnames="train")(
        params, stats, photos[:2], train=True
    )
    given = np.asarray(seen[0][place][:2], np.float64)
    scale = float(np.max(found) / given.max())
    np.testing.assert_allclose(found, scale * given, rtol=1e-4, atol=1e-5)
    assert stats == after == {}
    error = np.mean((np.asarray(seen[0][place]) - np.asarray(seen[1][place])) ** 2)
    small = upscale(downscale(photos, 4), 4)
    pixels = float(np.mean((np.asarray(photos) - np.asarray(small)) ** 2))
    np.testing.assert_allclose(scale**2 * error, pixels, rtol=0.25)


def test_every_key_gives_the_published_weights():
    net = squeezenet_layer("conv1")
    first, other = (net.init(jax.random.key(i))[0] for i in (0, 1))
    jax.tree.map(np.testing.assert_array_equal, first, other)
    assert first["conv1"]["kernel"].shape == (3, 3, 3, 64)


def test_grey_images_are_seen_in_three_channels():
    net = squeezenet_layer("conv1")
    params, stats = net.init(jax.random.key(0))
    grey = jax.random.uniform(jax.random.key(1), (1, 17, 17, 1), minval=-1.0)
    colours = jax.numpy.concatenate([grey] * 3, axis=-1)
    maps = [net.apply(params, stats, x, train=False)[0] for x in (grey, colours)]
    np.testing.assert_array_equal(*maps)
    assert maps[0].shape == (1, 8, 8, 64)
