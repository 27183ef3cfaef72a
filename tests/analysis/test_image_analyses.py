"""Spectra, nearest neighbours, embeddings, plots and animations."""

import sys

import numpy as np
import pytest
from PIL import Image

from gan_jax import analysis
from gan_jax.analysis.plots import COLOURS, round_values
from gan_jax.errors import UserError

DRAWS = np.random.default_rng(0)
BLUE, RED = COLOURS[:2]

# Spectra.


def test_white_noise_has_its_variance_at_every_frequency():
    noise = 0.5 * DRAWS.standard_normal((400, 16, 16, 2))
    found = analysis.radial_power(noise)
    np.testing.assert_array_equal(found.frequency, np.arange(9))
    np.testing.assert_allclose(found.power.mean(axis=0), 0.25, rtol=0.15)
    # All powers sum to the squares (Parseval); without the corners that are left out here
    # the exact statement is that of bin 0, the mean.
    means = noise.mean(axis=(1, 2))
    np.testing.assert_allclose(found.power[:, 0], 256 * np.square(means).mean(-1))


@pytest.mark.parametrize("axis", [0, 1])
def test_a_cosine_has_one_bin(axis):
    wave = 0.8 * np.cos(2.0 * np.pi * 3.0 * np.arange(16) / 16)
    image = np.broadcast_to(wave[:, None] if axis == 0 else wave[None], (16, 16))
    power = analysis.radial_power(image[None, :, :, None]).power[0]
    # |F|^2 / (H W) is a^2 H W / 4 at two of the bin's frequencies.
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(16), np.fft.fftfreq(16))) * 16
    count = np.sum(np.rint(radius) == 3)
    expected = np.zeros(9)
    expected[3] = 2 * 0.64 * 256 / 4 / count
    np.testing.assert_allclose(power, expected, atol=1e-12)


def test_uint8_and_floats_are_the_same_and_shapes_need_not_be_square():
    pixels = DRAWS.integers(0, 256, (3, 8, 12, 3), dtype=np.uint8)
    a = analysis.radial_power(pixels)
    b = analysis.radial_power(pixels / 127.5 - 1.0)
    np.testing.assert_allclose(a.power, b.power, rtol=1e-10)
    assert a.power.shape == (3, 5)
    wave = np.cos(2.0 * np.pi * 3.0 * np.arange(12) / 12)  # 2 cycles in 8 pixels
    power = analysis.radial_power(np.broadcast_to(wave, (8, 12))[None, :, :, None]).power
    assert power[0].argmax() == 2
    np.testing.assert_allclose(np.delete(power[0], 2), 0.0, atol=1e-12)
    with pytest.raises(ValueError, match="spectra need images"):
        analysis.radial_power(pixels[0])


def test_logarithmic_spectra_do_not_see_contrast():
    images = DRAWS.standard_normal((5, 8, 8, 1))
    low, high = (analysis.log_spectrum(s * images) for s in (0.1, 0.3))
    np.testing.assert_allclose(low.mean, high.mean, atol=1e-10)
    assert low.mean[0] == low.std[0] == 0.0
    np.testing.assert_array_equal(low.frequency, [1, 2, 3, 4])
    power = analysis.radial_power(images).power[:, 1:]
    decades = np.log10(power / power[:, :1])
    np.testing.assert_allclose(low.mean, decades.mean(0), atol=1e-10)
    np.testing.assert_allclose(low.std, decades.std(0), atol=1e-10)


# Neighbours.


def test_the_nearest_against_all_distances():
    queries, references = (
        DRAWS.standard_normal((5, 3, 2)),
        DRAWS.standard_normal((40, 3, 2)),
    )
    references[33] = queries[1]
    found = analysis.nearest(queries, references, 4)
    apart = np.linalg.norm((queries[:, None] - references[None]).reshape(5, 40, 6), axis=2)
    np.testing.assert_array_equal(found.index, np.argsort(apart, axis=1)[:, :4])
    np.testing.assert_allclose(found.distance, np.sort(apart, axis=1)[:, :4], rtol=1e-12)
    assert found.index[1, 0] == 33
    assert found.distance[1, 0] == 0.0


def test_pixels_do_not_overflow_and_equal_ones_keep_their_order():
    references = np.array([[[0]], [[255]], [[255]], [[10]]], np.uint8)
    found = analysis.nearest(np.array([[[250]]], np.uint8), references, 4)
    assert found.index.tolist() == [[1, 2, 3, 0]]
    np.testing.assert_allclose(found.distance, [[5, 5, 240, 250]])


