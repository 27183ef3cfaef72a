"""Bringing images to one size, and feature functions over batches."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gan_jax.metrics import features

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 40, 32, 3), dtype=np.uint8)


def fit(images, shape):
    return np.asarray(features.fit_images(jnp.asarray(images), shape))


@pytest.mark.parametrize("size", [(28, 28), (8, 5), (64, 33)])
def test_resizing_is_antialiased_bilinear(size):
    ours = fit(IMAGES, (*size, 3))
    for image, result in zip(IMAGES, ours, strict=True):
        for channel in range(3):
            plane = Image.fromarray(image[..., channel].astype(np.float32))
            expected = plane.resize(size[::-1], Image.Resampling.BILINEAR)
            np.testing.assert_allclose(
                result[..., channel] * 255.0, np.asarray(expected), atol=1e-3
            )


def test_same_size_is_only_scaled():
    np.testing.assert_allclose(fit(IMAGES, (40, 32, 3)), IMAGES / 255.0, rtol=1e-6)


def test_channels():
    grey = IMAGES.astype(np.float64) @ [0.299, 0.587, 0.114] / 255.0
    np.testing.assert_allclose(fit(IMAGES, (40, 32, 1))[..., 0], grey, rtol=1e-5)
    two, five = IMAGES[..., :2], np.concatenate([IMAGES, 255 - IMAGES[..., :2]], axis=-1)
    np.testing.assert_array_equal(fit(two, (40, 32, 1)), fit(two[..., :1], (40, 32, 1)))
    np.testing.assert_array_equal(fit(five, (40, 32, 3)), fit(IMAGES, (40, 32, 3)))
    tripled = fit(IMAGES[..., :1], (40, 32, 3))
    for channel in range(3):
        np.testing.assert_allclose(tripled[..., channel], IMAGES[..., 0] / 255.0, rtol=1e-6)


def test_batches_give_each_row_its_own_value_whatever_their_number():
    def fn(images):
        values = images.astype(jnp.float32)
        return jnp.sum(values, axis=(1, 2, 3)), values[:, 0, 0]

    run = features.batched(fn, size=2)
    for n in (1, 2, 3):
        sums, corners = run(IMAGES[:n])
        np.testing.assert_array_equal(sums, IMAGES[:n].sum(axis=(1, 2, 3)))
        np.testing.assert_array_equal(corners, IMAGES[:n, 0, 0])


def test_thumbnails():
    net = features.thumbnails(4)
    assert net.name == "pixels_4x4"
    assert net.features(IMAGES).shape == (3, 48)
    assert net.features(IMAGES[..., :1]).shape == (3, 16)
    np.testing.assert_allclose(
        net.features(IMAGES), fit(IMAGES, (4, 4, 3)).reshape(3, -1), rtol=1e-6
    )
    assert features.thumbnails(4).fingerprint != features.thumbnails(5).fingerprint


def test_bad_input_is_refused():
    net = features.thumbnails()
    with pytest.raises(ValueError, match=r"uint8 images .* got float32"):
        net.features(IMAGES.astype(np.float32))
    with pytest.raises(ValueError, match="n >= 1"):
        net.features(IMAGES[:0])
    with pytest.raises(ValueError, match="positive side"):
        features.thumbnails(0)
