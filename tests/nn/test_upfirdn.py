"""Resampling by filters: the published reference, float64 by hand, any derivative."""

import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import tracing
from gan_jax.nn.lowpass import lowpass_downsample, lowpass_upsample
from gan_jax.nn.upfirdn import (
    BINOMIAL,
    downsample2d,
    filtered_conv_downsample,
    filtered_upsample_conv,
    upfirdn2d,
    upsample2d,
)

FILE = Path(__file__).parents[1] / "golden" / "03_sg2_upfirdn2d.npz"
with np.load(FILE, allow_pickle=False) as file:
    GOLDEN = {name: file[name] for name in file.files}
META = json.loads(str(GOLDEN["meta"]))
X = GOLDEN["in/x"].transpose(0, 2, 3, 1)
KEY = jax.random.key(0)
TAPS = ((1, 2, 3, 5), (1, 3, 3, 1))
"""Two filters of the plane are their outer product."""


def relative(ours, theirs, tolerance=2e-6):
    assert ours.shape == theirs.shape
    error = np.abs(np.asarray(ours, np.float64) - theirs).max()
    assert error <= tolerance * np.abs(theirs).max()


def vertical_first(value):
    """The reference's [x, y] as our (vertical, horizontal)."""
    return value if isinstance(value, int) else (value[1], value[0])


@pytest.mark.parametrize("taps", ["f2d", "f1d", "none"])
@pytest.mark.parametrize("case", META["cases"])
def test_the_published_reference(taps, case):
    options = dict(META["cases"][case])
    padding = options.pop("padding", 0)
    left, right, top, bottom = [padding] * 4 if isinstance(padding, int) else padding
    ours = upfirdn2d(
        X,
        [1.0] if taps == "none" else GOLDEN[f"in/{taps}"],
        up=vertical_first(options.get("up", 1)),
        down=vertical_first(options.get("down", 1)),
        padding=((top, bottom), (left, right)),
        flip=options.get("flip_filter", False),
        gain=options.get("gain", 1.0),
    )
    relative(ours, GOLDEN[f"out/{taps}/{case}"].transpose(0, 2, 3, 1))


def by_hand(x, taps, up, down, padding, gain):
    """Zeros between, padding, a convolution by loops, every n-th; float64."""
    taps = np.asarray(taps, np.float64)
    plane = taps if taps.ndim == 2 else np.outer(taps, taps)
    b, h, w, c = x.shape
    spread = np.zeros((b, h * up, w * up, c))
    spread[:, ::up, ::up] = x
    (top, bottom), (left, right) = padding
    spread = np.pad(spread, ((0, 0), (top, bottom), (left, right), (0, 0)))
    rows, columns = plane.shape
    high, wide = spread.shape[1] - rows + 1, spread.shape[2] - columns + 1
    total = sum(
        plane[rows - 1 - i, columns - 1 - j] * spread[:, i : i + high, j : j + wide]
        for i in range(rows)
        for j in range(columns)
    )
    return gain * total[:, ::down, ::down]


@pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 2), (3, 2), (4, 2)])
def test_factors_with_and_without_common_divisors(up, down):
    x = np.asarray(jax.random.normal(KEY, (2, 5, 6, 3)))
    padding = ((2, 1), (0, 3))
    ours = upfirdn2d(x, np.outer(*TAPS), up=up, down=down, padding=padding, gain=0.5)
    relative(ours, by_hand(x, np.outer(*TAPS), up, down, padding, 0.5))


def test_a_filter_of_full_rank_and_a_longer_one_than_the_image():
    x = np.asarray(jax.random.normal(KEY, (1, 3, 4, 2)))
    plane = np.random.default_rng(0).normal(size=(5, 4))
    padding = ((2, 2), (3, 0))
    relative(upfirdn2d(x, plane, padding=padding), by_hand(x, plane, 1, 1, padding, 1.0))
    with pytest.raises(ValueError, match="5 taps does not fit into 3 pixels"):
        upfirdn2d(x, plane)


def test_doubling_and_halving_are_the_lowpass_resampling():
    x = jax.random.normal(KEY, (2, 4, 6, 3))
    np.testing.assert_allclose(upsample2d(x), lowpass_upsample(x, (1, 2, 1)), atol=1e-6)
    np.testing.assert_allclose(downsample2d(x), lowpass_downsample(x, (1, 2, 1)), atol=1e-6)
    ones = jnp.ones((1, 8, 8, 1), jnp.bfloat16)
    assert upsample2d(ones).dtype == downsample2d(ones).dtype == jnp.bfloat16
    np.testing.assert_array_equal(upsample2d(ones)[0, 2:-2, 2:-2], 1.0)
    np.testing.assert_array_equal(downsample2d(ones)[0, 1:-1, 1:-1], 1.0)


