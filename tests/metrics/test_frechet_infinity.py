"""The Fréchet distance extrapolated to infinitely many samples, where the bias is known."""

import numpy as np
import pytest
from scipy.special import gammaln

from gan_jax.metrics import frechet, frechet_infinity
from gan_jax.metrics.frechet_infinity import extrapolate, infinity_from_statistics

# One-dimensional N(0, 2^2), known exactly, and N(1, 1.5^2), of which there are samples.
REAL = frechet.Statistics(np.zeros(1), np.array([[4.0]]))
SHIFT, SPREAD, TRUE = 1.0, 1.5, 1.0 + 0.25


def expected(n):
    """E of the distance of n samples: E of the sample's standard deviation is c4 sigma."""
    c4 = np.sqrt(2 / (n - 1)) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2))
    return SHIFT**2 + SPREAD**2 / n + 4.0 + SPREAD**2 - 2 * 2.0 * SPREAD * c4


def samples(seed, n):
    draws = np.random.default_rng(seed).standard_normal((n, 1))
    return SHIFT + SPREAD * draws


def runs(count, n):
    return [infinity_from_statistics(REAL, samples(seed, n)) for seed in range(count)]


def test_a_line_meets_the_axis_at_its_offset():
    sizes = np.array([10.0, 20.0, 35.0, 80.0])
    np.testing.assert_allclose(extrapolate(sizes, 3.0 + 7.0 / sizes), 3.0, rtol=1e-13)


def test_the_mean_distance_has_the_bias_that_is_known_and_the_extrapolated_has_none():
    # 1500 seeds of 32 samples; bounds: 4 standard errors.
    found = runs(1500, 32)
    distances = np.array([run.distances for run in found])
    values = np.array([run.value for run in found])
    np.testing.assert_array_equal(found[0].sizes, [32, 16, 8, 4])
    for size, column in zip((32, 16, 8, 4), distances.T, strict=True):
        error = column.std() / np.sqrt(len(column))
        np.testing.assert_allclose(column.mean(), expected(size), atol=4 * error)
    error = values.std() / np.sqrt(len(values))
    exactly = extrapolate(found[0].sizes, expected(found[0].sizes))
    np.testing.assert_allclose(values.mean(), exactly, atol=4 * error)


def test_what_the_line_leaves_of_the_bias_is_of_second_order():
    # Bias (SPREAD^2 + SPREAD) / n to first order; the line takes that away.
    for n in (8_000, 80_000):
        sizes = n / np.array([1.0, 2.0, 4.0, 8.0])
        first = (SPREAD**2 + SPREAD) / n
        np.testing.assert_allclose(expected(n) - TRUE, first, rtol=2 / n)
        np.testing.assert_allclose(
            extrapolate(sizes, expected(sizes)), TRUE, atol=20 / n**2
        )


def test_the_interval_covers_the_truth_as_often_as_it_says():
    # 500 seeds; the bound is 3 standard deviations of the share, 0.0097 each.
    found = runs(500, 400)
    covered = np.mean([run.low <= TRUE <= run.high for run in found])
    np.testing.assert_allclose(covered, 0.95, atol=0.03)
    for run in found[:5]:
        np.testing.assert_allclose(run.high - run.value, run.value - run.low)


def test_equal_distributions_in_several_dimensions_are_at_distance_zero():
    # For N(0, I_d), bias d / n of the mean and (d^2 + d) / 4n of the covariance.
    rng = np.random.default_rng(3)
    real = frechet.Statistics(np.zeros(16), np.eye(16))
    fake = rng.standard_normal((4000, 16))
    plain = frechet.frechet_from_statistics(*real, *frechet.statistics(fake))
    found = infinity_from_statistics(real, fake)
    np.testing.assert_allclose(plain, (16 + 272 / 4) / 4000, rtol=0.15)
    np.testing.assert_allclose(found.value, 0.0, atol=0.1 * plain)
    assert found.low < 0.0 < found.high


def test_features_and_statistics_give_the_same_and_the_seed_decides():
    real, fake = samples(1, 300), samples(2, 300)
    found = frechet_infinity.frechet_distance_infinity(real, fake, seed=4)
    again = infinity_from_statistics(frechet.statistics(real), fake, seed=4)
    other = infinity_from_statistics(frechet.statistics(real), fake, seed=5)
    assert found.value == again.value
    assert found.value != other.value
    np.testing.assert_allclose(
        found.distances[0], frechet.frechet_distance(real, fake), rtol=1e-10
    )


def test_bad_input_is_refused():
    real = frechet.Statistics(np.zeros(3), np.eye(3))
    with pytest.raises(ValueError, match=r"at least 32 fake rows, got 31: take more"):
        infinity_from_statistics(real, np.ones((31, 3)))
    with pytest.raises(ValueError, match="one width, got 3 and 2"):
        infinity_from_statistics(real, np.ones((50, 2)))
    with pytest.raises(ValueError, match="halvings >= 1"):
        infinity_from_statistics(real, np.ones((50, 3)), halvings=0)
    with pytest.raises(ValueError, match=r"confidence in \(0, 1\)"):
        infinity_from_statistics(real, np.ones((50, 3)), confidence=95.0)
