"""Fitting and augmenting images."""

import numpy as np
import pytest

from gan_jax.data import images
from gan_jax.data.errors import DataError
from gan_jax.data.transform import RESIZES, ImageTransform, augment, fit, fit_all


def noise(*shape):
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize(
    ("resize", "size", "target", "expected"),
    [
        ("cover", (100, 200), (50, 50), (50, 100)),
        ("cover", (28, 28), (32, 32), (32, 32)),
        ("cover", (3, 7), (10, 10), (10, 23)),
        ("contain", (100, 200), (50, 50), (25, 50)),
        ("contain", (1000, 3), (10, 10), (10, 1)),
        ("stretch", (3, 7), (10, 20), (10, 20)),
        ("none", (40, 30), (20, 30), (40, 30)),
    ],
)
def test_sizes_after_scaling(resize, size, target, expected):
    assert RESIZES[resize](size, target) == expected


def test_cover_crops_the_middle():
    image = noise(8, 20, 3)
    found = fit(image, (4, 4, 3), ImageTransform())
    np.testing.assert_array_equal(found, images.resize(image, 4, 10)[:, 3:7])


def test_contain_pads_evenly_with_fill():
    image = noise(4, 8, 3)
    found = fit(image, (8, 8, 3), ImageTransform(resize="contain", fill=200))
    np.testing.assert_array_equal(found[2:6], image)
    np.testing.assert_array_equal(found[[0, 1, 6, 7]], 200)


def test_none_crops_without_resampling():
    image = noise(9, 8, 5)
    found = fit(image, (4, 6, 5), ImageTransform(resize="none"))
    np.testing.assert_array_equal(found, image[2:6, 1:7])


def test_none_refuses_small_images():
    with pytest.raises(
        DataError, match='4x8 is smaller than 5x5; choose a resize other than "none"'
    ):
        fit(noise(4, 8, 3), (5, 5, 3), ImageTransform(resize="none"))


def test_stretch_and_channels_on_a_shape_that_is_not_square():
    image = noise(9, 8, 3)
    found = fit(image, (5, 11, 1), ImageTransform(resize="stretch"))
    np.testing.assert_array_equal(found, images.resize(images.to_channels(image, 1), 5, 11))


def test_random_crop_keeps_what_is_left_after_scaling():
    image = noise(8, 20, 3)
    found = fit(image, (4, 4, 3), ImageTransform(random_crop=True))
    np.testing.assert_array_equal(found, images.resize(image, 4, 10))


def test_a_margin_is_scaled_to_and_cut_away():
    image = noise(12, 12, 3)
    transform = ImageTransform(random_crop=True, margin=2)
    fitted = fit(image, (4, 4, 3), transform)
    np.testing.assert_array_equal(fitted, images.resize(image, 6, 6))
    # Also of images that have the shape already.
    stack = noise(3, 4, 4, 3)
    larger = fit_all(stack, (4, 4, 3), transform)
    np.testing.assert_array_equal(larger[1], images.resize(stack[1], 6, 6))
    n = 900
    found = augment([fitted] * n, (4, 4, 3), transform, seed=0, stream=np.arange(n))
    places = [
        fitted[top : top + 4, left : left + 4] for top in range(3) for left in range(3)
    ]
    counts = [(found == place).all(axis=(1, 2, 3)).sum() for place in places]
    # Binomial(900, 1/9): mean 100, 5 deviations are 48.
    np.testing.assert_allclose(counts, 100, atol=48)


def test_fit_all_is_fit_of_each_and_free_when_nothing_changes():
    stack = noise(5, 8, 6, 3)
    transform = ImageTransform()
    expected = np.stack([fit(image, (4, 4, 3), transform) for image in stack])
    np.testing.assert_array_equal(fit_all(stack, (4, 4, 3), transform), expected)
    assert fit_all(stack, (8, 6, 3), transform) is stack
    assert fit_all(stack[:0], (4, 4, 3), transform).shape == (0, 4, 4, 3)


def test_flip_mirrors_about_half_of_the_places_and_nothing_else():
    image = noise(4, 5, 2)
    n = 400
    found = augment(
        [image] * n, (4, 5, 2), ImageTransform(flip=True), seed=1, stream=np.arange(n)
    )
    mirrored = (found == image[:, ::-1]).all(axis=(1, 2, 3))
    kept = (found == image).all(axis=(1, 2, 3))
    np.testing.assert_array_equal(mirrored, ~kept)
    # Binomial(400, 1/2): 5 deviations are 50.
    np.testing.assert_allclose(mirrored.sum(), 200, atol=50)


def test_random_crops_reach_every_offset_evenly():
    image = np.arange(5 * 4, dtype=np.uint8).reshape(5, 4, 1)
    n = 1200
    transform = ImageTransform(resize="none", random_crop=True)
    found = augment([image] * n, (3, 3, 1), transform, seed=0, stream=np.arange(n))
    corners, counts = np.unique(found[:, 0, 0, 0], return_counts=True)
    np.testing.assert_array_equal(corners, [0, 1, 4, 5, 8, 9])
    # Binomial(1200, 1/6): mean 200, 5 deviations are 65.
    np.testing.assert_allclose(counts, 200, atol=65)
    np.testing.assert_array_equal(
        found - found[:, :1, :1], np.tile(image[:3, :3], (n, 1, 1, 1))
    )


def test_augmentation_depends_on_seed_and_place_alone():
    image = noise(6, 6, 3)
    transform = ImageTransform(resize="none", random_crop=True, flip=True)
    places = np.array([5, 900, 2**45])
    whole = augment([image] * 1000, (4, 4, 3), transform, seed=2, stream=np.arange(1000))
    part = augment(np.stack([image] * 3), (4, 4, 3), transform, seed=2, stream=places)
    np.testing.assert_array_equal(part[:2], whole[[5, 900]])
    other = augment([image] * 1000, (4, 4, 3), transform, seed=3, stream=np.arange(1000))
    # 18 outcomes: two draws differ with probability 17/18; 5 deviations are 36.
    np.testing.assert_allclose((whole != other).any(axis=(1, 2, 3)).sum(), 944, atol=36)


def test_wrong_options_are_refused():
    with pytest.raises(DataError, match="unknown resize 'covr'; did you mean 'cover'"):
        ImageTransform(resize="covr")
    with pytest.raises(DataError, match="margin is -1; expected 0 or more"):
        ImageTransform(margin=-1)
    for unused in ({}, {"random_crop": True, "resize": "none"}):
        with pytest.raises(DataError, match="a margin of 3 pixels needs a random crop"):
            ImageTransform(margin=3, **unused)
    with pytest.raises(DataError, match="fill is 256"):
        ImageTransform(fill=256)
    with pytest.raises(TypeError):
        ImageTransform(flipp=True)
