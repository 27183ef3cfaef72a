"""The whole pipeline: identity, independence of examples, derivatives, shapes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.augment import ada

SHAPE = (4, 8, 10, 3)
KEYS = jax.random.split(jax.random.key(7), 4)
RNG = np.random.default_rng(0)


def images(*shape):
    return jnp.float32(RNG.uniform(-1, 1, shape))


IMAGES = images(*SHAPE)


@functools.cache
def compiled(pipe):
    return jax.jit(ada(pipe))


@pytest.mark.parametrize("pipe", ["blit", "bgcfnc"])
def test_the_identity_at_p_0(pipe):
    np.testing.assert_array_equal(compiled(pipe)(KEYS, IMAGES, 0.0), IMAGES)


def test_all_examples_change_at_p_1():
    changed = compiled("bgcfnc")(KEYS, IMAGES, 1.0)
    assert (np.abs(changed - IMAGES).mean(axis=(1, 2, 3)) > 0.01).all()
    assert np.isfinite(changed).all()


def test_a_permuted_batch_gives_permuted_results():
    order = np.array([2, 0, 3, 1])
    run = compiled("bgcfnc")
    np.testing.assert_array_equal(
        run(KEYS[order], IMAGES[order], 0.7), run(KEYS, IMAGES, 0.7)[order]
    )


def test_an_example_depends_on_itself_and_its_key_alone():
    run = compiled("bgcfnc")
    before = run(KEYS, IMAGES, 0.7)
    other = run(KEYS.at[1].set(jax.random.key(99)), IMAGES.at[1].multiply(0.5), 0.7)
    kept = np.array([0, 2, 3])
    np.testing.assert_array_equal(before[kept], other[kept])
    assert (before[1] != other[1]).any()


def test_blits_only_rearrange_the_pixels_of_a_square():
    # Without the move: of 3 x 3 pixels 1/8 is rounded to 0.
    square = images(4, 3, 3, 2)
    moved = np.asarray(compiled("blit")(KEYS, square, 1.0)).reshape(4, 9, 2)
    for before, after in zip(np.asarray(square).reshape(4, 9, 2), moved, strict=True):
        np.testing.assert_array_equal(np.sort(before, axis=0), np.sort(after, axis=0))


@pytest.mark.parametrize("pipe", ["bgc", "filter"])
def test_derivatives_agree_with_differences(pipe):
    # Augmentation is affine in the image, so that Q(x) = sum(f(x)^2) is a parabola along v
    # and its differences are exact up to rounding.
    x, v = IMAGES[:2], images(2, *SHAPE[1:])

    def value(x):
        return float((np.float64(compiled(pipe)(KEYS[:2], x, 0.8)) ** 2).sum())

    @jax.jit
    def slope_and_curvature(x):
        square = jax.grad(lambda x: jnp.sum(jnp.square(ada(pipe)(KEYS[:2], x, 0.8))))
        gradient, along = jax.jvp(square, (x,), (v,))
        return jnp.sum(gradient * v), jnp.sum(along * v)

    here, ahead, behind = value(x), value(x + v), value(x - v)
    slope, curvature = slope_and_curvature(x)
    np.testing.assert_allclose(slope, 0.5 * (ahead - behind), rtol=1e-4)
    np.testing.assert_allclose(curvature, ahead + behind - 2.0 * here, rtol=1e-4)


@pytest.mark.parametrize("channels", [1, 4])
def test_any_number_of_channels(channels):
    x = images(2, 5, 4, channels)
    run = compiled("bgc")
    np.testing.assert_array_equal(run(KEYS[:2], x, 0.0), x)
    y = run(KEYS[:2], x, 1.0)
    assert y.shape == x.shape
    # Channels that are equal stay so: nothing but luma changes where there is no chroma.
    grey = jnp.broadcast_to(x[..., :1], x.shape)
    out = np.asarray(run(KEYS[:2], grey, 1.0))
    np.testing.assert_allclose(out, np.broadcast_to(out[..., :1], x.shape), atol=1e-5)


def test_an_unknown_pipe_is_refused():
    with pytest.raises(ValueError, match=r"pipe must be one of blit, geom.*got 'bcg'"):
        ada("bcg")
