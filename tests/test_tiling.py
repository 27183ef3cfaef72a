"""Tiles: what is cut is put together again, and seams are nowhere."""

import numpy as np
import pytest

from gan_jax.tiling import joined, plan_cut, tiles_of

CASES = [
    ((100, 170), 48, 12, 4),
    ((31, 20), 48, 12, 4),
    ((300, 33), 64, 24, 8),
    ((49, 48), 48, 12, 1),
]


def image(shape, channels=2):
    return np.random.default_rng(0).random((*shape, channels)).astype(np.float32)


@pytest.mark.parametrize(("shape", "tile", "overlap", "multiple"), CASES)
def test_tiles_are_joined_to_what_they_were_cut_from(shape, tile, overlap, multiple):
    cut, whole = (
        plan_cut(shape, tile=tile, overlap=overlap, multiple=multiple),
        image(shape),
    )
    tiles = tiles_of(whole, cut)
    assert tiles.shape == (len(cut.places), *cut.size, 2)
    assert all(size % multiple == 0 and size <= tile for size in cut.size)
    assert all(place % multiple == 0 for places in cut.places for place in places)
    np.testing.assert_allclose(joined(tiles, cut), whole, atol=1e-6)
    larger = tiles.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(
        joined(larger, cut, 2), whole.repeat(2, axis=0).repeat(2, axis=1), atol=1e-6
    )


def test_borders_are_mirrored():
    cut = plan_cut((2, 3), tile=4, overlap=1, multiple=4)
    rows = np.arange(6.0).reshape(2, 3, 1)
    found = tiles_of(rows, cut)[0, ..., 0]
    np.testing.assert_array_equal(
        found, [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [0, 1, 2, 2]]
    )


def blurred(images):
    """Means of 5 x 5 pixels with zeros outside: wrong within 2 pixels of every border."""
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), (1, 2))
    return windows.mean(axis=(-2, -1))


def test_a_network_that_looks_no_further_than_a_third_of_the_overlap_leaves_no_seam():
    whole = image((60, 90))
    cut = plan_cut((60, 90), tile=32, overlap=9)
    found = joined(blurred(tiles_of(whole, cut)), cut)
    np.testing.assert_allclose(found, blurred(whole[None])[0], atol=1e-6)


def test_neighbours_fade_into_one_another():
    cut = plan_cut((8, 36), tile=24, overlap=9)
    assert cut.places == ((0, 0), (0, 12))
    tiles = np.stack([np.zeros((8, 24, 1)), np.ones((8, 24, 1))])
    row = joined(tiles, cut)[0, :, 0]
    np.testing.assert_array_equal(row[:15], 0.0)
    # Weights rise and fall by thirds of a third: 1/6, 3/6, 5/6, then 1.
    expected = [1 / 7, 3 / 9, 5 / 11, 6 / 11, 6 / 9, 6 / 7]
    np.testing.assert_allclose(row[15:21], expected, atol=1e-6)
    np.testing.assert_array_equal(row[21:], 1.0)


@pytest.mark.parametrize(("tile", "overlap", "multiple"), [(30, 4, 8), (32, 16, 8)])
def test_impossible_tiles_are_refused(tile, overlap, multiple):
    with pytest.raises(ValueError, match="multiples of 8 and more than twice"):
        plan_cut((50, 50), tile=tile, overlap=overlap, multiple=multiple)
