"""Colour, bands, noise and cutout: closed forms and statistics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import prng
from gan_jax.augment import pointwise

N = 6000
KEYS = jax.random.split(jax.random.key(5), N)
ERROR = 5 / np.sqrt(2 * N)
"""Seed 5, n = 6000: 5 standard errors of a deviation, as a part of it."""


def assert_share(happened, share):
    """Seed 5, n = 6000, 5 standard errors."""
    bound = 5 * np.sqrt(share * (1 - share) / N)
    np.testing.assert_allclose(np.mean(happened), share, atol=bound)


# Colour matrices ----------------------------------------------------------------------


def test_a_third_of_a_turn_of_hue_permutes_the_channels():
    third = pointwise.hue(3, jnp.float32(2 * np.pi / 3))
    np.testing.assert_allclose(third @ jnp.float32([1, 2, 3]), [3, 1, 2], atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 6])
def test_hue_is_a_turn_that_keeps_luma(channels):
    turn = np.float64(pointwise.hue(channels, jnp.float32(0.7)))
    np.testing.assert_allclose(turn @ turn.T, np.eye(channels), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(turn), 1.0, atol=1e-6)
    np.testing.assert_allclose(turn @ np.ones(channels), np.ones(channels), atol=1e-6)
    planes = (channels - 1) // 2
    rest = channels - 2 * planes
    np.testing.assert_allclose(np.trace(turn), rest + 2 * planes * np.cos(0.7), rtol=1e-5)
    again = np.float64(pointwise.hue(channels, jnp.float32(1.4)))
    np.testing.assert_allclose(turn @ turn, again, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_saturation_and_luma_flip(channels):
    pixel = jnp.float32(np.random.default_rng(0).uniform(-1, 1, channels))
    luma = np.full(channels, np.float64(pixel).mean())
    more = pointwise.saturation(channels, jnp.float32(1.8)) @ pixel
    np.testing.assert_allclose(more, luma + 1.8 * (pixel - luma), atol=1e-6)
    flipped = pointwise.luma_flip(channels, jnp.float32(1.0)) @ pixel
    np.testing.assert_allclose(flipped, pixel - 2 * luma, atol=1e-6)
    same = pointwise.luma_flip(channels, jnp.float32(0.0))
    np.testing.assert_array_equal(same, np.eye(channels))
    np.testing.assert_array_equal(
        pointwise.saturation(channels, jnp.float32(1.0)), np.eye(channels)
    )


def test_saturation_of_grey_is_the_identity():
    grey = jnp.full((3,), 0.4, jnp.float32)
    np.testing.assert_allclose(pointwise.saturation(3, jnp.float32(7.0)) @ grey, grey)


@pytest.fixture(scope="module")
def colors():
    @jax.jit
    def draw(p):
        return prng.draw(KEYS, lambda k: pointwise.draw_color(k, 3, p))

    return {p: jax.tree.map(np.float64, draw(jnp.float32(p))) for p in (0.0, 0.3, 1.0)}


def test_colors_have_the_papers_probabilities(colors):
    offset, linear = colors[0.3]
    assert_share(offset != 0.0, 0.3)
    # Contrast, hue and saturation with probability p, a flip with p / 2.
    assert_share((linear == np.eye(3)).all(axis=(1, 2)), 0.7**3 * 0.85)
    offset, linear = colors[0.0]
    assert not offset.any()
    assert (linear == np.eye(3)).all()


def test_colors_have_the_papers_ranges(colors):
    offset, linear = colors[1.0]
    np.testing.assert_allclose(offset.std(), 0.2, rtol=ERROR)
    # White goes to +-contrast times white; what is not luma is scaled by contrast and
    # saturation, and turned.
    white = (linear @ np.ones(3))[:, 0]
    assert_share(white < 0.0, 0.5)
    np.testing.assert_allclose(np.log2(np.abs(white)).std(), 0.5, rtol=ERROR)
    a, b = np.array([1, -1, 0]) / np.sqrt(2), np.array([1, 1, -2]) / np.sqrt(6)
    along, across = linear @ a @ a, linear @ a @ b
    factor = np.hypot(along, across) / np.abs(white)
    np.testing.assert_allclose(np.log2(factor).std(), 1.0, rtol=ERROR)
    for harmonic in (1, 2):
        turn = np.exp(1j * harmonic * np.arctan2(across, along)).mean()
        assert abs(turn) < 5 / np.sqrt(N)


def test_color_changes_every_pixel_by_the_drawn_map():
    rng = np.random.default_rng(1)
    for channels in (1, 3, 4):
        image = jnp.float32(rng.uniform(-1, 1, (2, 3, channels)))
        offset, linear = pointwise.draw_color(KEYS[0], channels, jnp.float32(1.0))
        expected = (np.float64(image) + float(offset)) @ np.float64(linear).T
        changed = pointwise.color(KEYS[0], image, jnp.float32(1.0))
        np.testing.assert_allclose(changed, expected, rtol=1e-5, atol=1e-5)


def test_color_of_one_channel_is_brightness_contrast_and_inversion():
    draw = jax.jit(
        lambda p: prng.draw(KEYS, lambda k: pointwise.draw_color(k, 1, p)[1]),
    )
    factor = np.float64(draw(jnp.float32(1.0)))[:, 0, 0]
    assert_share(factor < 0.0, 0.5)
    np.testing.assert_allclose(np.log2(np.abs(factor)).std(), 0.5, rtol=ERROR)


# Bands --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gains():
    draw = jax.jit(lambda p: prng.draw(KEYS, lambda k: pointwise.draw_gains(k, p)))
    return {p: np.float64(draw(jnp.float32(p))) for p in (0.0, 0.3, 1.0)}


def test_gains(gains):
    assert (gains[0.0] == 1.0).all()
    assert_share((gains[0.3] == 1.0).all(axis=1), 0.7**4)
    # One band changed: the others are equal, and the expected power of a photograph stays.
    for band in range(4):
        others = np.delete(gains[0.3], band, axis=1)
        alone = (np.ptp(others, axis=1) == 0.0) & (gains[0.3][:, band] != others[:, 0])
        assert alone.sum() > 100
        power = (np.array(pointwise.POWER) * gains[0.3][alone] ** 2).sum(axis=1)
        np.testing.assert_allclose(power, 1.0, rtol=1e-5)
    # The ratio of two gains is that of two log-normal factors of 1 octave.
    ratio = np.log2(gains[1.0][:, 0] / gains[1.0][:, 3])
    np.testing.assert_allclose(ratio.std(), np.sqrt(2.0), rtol=ERROR)


def test_band_filter_scales_a_constant_by_the_lowest_gain_of_both_axes():
    image = jnp.full((4, 6, 2), 0.5, jnp.float32)
    gain = float(pointwise.draw_gains(KEYS[0], jnp.float32(1.0))[0])
    filtered = pointwise.band_filter(KEYS[0], image, jnp.float32(1.0))
    np.testing.assert_allclose(filtered, 0.5 * gain**2, rtol=1e-5)


# Noise and cutout ---------------------------------------------------------------------


def test_noise():
    image = jnp.full((3, 4, 2), 0.25, jnp.float32)
    many = jax.jit(lambda p: jax.vmap(lambda k: pointwise.noise(k, image, p))(KEYS))
    np.testing.assert_array_equal(many(jnp.float32(0.0)), jnp.full((N, 3, 4, 2), 0.25))
    difference = np.float64(many(jnp.float32(0.4))) - 0.25
    changed = difference.any(axis=(1, 2, 3))
    assert_share(changed, 0.4)
    # E s^2 n^2 = 0.01, with variance (3 * 3 - 1) 1e-4 between images of many values; here
    # of 24, so that Var = (3 (2 / 24 + 1) - 1) 1e-4.
    power = (difference[changed] ** 2).mean(axis=(1, 2, 3))
    deviation = np.sqrt(3 * (2 / 24 + 1) - 1) * 0.01
    bound = 5 * deviation / np.sqrt(changed.sum())
    np.testing.assert_allclose(power.mean(), 0.01, atol=bound)


def test_cutout():
    image = jnp.full((8, 4, 1), 0.25, jnp.float32)
    many = jax.jit(lambda p: jax.vmap(lambda k: pointwise.cutout(k, image, p))(KEYS))
    np.testing.assert_array_equal(many(jnp.float32(0.0)), jnp.full((N, 8, 4, 1), 0.25))
    result = np.asarray(many(jnp.float32(0.4)))[..., 0]
    assert set(np.unique(result)) == {0.0, 0.25}
    hidden = result == 0.0
    np.testing.assert_array_equal(
        hidden, hidden.any(axis=2)[:, :, None] & hidden.any(axis=1)[:, None, :]
    )
    # A pixel's row is hidden where its middle lies within 1/4 of a uniform centre.
    middles = (np.arange(8) + 0.5) / 8
    rows = np.minimum(middles + 0.25, 1.0) - np.maximum(middles - 0.25, 0.0)
    columns = rows.reshape(4, 2).mean(axis=1)
    columns = [0.375, 0.5, 0.5, 0.375]
    for i, j in [(0, 0), (3, 1), (7, 2), (1, 3)]:
        assert_share(hidden[:, i, j], 0.4 * rows[i] * columns[j])
