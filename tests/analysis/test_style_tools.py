"""Layers, truncation in w, searches in w and w+, films: closed forms on tiny maps."""

from __future__ import annotations

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from gan_jax import analysis
from gan_jax.errors import UserError

DRAWS = np.random.default_rng(0)


def drawn(*shape):
    return jnp.asarray(DRAWS.standard_normal(shape), jnp.float32)


@pytest.mark.parametrize(
    ("count", "ends"),
    [(18, (4, 8)), (10, (4, 8)), (8, (3, 5)), (6, (2, 4)), (4, (1, 3)), (2, (1, 1))],
)
def test_parts_are_by_resolution_or_thirds(count, ends):
    parts = analysis.layer_parts(count)
    assert list(parts) == ["coarse", "middle", "fine"]
    assert list(parts["coarse"]) == list(range(ends[0]))
    assert list(parts["middle"]) == list(range(*ends))
    assert list(parts["fine"]) == list(range(ends[1], count))


def test_styles_are_pulled_towards_the_mean_in_some_layers():
    ws, mean = drawn(2, 4, 3), drawn(3)
    here, middle = np.asarray(ws, np.float64), np.asarray(mean, np.float64)
    pulled = analysis.truncated_styles(ws, mean, 0.7, [1, 3])
    expected = here.copy()
    expected[:, [1, 3]] = middle + 0.7 * (here[:, [1, 3]] - middle)
    np.testing.assert_allclose(pulled, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(pulled[:, [0, 2]], ws[:, [0, 2]])
    whole = analysis.truncated_styles(ws, mean, 0.0)
    np.testing.assert_allclose(whole, np.broadcast_to(middle, (2, 4, 3)), rtol=1e-6)
    with pytest.raises(ValueError, match="no layer 4: styles are of layers 0 to 3"):
        analysis.truncated_styles(ws, mean, 0.5, [4])


# Searches.


def test_autocorrelation_of_planes_by_hand():
    ones = jnp.ones((1, 32, 32))
    # Products are 1, then 4 and 16, since means of four are doubled: both ways, squared.
    both = 2.0 * (1.0 + 16.0 + 256.0)
    autocorrelation = jax.jit(analysis.noise_autocorrelation)
    np.testing.assert_allclose(autocorrelation(ones), [both])
    signs = (-1.0) ** np.arange(16)
    board = jnp.asarray(signs[:, None] * signs, jnp.float32)
    stripes = jnp.broadcast_to(board[:1], (16, 16))
    found = autocorrelation(jnp.stack([board, stripes, 0.0 * board]))
    # Neighbours are opposite, and in halves nothing is left.
    np.testing.assert_allclose(found, [2.0, 2.0, 0.0])
    np.testing.assert_allclose(autocorrelation(ones[:, :4, :4]), [2.0])


def test_centres_of_styles():
    ws = np.array([[0.0, 0.0], [2.0, 0.0], [5.0, 1.0], [5.0, 7.0]])
    centres, spread = analysis.style_centres(ws, np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(centres, [[1.0, 0.0], [5.0, 4.0]])
    # Squared distances 1, 1, 9 and 9.
    np.testing.assert_allclose(spread, np.sqrt(5.0))


def test_in_w_and_in_w_plus_the_optima_of_least_squares():
    """Images are linear in styles: two layers of one number each, four pixels."""
    maps, target = drawn(2, 4), drawn(2, 2, 1)

    def synthesis(ws):
        return (ws[:, :, 0] @ maps).reshape(-1, 2, 2, 1)

    def search(starts):
        return analysis.project(
            lambda w: synthesis(jnp.broadcast_to(w.reshape(len(w), -1, 1), (len(w), 2, 1))),
            target,
            starts,
            analysis.pixel_distance,
            jax.random.key(0),
            steps=300,
            spread=1.0,
        )

    a, b = np.asarray(maps, np.float64).T, np.asarray(target, np.float64).ravel()
    for columns, starts in ((a.sum(axis=1)[:, None], (1, 1)), (a, (1, 2, 1))):
        best, squares, _, _ = np.linalg.lstsq(columns, b)
        found = search(jnp.zeros(starts))
        assert found.latents.shape == starts
        np.testing.assert_allclose(found.losses, squares / 4.0, rtol=1e-4)
        np.testing.assert_allclose(np.ravel(found.latents), best, atol=5e-3)


def test_planes_are_searched_and_stay_noise():
    """The image is a latent, and a little of a plane that begins as blurred noise."""
    blurred = drawn(2, 8, 8)
    blurred = blurred + jnp.roll(blurred, 1, axis=1) + jnp.roll(blurred, 1, axis=2)
    assert float(jax.jit(analysis.noise_autocorrelation)(blurred).min()) > 1.0

    def generate(z, planes):
        return z[:, :, None, None] + 0.1 * planes["plane"][..., None]

    target = 0.3 + jnp.zeros((8, 8, 1))
    found = analysis.project(
        generate,
        target,
        jnp.zeros((2, 1)),
        analysis.pixel_distance,
        jax.random.key(0),
        steps=200,
        spread=1.0,
        planes={"plane": blurred},
    )
    plane = np.asarray(found.planes["plane"], np.float64)
    np.testing.assert_allclose(plane.mean(axis=(1, 2)), 0.0, atol=1e-5)
    np.testing.assert_allclose(plane.std(axis=(1, 2)), 1.0, rtol=1e-4)
    after = jax.jit(analysis.noise_autocorrelation)(found.planes["plane"])
    np.testing.assert_allclose(after, 0.0, atol=1e-3)
    # A plane of variance 1 is 0.01 away from any flat image, and losses are distances.
    np.testing.assert_allclose(found.losses, 0.01, rtol=2e-2)
    made = analysis.pixel_distance(generate(found.latents, found.planes), target)
    np.testing.assert_allclose(found.losses, made, rtol=1e-5)
    np.testing.assert_allclose(found.latents, 0.3, atol=5e-2)


class Comparing(linen.Module):
    """A network that compares the images of a batch."""

    @linen.compact
    def __call__(self, x):
        h = linen.Conv(2, (1, 1), name="conv")(x)
        return linen.Conv(1, (1, 1), name="last")(
            h - h.mean(axis=0, keepdims=True) + jnp.square(h)
        )


def test_feature_maps_are_of_one_image_at_a_time():
    images, net = drawn(4, 2, 2, 1), Comparing()
    variables = net.init(jax.random.key(0), images[:1])
    distance = analysis.layer_distance(lambda x: net.apply(variables, x))
    seen = [
        analysis.record(lambda x: net.apply(variables, x), images[i : i + 1])[1]
        for i in range(4)
    ]
    expected = np.zeros(4)
    for layer in ("conv", "last"):
        maps = np.concatenate([np.asarray(each[layer], np.float64) for each in seen])
        unit = maps / np.linalg.norm(maps, axis=-1, keepdims=True)
        expected += np.square(unit - unit[:1]).sum(axis=-1).mean(axis=(1, 2)) / 2.0
    found = jax.jit(distance)(images, images[0])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


# Films.


@pytest.mark.parametrize("channels", [1, 3])
def test_a_film_has_its_frames(tmp_path, channels):
    av = pytest.importorskip("av")
    values = np.array([40, 90, 160, 210, 120], np.uint8)
    frames = np.broadcast_to(values[:, None, None, None], (5, 33, 47, channels)).copy()
    frames[:, :16] //= 2
    path = tmp_path / "new" / "film.mp4"
    analysis.save_mp4(path, list(frames), fps=12.5)
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        assert float(stream.average_rate) == 12.5
        assert (stream.width, stream.height, stream.codec_context.name) == (48, 34, "h264")
        seen = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(seen) == 5
    for found, frame in zip(seen, frames, strict=True):
        padded = np.pad(frame, ((0, 1), (0, 1), (0, 0)), mode="edge").astype(float)
        np.testing.assert_allclose(found, padded + np.zeros(3), atol=8.0)
        np.testing.assert_allclose(found.mean(), padded.mean(), atol=2.0)


def test_a_film_needs_pictures_and_its_library(tmp_path, monkeypatch):
    pytest.importorskip("av")
    picture = np.zeros((4, 4, 3), np.uint8)
    for frames, fps, said in (
        ([], 25.0, "uint8 pictures of one shape, got none"),
        ([picture, picture[:2]], 25.0, "an MP4 file needs uint8 pictures"),
        ([picture[:, :, :2]], 25.0, "an MP4 file's pictures are"),
        ([picture], 0.0, "positive number of frames"),
    ):
        with pytest.raises(ValueError, match=said):
            analysis.save_mp4(tmp_path / "film.mp4", frames, fps=fps)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UserError, match=r"pip install 'gan-jax\[video\]'"):
        analysis.save_mp4(tmp_path / "film.mp4", [picture])
    assert not list(tmp_path.iterdir())
