"""Pictures for the page: grids, places in them, files."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from gan_jax import pictures
from gan_jax.explorer import show

NO_POINTS = np.zeros((0, 2), np.float32)


def random_images(n, *shape):
    return np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8)


@pytest.mark.parametrize(
    ("count", "classes", "label", "columns"),
    [
        (40, 10, None, 10),
        (9, 10, None, 3),
        (40, 10, 3, 7),
        (16, None, None, 4),
        (10, None, None, 4),
        (100, 1000, None, 10),
        (50, 20, None, 8),
        (1, 1, None, 1),
    ],
)
def test_a_class_has_a_column_where_there_is_room(count, classes, label, columns):
    assert show.columns_of(count, classes, label) == columns


def test_every_place_of_a_grid_is_that_of_its_sample():
    images = random_images(10, 6, 9, 1)
    grid = show.picture_of(images, 4, NO_POINTS)
    for number in range(10):
        left, top, width, height = show.frame_of(number, images.shape[1:], 4)
        framed = grid[top : top + height, left : left + width]
        assert framed.shape == (10, 13, 1)
        np.testing.assert_array_equal(framed[2:-2, 2:-2], images[number])
        for x, y in ((left + 2, top + 2), (left + width - 3, top + height - 3)):
            assert show.place_of(x, y, images.shape[1:], 4, 10) == number
    height, width = grid.shape[:2]
    assert show.place_of(width - 1, height - 1, images.shape[1:], 4, 10) is None
    assert show.place_of(-3, -3, images.shape[1:], 4, 10) == 0


def test_points_are_plotted_over_real_ones():
    fake, real = np.zeros((1, 2), np.float32), np.array([[-1, -1], [1, 1]], np.float32)
    np.testing.assert_array_equal(
        show.picture_of(fake, 1, real), pictures.scatter(real, fake)
    )


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_png_holds_the_picture(channels):
    picture = random_images(5, 7, channels)
    url = show.data_url(show.png(picture), "image/png")
    kind, content = url.split(";base64,")
    assert kind == "data:image/png"
    decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
    np.testing.assert_array_equal(decoded.reshape(picture.shape), picture)


def test_an_animation_goes_there_and_back():
    levels = [10, 80, 150, 220]
    images = np.stack([np.full((4, 6, 1), level, np.uint8) for level in levels])
    file = Image.open(io.BytesIO(show.gif(images, NO_POINTS, 80)))
    frames = [np.asarray(f.convert("L")) for f in ImageSequence.Iterator(file)]
    assert [int(frame[0, 0]) for frame in frames] == [10, 80, 150, 220, 150, 80]
    # Enlarged by the whole number that brings six pixels nearest to 256.
    assert {frame.shape for frame in frames} == {(168, 252)}
    assert all((frame == frame[0, 0]).all() for frame in frames)
    assert file.info["duration"] == 80
    assert file.info["loop"] == 0


def test_an_animation_of_points():
    points = np.array([[0.0, 0.0], [1.0, 1.0]], np.float32)
    file = Image.open(io.BytesIO(show.gif(points, points, 50)))
    assert (file.n_frames, file.size) == (2, (480, 480))
