"""Grids and scatter plots, pixel by pixel."""

import ml_dtypes
import numpy as np
import pytest
from PIL import Image

from gan_jax import pictures

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)


def read(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_floats_are_mapped_by_one_fixed_rule():
    values = np.array([-1.0, -0.5, 0.0, 0.5, 1.0, -7.0, 1.2, np.nan, np.inf, -np.inf])
    expected = [0, 64, 128, 191, 255, 0, 255, 0, 255, 0]
    for dtype in (np.float32, np.float64, ml_dtypes.bfloat16):
        np.testing.assert_array_equal(pictures.to_pixels(values.astype(dtype)), expected)


def test_every_pixel_value_survives_the_way_to_float_and_back():
    pixels = np.arange(256, dtype=np.uint8)
    floats = pixels.astype(np.float32) / 127.5 - 1.0
    np.testing.assert_array_equal(pictures.to_pixels(floats), pixels)


def test_an_image_looks_the_same_in_any_company():
    dim = np.full((1, 2, 2, 1), 0.1)
    alone = pictures.grid(dim, columns=1)
    company = pictures.grid(np.concatenate([dim, 9.0 * dim]), columns=1)
    np.testing.assert_array_equal(company[: alone.shape[0]], alone)


def test_layout_of_non_square_images():
    result = pictures.grid(IMAGES, columns=3, padding=2)
    assert result.shape == (2 * 6 + 2, 3 * 8 + 2, 3)
    untouched = np.full(result.shape, 255, np.uint8)
    for index, image in enumerate(IMAGES):
        top, left = 2 + 6 * (index // 3), 2 + 8 * (index % 3)
        np.testing.assert_array_equal(result[top : top + 4, left : left + 6], image)
        untouched[top : top + 4, left : left + 6] = image
    np.testing.assert_array_equal(result, untouched)


@pytest.mark.parametrize(
    ("shape", "columns", "expected"),
    [
        ((64, 8, 8, 1), None, (64, 64, 1)),
        ((64, 16, 4, 1), None, (64, 64, 1)),
        ((3, 4, 4, 3), 8, (4, 12, 3)),
        ((1, 5, 7, 4), None, (5, 7, 4)),
    ],
)
def test_columns(shape, columns, expected):
    images = np.zeros(shape, np.uint8)
    assert pictures.grid(images, columns, padding=0).shape == expected


@pytest.mark.parametrize(("channels", "shown"), [(1, 1), (2, 1), (3, 3), (4, 4), (7, 3)])
def test_channels(channels, shown):
    images = np.random.default_rng(1).integers(0, 256, (2, 3, 3, channels), dtype=np.uint8)
    result = pictures.grid(images, columns=2, padding=0)
    np.testing.assert_array_equal(result, np.concatenate(images[..., :shown], axis=1))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_files_hold_the_pixels_and_nothing_lies_beside_them(tmp_path, channels):
    image = np.random.default_rng(2).integers(0, 256, (5, 9, channels), dtype=np.uint8)
    path = tmp_path / "new" / "picture.png"
    pictures.save_png(path, np.zeros_like(image))
    pictures.save_png(path, image)
    np.testing.assert_array_equal(read(path), image[:, :, 0] if channels == 1 else image)
    assert [entry.name for entry in path.parent.iterdir()] == ["picture.png"]


def test_samples_choose_their_picture(tmp_path):
    pictures.save_samples(tmp_path / "images.png", IMAGES)
    np.testing.assert_array_equal(read(tmp_path / "images.png"), pictures.grid(IMAGES))
    real, fake = np.random.default_rng(3).standard_normal((2, 20, 2))
    pictures.save_samples(tmp_path / "points.png", fake, real=real, title="step 3")
    expected = pictures.scatter(real, fake, title="step 3")
    np.testing.assert_array_equal(read(tmp_path / "points.png"), expected)
    pictures.scatter_png(tmp_path / "same.png", real, fake, "step 3")
    np.testing.assert_array_equal(read(tmp_path / "same.png"), expected)


def reds(image):
    """Rows and columns of red pixels below the caption."""
    image = image.astype(int)
    rows, columns = np.nonzero(image[34:, :, 0] - image[34:, :, 1] > 40)
    return rows + 34, columns


def test_scatter_puts_points_where_they_belong():
    real = np.array([[-1.0, -1.0], [1.0, 1.0]])
    # View +-1.2 on a box from (12, 32) to (468, 468): x = 0.6 lies at 3/4, y = 0.6 at 1/4.
    rows, columns = reds(pictures.scatter(real, np.array([[0.6, 0.6]])))
    np.testing.assert_allclose(columns.mean(), 12 + 0.75 * 456, atol=1.0)
    np.testing.assert_allclose(rows.mean(), 32 + 0.25 * 436, atol=1.0)


def test_scatter_keeps_its_view_and_shows_strays_on_the_frame():
    real = np.array([[-1.0, -1.0], [1.0, 1.0]])
    rows, columns = reds(pictures.scatter(real, np.array([[1e9, -1e9]])))
    np.testing.assert_allclose((rows.mean(), columns.mean()), (468, 468), atol=1.0)


def test_scatter_of_nothing_finite_and_of_one_point():
    blank = pictures.scatter(np.zeros((0, 2)), np.zeros((0, 2)))
    lost = pictures.scatter(np.zeros((0, 2)), np.array([[np.nan, 0.0]]))
    assert blank.shape == lost.shape == (480, 480, 3)
    np.testing.assert_array_equal(blank[40:], lost[40:])
    assert (blank[:30] != lost[:30]).any()  # the caption counts it
    rows, columns = reds(pictures.scatter(np.zeros((0, 2)), np.full((1, 2), 7.0), size=64))
    np.testing.assert_allclose((rows.mean(), columns.mean()), (42, 32), atol=1.0)


def test_bad_input_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a grid needs images .* got \(0, 4, 6, 3\)"):
        pictures.grid(IMAGES[:0])
    with pytest.raises(ValueError, match="columns >= 1"):
        pictures.grid(IMAGES, columns=0)
    with pytest.raises(ValueError, match="uint8 or float"):
        pictures.grid(IMAGES.astype(np.int32))
    with pytest.raises(ValueError, match="a picture is uint8"):
        pictures.save_png(tmp_path / "a.png", IMAGES[0, ..., :2])
    with pytest.raises(ValueError, match=r"got \(5, 4, 6\)"):
        pictures.save_samples(tmp_path / "a.png", IMAGES[..., 0])
    with pytest.raises(ValueError, match="for points"):
        pictures.save_samples(tmp_path / "a.png", IMAGES, title="title")
    with pytest.raises(ValueError, match=r"real points must be \(n, 2\)"):
        pictures.scatter(np.zeros((3, 3)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="at least 64"):
        pictures.scatter(np.zeros((3, 2)), np.zeros((3, 2)), size=10)
    assert list(tmp_path.iterdir()) == []
