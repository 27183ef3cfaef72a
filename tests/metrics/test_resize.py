"""Resizing against pytorch-fid's, clean-fid's and PIL's own results."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gan_jax.metrics import resize

GOLDEN = dict(np.load(Path(__file__).parents[1] / "golden/07_cleanfid_resize.npz"))
IMAGE = GOLDEN["in/img"].astype(np.float32)[None]
TOLERANCE = 2e-3  # of 255: the originals sum in float64 and round once to float32


def test_clean_is_clean_fids():
    ours = np.asarray(jax.jit(lambda x: resize.clean(x, (299, 299)))(IMAGE))[0]
    expected = GOLDEN["out/clean_512_to_299_strided"]
    np.testing.assert_allclose(ours[::5, ::5], expected, atol=TOLERANCE)
    mean = GOLDEN["out/clean_512_to_299_mean"]
    np.testing.assert_allclose(ours.mean((0, 1), dtype=np.float64), mean, rtol=1e-5)
    small = GOLDEN["in/small"].astype(np.float32)
    ours = np.asarray(resize.clean(small, (299, 299)))
    expected = GOLDEN["out/clean_64_to_299_strided"]
    np.testing.assert_allclose(ours[:, ::9, ::9], expected, atol=TOLERANCE)
    assert (ours.min(), ours.max()) == (0.0, 255.0)


def test_legacy_is_pytorch_fids():
    ours = np.asarray(resize.legacy(IMAGE, (299, 299)))[0, ::5, ::5]
    expected = GOLDEN["out/legacy_pytorch_512_to_299_strided"]
    np.testing.assert_allclose(ours, expected, atol=TOLERANCE)


@pytest.mark.parametrize("method", ["box", "bilinear", "bicubic", "lanczos"])
def test_filters_are_pils(method):
    ours = np.asarray(resize.resize(IMAGE, (64, 64), method))[0]
    expected = GOLDEN[f"out/pil_{method}_512_to_64"]  # clipped to 0..255
    np.testing.assert_allclose(np.clip(ours, 0.0, 255.0), expected, atol=TOLERANCE)
    # Odd sizes, one side larger and one smaller.
    plane = GOLDEN["in/img"][:37, :50, 0].astype(np.float32)
    ours = np.asarray(resize.resize(plane[None, :, :, None], (61, 23), method))[0, ..., 0]
    filter_ = getattr(Image.Resampling, method.upper())
    theirs = np.asarray(Image.fromarray(plane).resize((23, 61), filter_))
    np.testing.assert_allclose(ours, theirs, atol=TOLERANCE)


@pytest.mark.parametrize("method", ["box", "bilinear", "bicubic", "lanczos", "legacy"])
def test_weights(method):
    for sizes in ((7, 3), (3, 7), (1, 5), (5, 1)):
        matrix = resize.weights(*sizes, method)
        assert matrix.shape == sizes[::-1]
        np.testing.assert_allclose(matrix.sum(1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(resize.weights(6, 6, method), np.eye(6), atol=1e-7)


def test_legacy_by_hand():
    """Doubling: a quarter of one neighbour and three of the other, edges repeated."""
    line = jnp.asarray([0.0, 4.0, 8.0], jnp.float32).reshape(1, 1, 3, 1)
    ours = np.asarray(resize.legacy(line, (1, 6))).ravel()
    np.testing.assert_allclose(ours, [0.0, 1.0, 3.0, 5.0, 7.0, 8.0], rtol=1e-6)
    # Shrinking by 2 without antialiasing still sees two pixels alone.
    wide = jnp.asarray(np.arange(8.0) ** 2, jnp.float32).reshape(1, 1, 8, 1)
    ours = np.asarray(resize.legacy(wide, (1, 2))).ravel()
    np.testing.assert_allclose(ours, [(1 + 4) / 2, (25 + 36) / 2], rtol=1e-6)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="no resizing 'cubic'; there are box, bilinear"):
        resize.weights(4, 2, "cubic")
    with pytest.raises(ValueError, match="cannot resize 4 pixels to 0"):
        resize.weights(4, 0, "box")
