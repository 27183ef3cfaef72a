"""Bringing images to one size, and feature functions over batches."""

import jax
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


def test_rows_depend_neither_on_their_number_nor_on_that_of_devices(monkeypatch):
    """Bit for bit, with products whose sums would differ under another grouping."""
    kernel = jnp.asarray(
        np.random.default_rng(1).normal(size=(40 * 32 * 3, 24)), jnp.float32
    )
    images = np.random.default_rng(2).integers(0, 256, (43, 40, 32, 3), dtype=np.uint8)

    def fn(kernel, x):
        flat = x.reshape(len(x), -1).astype(jnp.float32)
        return (jnp.tanh(flat @ kernel / 255.0),)

    assert len(jax.local_devices()) == 8
    (whole,) = features.batched(fn, 4, kernel)(images)
    expected = np.tanh(images.reshape(43, -1) @ np.asarray(kernel, np.float64) / 255.0)
    np.testing.assert_allclose(whole, expected, atol=1e-4)
    run = features.batched(fn, 4, kernel)
    for n in (1, 4, 7, 33):
        np.testing.assert_array_equal(run(images[:n])[0], whole[:n])
    for count in (1, 3):
        monkeypatch.setattr(features, "_devices", lambda: jax.devices()[:count])  # noqa: B023
        np.testing.assert_array_equal(run(images)[0], whole)
    monkeypatch.undo()
    with jax.default_device(jax.devices()[5]):
        assert features._devices() == [jax.devices()[5]]
        np.testing.assert_array_equal(run(images[:9])[0], whole[:9])


def test_thumbnails():
    net = features.thumbnails(4)
    assert (net.name, net.resize) == ("pixels_4x4", "antialiased")
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
    with pytest.raises(ValueError, match="pixels_8x8 gives features only"):
        net.logits(IMAGES)
    with pytest.raises(ValueError, match="positive side"):
        features.thumbnails(0)
