"""Low-pass resampling against filters applied by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.nn.lowpass import lowpass_downsample, lowpass_upsample

KEY = jax.random.key(0)
TAPS = [(1, 2, 1), (1, 3, 2), (1, 4, 6, 4, 1), (1,)]


def along(signal, taps, up):
    """One axis: zeros between and a convolution, or a convolution and every second."""
    kernel = np.convolve(taps, [1.0, 1.0])
    kernel = kernel / kernel.sum()
    reach = len(kernel) // 2
    if up:
        spread = np.zeros(2 * len(signal))
        spread[::2] = 2.0 * signal
        padded = np.pad(spread, (reach, reach - 1))
        return np.convolve(padded, kernel, "valid")
    return np.convolve(np.pad(signal, (reach - 1, reach - 1)), kernel, "valid")[::2]


@pytest.mark.parametrize("taps", TAPS)
@pytest.mark.parametrize("up", [True, False])
def test_both_axes_are_filtered(taps, up):
    x = np.asarray(jax.random.normal(KEY, (2, 4, 6, 3)))
    expected = np.apply_along_axis(along, 1, x, taps, up)
    expected = np.apply_along_axis(along, 2, expected, taps, up)
    actual = (lowpass_upsample if up else lowpass_downsample)(jnp.asarray(x), taps)
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_doubling_by_a_tent_is_bilinear_with_zeros_outside():
    x = jnp.array([1.0, 5.0]).reshape(1, 1, 2, 1)
    rows = lowpass_upsample(x)[0, :, :, 0]
    line = np.array([0.75, 2.0, 4.0, 3.75])
    np.testing.assert_allclose(rows, 0.75 * np.stack([line, line]), rtol=1e-6)


def test_halving_is_a_quarter_of_the_adjoint_of_doubling():
    x = jax.random.normal(KEY, (1, 3, 2, 2))
    y = jax.random.normal(jax.random.key(1), (1, 6, 4, 2))
    _, pull = jax.vjp(lowpass_upsample, x)
    np.testing.assert_allclose(pull(y)[0], 4.0 * lowpass_downsample(y), atol=1e-6)


def test_bfloat16_stays():
    x = jnp.ones((1, 4, 4, 1), jnp.bfloat16)
    assert lowpass_upsample(x).dtype == lowpass_downsample(x).dtype == jnp.bfloat16


def test_even_filters_and_odd_sides_are_refused():
    with pytest.raises(ValueError, match="odd number of taps, got 2"):
        lowpass_upsample(jnp.ones((1, 2, 2, 1)), (1, 1))
    with pytest.raises(ValueError, match="3 x 4"):
        lowpass_downsample(jnp.ones((1, 3, 4, 1)))