def test_neighbours_that_cannot_be_found():
    with pytest.raises(ValueError, match="unlike rows"):
        analysis.nearest(np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(ValueError, match="1 <= k <= 2"):
        analysis.nearest(np.ones((2, 3)), np.ones((2, 3)), 3)


# Embeddings.


def test_tsne_keeps_clusters_apart():
    centres = 20.0 * np.eye(3, 8)
    kind = np.arange(30) % 3
    rows = centres[kind] + DRAWS.standard_normal((30, 8))
    places = analysis.embed(rows, "tsne", seed=1, neighbours=6)
    again = analysis.embed(rows, "tsne", seed=1, neighbours=6)
    np.testing.assert_array_equal(places, again)
    found = analysis.nearest(places, places, 6).index
    np.testing.assert_array_equal(kind[found], np.broadcast_to(kind[:, None], (30, 6)))
    np.testing.assert_allclose(places.mean(axis=0), 0.0, atol=1e-4)


def test_embeddings_that_cannot_be_made():
    with pytest.raises(ValueError, match="no embedding 'pca'; there are: tsne, umap"):
        analysis.embed(np.ones((9, 3)), "pca")
    with pytest.raises(ValueError, match="more than 30 rows"):
        analysis.embed(np.ones((30, 3)), "tsne", neighbours=30)


@pytest.mark.parametrize(("method", "module"), [("tsne", "sklearn"), ("umap", "umap")])
def test_libraries_that_are_missing(method, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, f"{module}.manifold", None)
    with pytest.raises(
        UserError, match=rf"{method} needs .*pip install 'gan-jax\[analysis\]"
    ):
        analysis.embed(np.ones((40, 3)), method)


# Plots.


def test_round_values():
    assert round_values(0.0, 10.0) == [0, 2, 4, 6, 8, 10]
    assert round_values(-3.1, 0.2) == [-3, -2, -1, 0]
    assert round_values(0.012, 0.049) == [0.02, 0.03, 0.04]
    assert round_values(1.0, 300.0) == [50, 100, 150, 200, 250, 300]


def near(picture, colour):
    return (np.abs(picture.astype(int) - colour) < 40).all(axis=2)


def test_a_line_is_where_it_says():
    """A rising line: where its colour is, from below left to above right."""
    x = np.linspace(0.0, 4.0, 50)
    picture = analysis.curves({"up": analysis.Curve(x, 2.0 * x)}, x_label="x", y_label="y")
    assert picture.shape == (400, 640, 3)
    rows, columns = np.nonzero(near(picture[32:], BLUE))
    # The view is 0..4 by -0.4..8.4 on 56..626 by 30..360.
    high = 32 + rows
    expected = 360 - (2.0 * (columns - 56) / 570 * 4 + 0.4) / 8.8 * 330
    np.testing.assert_allclose(high, expected, atol=3.0)
    assert columns.min() <= 58
    assert columns.max() >= 624
    with pytest.raises(ValueError, match="at least two points"):
        analysis.curves({"one": analysis.Curve(x[:1], x[:1])}, x_label="", y_label="")


def test_a_band_lies_around_its_line():
    x, zeros = np.linspace(0.0, 1.0, 5), np.zeros(5)
    line = analysis.Curve(x, zeros, np.ones(5))
    picture = analysis.curves({"flat": line}, x_label="", y_label="")
    # The view is -1.1..1.1 on 360..30: the band is 45..345, in a mixture with white.
    column = picture[:, 340].astype(int)
    tinted = column[:, 2] - column[:, 0] > 12
    rows = np.flatnonzero(tinted)
    np.testing.assert_allclose([rows.min(), rows.max()], [45, 345], atol=2)


def test_points_have_the_colours_of_their_groups():
    places = np.array([[-1.0, -1.0], [1.0, 1.0], [1.0, -1.0]])
    picture = analysis.points(places, np.array([0, 1, 1]), ["a", "b"], size=200)
    assert picture.shape == (200, 200, 3)
    body = picture[32:]
    # Two thirds of the colour on white; discs of radius 2, whose rims are blended.
    one, two = (near(body, np.array(c) * 2 / 3 + 85) for c in (BLUE, RED))
    np.testing.assert_allclose([one.sum(), two.sum()], [13, 26], atol=6)
    rows, columns = np.nonzero(one)
    assert rows.mean() > 100
    assert columns.mean() < 40
    with pytest.raises(ValueError, match="places in 1 names"):
        analysis.points(places, np.array([0, 1, 1]), ["a"])
    with pytest.raises(ValueError, match="need places"):
        analysis.points(places, np.array([0, 1]), ["a", "b"])


# Animations.


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gif_has_its_frames_and_repeats_for_ever(tmp_path, channels):
    frames = [np.full((6, 4, channels), value, np.uint8) for value in (0, 128, 255)]
    path = tmp_path / "new" / "walk.gif"
    analysis.save_gif(path, frames, milliseconds=50)
    with Image.open(path) as gif:
        assert (gif.n_frames, gif.size) == (3, (4, 6))
        assert gif.info["loop"] == 0
        for index, value in enumerate((0, 128, 255)):
            gif.seek(index)
            assert gif.info["duration"] == 50
            np.testing.assert_array_equal(np.asarray(gif.convert("L")), value)


def test_a_gif_needs_frames_of_one_shape(tmp_path):
    for frames in ([], [np.zeros((2, 2, 1), np.uint8), np.zeros((3, 2, 1), np.uint8)]):
        with pytest.raises(ValueError, match="one shape"):
            analysis.save_gif(tmp_path / "x.gif", frames)
    with pytest.raises(ValueError, match="1 or 3"):
        analysis.save_gif(tmp_path / "x.gif", [np.zeros((2, 2, 2), np.uint8)])


def test_enlarged_pixels_are_squares():
    image = np.array([[[1], [2]]], np.uint8)
    expected = [[1, 1, 2, 2], [1, 1, 2, 2]]
    np.testing.assert_array_equal(analysis.enlarged(image, 2)[..., 0], expected)
