"""Sliced Wasserstein distances of patches of Laplacian pyramids."""

import numpy as np
import pytest
from scipy.signal import convolve2d
from scipy.special import gammaln

from gan_jax.metrics import laplacian
from gan_jax.metrics.laplacian import laplacian_pyramid, pyramid_distance

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 32, 64, 3)).astype(np.uint8)


def blurred(image, gain):
    """A two-dimensional binomial filter of an image whose edges are mirrored."""
    taps = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    return convolve2d(
        np.pad(image, 2, mode="reflect"), gain * np.outer(taps, taps), "valid"
    )


def test_levels_by_hand():
    x = IMAGES[:1].astype(np.float32)
    fine, coarse = laplacian_pyramid(x)
    assert (fine.shape, coarse.shape) == ((1, 32, 64, 3), (1, 16, 32, 3))
    for channel in range(3):
        image = x[0, ..., channel]
        half = blurred(image, 1.0)[::2, ::2]
        spread = np.zeros((32, 64))
        spread[::2, ::2] = half
        np.testing.assert_allclose(coarse[0, ..., channel], half, rtol=1e-5)
        expected = image - blurred(spread, 4.0)
        np.testing.assert_allclose(fine[0, ..., channel], expected, atol=1e-3)


def test_a_constant_has_no_fine_levels():
    *fine, coarse = laplacian_pyramid(np.full((2, 64, 64, 1), 7.0, np.float32))
    assert [level.shape[1] for level in fine] == [64, 32]
    for level in fine:
        np.testing.assert_allclose(level, 0.0, atol=1e-5)
    np.testing.assert_allclose(coarse, 7.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "sides"),
    [((64, 64), 3), ((16, 16), 1), ((17, 64), 1), ((32, 64), 2), ((96, 48), 2)],
)
def test_levels_end_at_sixteen_pixels_or_an_odd_side(shape, sides):
    assert len(laplacian_pyramid(np.zeros((1, *shape, 1), np.float32))) == sides


def test_patches_are_windows_of_their_image():
    x = np.arange(2 * 16 * 20 * 3, dtype=np.float32).reshape(2, 16, 20, 3)
    patches = laplacian._patches(x, 50, np.random.default_rng(0))
    assert patches.shape == (100, 7, 7, 3)
    for number, patch in enumerate(patches):
        image, corner = x[number // 50], patch[0, 0, 0]
        top, left = np.argwhere(image[..., 0] == corner)[0]
        np.testing.assert_array_equal(patch, image[top : top + 7, left : left + 7])


def test_descriptors_are_normalised_by_channel():
    x = IMAGES * np.array([1, 0.5, 0.25]) + np.array([0.0, 50.0, 9.0])
    found = laplacian._descriptors(x, 1, 20, (0, 0)).reshape(-1, 49, 3)
    np.testing.assert_allclose(found.mean(axis=(0, 1)), 0.0, atol=1e-5)
    np.testing.assert_allclose(found.std(axis=(0, 1)), 1.0, rtol=1e-5)


def test_constant_images_by_their_closed_form():
    # Normalised, values are -1 and 1 against -sqrt 2, 0 and sqrt 2 with weights 1, 2, 1;
    # a direction v of 49 sees them times the sum of its components, E|sum v| in 49-d.
    real, fake = (
        np.tile(np.reshape(values, (4, 1, 1, 1)) / 2, (1, 16, 16, 1))
        for values in ([1.0, -1.0, 1.0, -1.0], [0.5, 0.3, 0.3, 0.1])
    )
    found = pyramid_distance(real, fake, patches=2, projections=4000)
    line = (2 * (np.sqrt(2) - 1) + 2) / 4
    direction = 7 * np.exp(gammaln(24.5) - gammaln(25)) / np.sqrt(np.pi)
    error = np.sqrt((1 - direction**2) / 4000)
    np.testing.assert_allclose(found.mean, 1e3 * line * direction, atol=4e3 * line * error)
    assert found.sides == (16,)


def test_contrast_and_brightness_of_a_channel_do_not_matter():
    found = pyramid_distance(IMAGES, IMAGES, patches=40, projections=64)
    assert found.sides == (32, 16)
    np.testing.assert_allclose(found.mean, np.mean(found.distances))
    real = (IMAGES / 127.5 - 1).astype(np.float32)
    changed = real * np.array([0.5, 0.2, 1.0], np.float32) + np.float32(0.1)
    again = pyramid_distance(real, changed, patches=40, projections=64)
    np.testing.assert_allclose(again.distances, found.distances, rtol=1e-3)


def test_batches_of_images_change_nothing(monkeypatch):
    whole = pyramid_distance(IMAGES, IMAGES[::-1], patches=8, projections=16, seed=3)
    monkeypatch.setattr(laplacian, "_BATCH", 6)
    assert (
        pyramid_distance(IMAGES, IMAGES[::-1], patches=8, projections=16, seed=3) == whole
    )
    other = pyramid_distance(IMAGES, IMAGES[::-1], patches=8, projections=16, seed=4)
    assert other != whole


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"must be alike, got uint8 .* and float64"):
        pyramid_distance(IMAGES, IMAGES / 255)
    with pytest.raises(ValueError, match=r"sides >= 16 and patches >= 1, got \(12, 64\)"):
        pyramid_distance(IMAGES[:, :12], IMAGES[:, :12])
    with pytest.raises(ValueError, match="no contrast at level 0"):
        pyramid_distance(np.zeros_like(IMAGES), IMAGES)
    with pytest.raises(ValueError, match="real images must be uint8 or float"):
        pyramid_distance(IMAGES.astype(int), IMAGES)
