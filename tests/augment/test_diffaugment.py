"""DiffAugment: closed forms, distributions, independence of examples, derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.augment import diffaugment

N = 6000
MANY = jax.random.split(jax.random.key(11), N)
KEYS = MANY[:4]
RNG = np.random.default_rng(0)
IMAGES = jnp.float32(RNG.uniform(-1, 1, (4, 8, 10, 3)))
color = jax.jit(diffaugment("color"))
everything = jax.jit(diffaugment("color", "translation", "cutout"))


def assert_share(happened, share):
    """Seed 11, n = 6000, 5 standard errors."""
    bound = 5 * np.sqrt(share * (1 - share) / N)
    np.testing.assert_allclose(np.mean(happened), share, atol=bound)


def test_color_of_an_even_grey_only_adds_brightness():
    # Saturation and contrast of a constant image are the identity.
    grey = jnp.full((N, 2, 2, 3), 0.3, jnp.float32)
    added = np.float64(color(MANY, grey)) - 0.3
    np.testing.assert_allclose(
        added, added[:, :1, :1, :1] + np.zeros((1, 2, 2, 3)), atol=1e-6
    )
    added = added[:, 0, 0, 0]
    assert np.abs(added).max() <= 0.5 + 1e-6
    # Uniform on [-1/2, 1/2]: the quarters are equally likely.
    for low in (-0.5, -0.25, 0.0, 0.25):
        assert_share((added >= low) & (added < low + 0.25), 0.25)


def test_color_scales_chroma_and_contrast():
    # A 1 x 2 image: pixels (m + d) and (m - d) in luma, with chroma c along (1, -1, 0).
    pixels = np.array([[0.5, 0.1, 0.3], [-0.3, -0.7, -0.5]])
    image = jnp.broadcast_to(jnp.float32(pixels)[None, None], (N, 1, 2, 3))
    result = np.float64(color(MANY, image))[:, 0]
    luma = result.mean(axis=2)
    contrast = (luma[:, 0] - luma[:, 1]) / 0.8
    assert contrast.min() >= 0.5 - 1e-5
    assert contrast.max() <= 1.5 + 1e-5
    saturation = (result[:, 0, 0] - result[:, 0, 1]) / 0.4 / contrast
    assert saturation.min() >= -1e-4
    assert saturation.max() <= 2.0 + 1e-4
    for part in range(4):
        assert_share((contrast >= 0.5 + part / 4) & (contrast < 0.75 + part / 4), 0.25)
        assert_share((saturation >= part / 2) & (saturation < (part + 1) / 2), 0.25)
    # Chroma of both pixels is scaled alike.
    second = (result[:, 1, 0] - result[:, 1, 1]) / 0.4 / contrast
    np.testing.assert_allclose(second, saturation, atol=1e-4)


def test_translation_moves_by_up_to_an_eighth_and_brings_in_0():
    # Pixels that name their place, 1 + row + 100 (1 + column); 16 x 12: up to 2 and 2.
    rows, columns = np.arange(16)[:, None], np.arange(12)[None, :]
    image = np.float32(1 + rows + 100 * (1 + columns))[None, :, :, None]
    run = jax.jit(diffaugment("translation"))
    result = np.asarray(run(MANY, jnp.broadcast_to(jnp.float32(image), (N, 16, 12, 1))))
    result = result[..., 0]
    # The middle never leaves: from its value one reads where it came from.
    middle = result[:, 8, 6]
    down, right = 8 - (middle % 100 - 1), 6 - (middle // 100 - 1)
    for value in (-2, -1, 0, 1, 2):
        assert_share(down == value, 0.2)
        assert_share(right == value, 0.2)
    assert_share((down == 2) & (right == -2), 0.04)
    padded = np.pad(image[0, :, :, 0], 2)
    for i in range(50):
        a, b = int(2 - down[i]), int(2 - right[i])
        np.testing.assert_array_equal(result[i], padded[a : a + 16, b : b + 12])


@pytest.mark.parametrize(("side", "size", "places"), [(8, 4, 9), (5, 3, 5)])
def test_cutout_hides_a_box_of_half_the_side(side, size, places):
    # A uniform centre among `places`; the box starts size // 2 before it.
    run = jax.jit(diffaugment("cutout"))
    hidden = np.asarray(run(MANY, jnp.ones((N, side, side, 1), jnp.float32)))[..., 0] == 0.0
    rows, columns = hidden.any(axis=2), hidden.any(axis=1)
    np.testing.assert_array_equal(hidden, rows[:, :, None] & columns[:, None, :])
    for centre in range(places):
        low = centre - size // 2
        box = (np.arange(side) >= low) & (np.arange(side) < low + size)
        assert_share((rows == box).all(axis=1), 1 / places)
        assert_share((columns == box).all(axis=1), 1 / places)


def test_the_policies_run_in_the_order_given():
    # With one value per image: a grey image moved and then brightened has no 0 left.
    grey = jnp.full((4, 8, 8, 1), 0.4, jnp.float32)
    last = np.asarray(jax.jit(diffaugment("cutout", "color"))(KEYS, grey))
    first = np.asarray(jax.jit(diffaugment("color", "cutout"))(KEYS, grey))
    assert (first == 0.0).any()
    assert not (last == 0.0).any()


def test_a_permuted_batch_gives_permuted_results():
    order = np.array([2, 0, 3, 1])
    np.testing.assert_array_equal(
        everything(KEYS[order], IMAGES[order]), everything(KEYS, IMAGES)[order]
    )


def test_an_example_depends_on_itself_and_its_key_alone():
    before = everything(KEYS, IMAGES)
    other = everything(KEYS.at[1].set(jax.random.key(99)), IMAGES.at[1].multiply(0.5))
    kept = np.array([0, 2, 3])
    np.testing.assert_array_equal(before[kept], other[kept])
    assert (before[1] != other[1]).any()


def test_derivatives_agree_with_differences():
    # DiffAugment is affine in the image, so differences are exact up to rounding.
    u, v = (jnp.float32(RNG.uniform(-1, 1, IMAGES.shape)) for _ in range(2))

    @jax.jit
    def both(x):
        def value(x):
            return jnp.sum(u * diffaugment("color", "translation", "cutout")(KEYS, x))

        return jnp.sum(jax.grad(value)(x) * v), 0.5 * (value(x + v) - value(x - v))

    slope, difference = both(IMAGES)
    np.testing.assert_allclose(slope, difference, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 4])
def test_any_number_of_channels(channels):
    x = jnp.float32(RNG.uniform(-1, 1, (4, 6, 3, channels)))
    result = color(KEYS, x)
    # Per channel mean: only brightness and saturation's grey move it; of the image's mean
    # only brightness does.
    moved = result.mean(axis=(1, 2, 3)) - x.mean(axis=(1, 2, 3))
    grey = color(KEYS, jnp.zeros_like(x))[:, 0, 0, 0]
    np.testing.assert_allclose(moved, grey, atol=1e-5)


@pytest.mark.parametrize("policies", [(), ("colour",), ("color", "flip")])
def test_unknown_policies_are_refused(policies):
    with pytest.raises(ValueError, match=r"one or more of \['color', 'cutout'"):
        diffaugment(*policies)


def test_a_policy_twice_is_refused():
    with pytest.raises(ValueError, match="comes twice"):
        diffaugment("cutout", "cutout")
