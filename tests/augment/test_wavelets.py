"""Wavelets: orthogonality, perfect reconstruction, bands, against float64 references."""

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.augment import wavelets

FILTER = np.array(wavelets.SYM6)
RNG = np.random.default_rng(0)


def test_sym6_is_orthogonal_with_six_vanishing_moments():
    for k in range(6):
        product = FILTER[2 * k :] @ FILTER[: 12 - 2 * k]
        np.testing.assert_allclose(product, float(k == 0), atol=1e-11)
    high_pass = FILTER * (-1.0) ** np.arange(12)
    for j in range(6):
        # Relative to the sum of absolute values: the powers grow.
        moment = high_pass @ np.arange(12.0) ** j
        assert abs(moment) < 1e-10 * np.abs(high_pass) @ (1.0 + np.arange(12.0) ** j)
    assert abs(high_pass @ np.arange(12.0) ** 6) > 100.0
    np.testing.assert_allclose(FILTER.sum(), np.sqrt(2.0), rtol=1e-12)


def fine(x, sample):
    """Sample of the doubled signal, by the sum itself; x float64 (n,)."""
    padded = np.pad(x, 40, mode="reflect")
    taps = [
        FILTER[sample - 2 * k] * padded[k + 40]
        for k in range(-40, len(x) + 40)
        if 0 <= sample - 2 * k < 12
    ]
    return np.sqrt(2.0) * sum(taps)


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_double_is_one_period_of_the_sum(n):
    x = RNG.standard_normal(n)
    doubled = wavelets.double(jnp.float32(x)[:, None], 0)[:, 0]
    period = 2 * max(2 * (n - 1), 1)
    assert doubled.shape == (period,)
    expected = [fine(x, m) for m in range(period)]
    np.testing.assert_allclose(doubled, expected, rtol=1e-5, atol=1e-6)
    later = [fine(x, m + period) for m in range(6)]
    np.testing.assert_allclose(later, np.resize(expected, 6), atol=1e-9)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_halve_undoes_double(axis, n):
    x = jnp.float32(RNG.standard_normal((n, 3)))
    x = x if axis == 0 else x.T
    doubled = wavelets.double(x, axis)
    index = np.arange(2 * n + wavelets.REACH) % doubled.shape[axis]
    back = wavelets.halve(jnp.take(doubled, index, axis=axis), axis)
    np.testing.assert_allclose(back, x, atol=1e-6)


def test_constants_stay():
    constant = jnp.full((6, 2), 0.7, jnp.float32)
    np.testing.assert_allclose(wavelets.double(constant, 0), 0.7, rtol=1e-6)
    long = jnp.full((2 * 6 + wavelets.REACH, 2), 0.7, jnp.float32)
    np.testing.assert_allclose(wavelets.halve(long, 0), 0.7, rtol=1e-6)


def response(gains, omega):
    """The filter's frequency response, from sym2 itself."""
    root = np.sqrt(3.0)
    sym2 = np.array([1 + root, 3 + root, 3 - root, 1 - root]) / (4.0 * np.sqrt(2.0))

    def low(w):
        return np.abs(sym2 @ np.exp(-1j * w * np.arange(4))) ** 2 / 2.0

    bands = [
        low(omega) * low(2 * omega) * low(4 * omega),
        low(omega) * low(2 * omega) * (1.0 - low(4 * omega)),
        low(omega) * (1.0 - low(2 * omega)),
        1.0 - low(omega),
    ]
    return np.dot(gains, bands)


@pytest.mark.parametrize("k", [0, 1, 3, 6, 8])
def test_bands_amplify_cosines_by_the_response_of_sym2s_autocorrelation(k):
    # cos(pi k i / (n - 1)) is its own reflection, so it is an eigenvector for any n.
    n, gains = 9, np.array([0.5, 2.0, 3.0, 5.0])
    omega = np.pi * k / (n - 1)
    x = np.cos(omega * np.arange(n))
    scaled = wavelets.scale_bands(jnp.float32(x), 0, jnp.float32(gains))
    np.testing.assert_allclose(scaled, response(gains, omega) * x, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("shape", "axis"), [((5, 1, 3), 0), ((2, 12, 3), 1)])
def test_equal_gains_multiply(shape, axis):
    x = jnp.float32(RNG.standard_normal(shape))
    scaled = wavelets.scale_bands(x, axis, jnp.full((4,), 1.5, jnp.float32))
    np.testing.assert_allclose(scaled, 1.5 * x, rtol=1e-5, atol=1e-6)