def test_the_reference_at_other_sides_and_filters():
    relative(
        upsample2d(X, GOLDEN["in/f1331"]), GOLDEN["out/upsample2d"].transpose(0, 2, 3, 1)
    )
    relative(
        downsample2d(X, GOLDEN["in/f1331"]),
        GOLDEN["out/downsample2d"].transpose(0, 2, 3, 1),
    )


@pytest.mark.parametrize("platform", ["cpu", "gpu"])
@pytest.mark.parametrize("size", [1, 3, 5])
def test_filtered_convolutions_by_hand(size, platform):
    """Doubled with zeros, filtered and convolved; filtered, convolved and halved."""
    x = np.asarray(jax.random.normal(KEY, (2, 6, 4, 3)), np.float64)
    kernel = np.asarray(
        jax.random.normal(jax.random.key(1), (size, size, 3, 2)), np.float64
    )
    plane = np.outer(BINOMIAL, BINOMIAL) / 64.0

    def convolved(image):
        around = size // 2
        padded = np.pad(image, ((0, 0), (around, around), (around, around), (0, 0)))
        high, wide = image.shape[1:3]
        return sum(
            padded[:, i : i + high, j : j + wide] @ kernel[i, j]
            for i in range(size)
            for j in range(size)
        )

    wide = np.pad(x, ((0, 0), (6, 6), (6, 6), (0, 0)))
    doubled = by_hand(wide, plane, 2, 1, ((2, 1), (2, 1)), 4.0)
    smooth = by_hand(wide, plane, 1, 1, ((2, 1), (2, 1)), 1.0)
    with tracing.platform(platform):
        up = jax.jit(filtered_upsample_conv)(jnp.float32(x), jnp.float32(kernel))
        down = jax.jit(filtered_conv_downsample)(jnp.float32(x), jnp.float32(kernel))
    relative(up, convolved(doubled)[:, 12:-12, 12:-12])
    relative(down, convolved(smooth)[:, 7:13:2, 7:11:2])


@pytest.mark.parametrize("platform", ["cpu", "gpu"])
def test_second_derivatives_are_those_of_a_bilinear_map(platform):
    """<y, f(x, k)> is linear in both: its mixed derivative is a number known without f."""
    x, t = jax.random.normal(KEY, (2, 1, 4, 4, 2))
    kernel, u = jax.random.normal(jax.random.key(1), (2, 3, 3, 2, 3))
    for f in (filtered_upsample_conv, filtered_conv_downsample):
        with tracing.platform(platform):
            shape = jax.eval_shape(f, x, kernel).shape
            y = jax.random.normal(jax.random.key(2), shape)

            def slope(kernel, f=f, y=y):
                gradient = jax.grad(lambda x: jnp.vdot(y, jnp.tanh(f(x, kernel))))(x)
                return jnp.vdot(t, gradient)

            twice = jax.jit(lambda k, slope=slope: jnp.vdot(u, jax.grad(slope)(k)))(kernel)
            forward = f(x, kernel)
            # d2/dx dk of tanh(f): tanh'' f(t, k) f(x, u) + tanh' f(t, u).
            first = 1.0 - jnp.square(jnp.tanh(forward))
            second = -2.0 * jnp.tanh(forward) * first
            expected = jnp.vdot(y, second * f(t, kernel) * f(x, u) + first * f(t, u))
        np.testing.assert_allclose(twice, expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("up", "down", "padding"),
    [
        (1, 1, ((2, 2), (2, 1))),
        (2, 1, ((2, 1), (0, 3))),
        (1, 2, ((1, 1), (3, -1))),
        ((3, 1), (2, 4), ((1, 2), (-1, 4))),
        (2, (4, 3), ((5, 6), (-2, 3))),
    ],
)
def test_the_matrix_by_columns_is_that_by_rows(up, down, padding):
    x = jax.random.normal(KEY, (1, 5, 4, 1))
    f = partial(upfirdn2d, taps=np.outer(*TAPS), up=up, down=down, padding=padding)
    columns, rows = jax.jit(jax.jacfwd(f))(x), jax.jit(jax.jacrev(f))(x)
    np.testing.assert_allclose(rows, columns, atol=1e-6)
    assert np.abs(columns).max() > 1.0
    np.testing.assert_allclose(jnp.tensordot(columns, x, 4), f(x), atol=1e-5)


def test_gradients_of_upfirdn_are_its_adjoint():
    x = jax.random.normal(KEY, (1, 5, 4, 2))
    f = partial(upfirdn2d, taps=np.outer(*TAPS), up=3, down=2, padding=((1, 2), (-1, 4)))
    y, pull = jax.vjp(f, x)
    t = jax.random.normal(jax.random.key(1), y.shape)
    np.testing.assert_allclose(jnp.vdot(pull(t)[0], x), jnp.vdot(t, y), rtol=1e-5)
