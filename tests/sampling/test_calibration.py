"""Calibration: against scipy's optimum, the min-max formula, and closed forms."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from gan_jax import sampling

RNG = np.random.default_rng(37)
REAL = 1.0 + RNG.standard_normal(400)
FAKE = -1.0 + RNG.standard_normal(300)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_logistic_is_the_maximum_of_the_likelihood_with_sides_that_weigh_the_same():
    def loss(line):
        real, fake = line[0] * REAL + line[1], line[0] * FAKE + line[1]
        return np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()

    slope, offset = scipy.optimize.minimize(loss, [1.0, 0.0], tol=1e-12).x
    calibration = sampling.fit_logistic(jnp.float32(REAL), jnp.float32(FAKE))
    values = calibration(jnp.bfloat16([0.0, 1.0, -2.0]))
    assert values.dtype == jnp.float32
    np.testing.assert_allclose(
        values, [offset, slope + offset, offset - 2 * slope], rtol=1e-4
    )


def test_logistic_finds_the_log_density_ratio():
    # N(1, 1) against N(-1, 1): 2 x. Seed 37; the information of n examples per side gives
    # the slope a standard error of 1 / sqrt(2 n E[s (1 - s) x^2]) = 0.012; the bound is 5.
    real, fake = 1.0 + RNG.standard_normal(20_000), -1.0 + RNG.standard_normal(20_000)
    at = sampling.fit_logistic(real, fake)(jnp.float32([0.0, 1.0]))
    x = np.linspace(-8, 8, 4001)
    density = (np.exp(-((x - 1) ** 2) / 2) + np.exp(-((x + 1) ** 2) / 2)) / 2
    density /= density.sum()
    share = sigmoid(2 * x)
    information = 40_000 * (density * share * (1 - share) * x**2).sum()
    np.testing.assert_allclose(at[1] - at[0], 2.0, atol=5 / np.sqrt(information))
    np.testing.assert_allclose(at[0], 0.0, atol=0.1)


@pytest.mark.parametrize("gap", [0.0, 3.0])
def test_logits_that_do_not_overlap_are_refused(gap):
    with pytest.raises(ValueError, match="do not overlap"):
        sampling.fit_logistic(np.array([gap, gap + 1]), np.array([-1.0, 0.0]))
    with pytest.raises(ValueError, match="do not overlap"):
        sampling.fit_logistic(np.array([-1.0, 0.0]), np.array([gap, gap + 1]))


def test_isotonic_by_hand():
    # Labels by logit 0, 1, 2, 3, 4: fake, real, fake, real, real (weights 1/6 and 1/4):
    # 1 and 2 violate, and pool to (1/6) / (1/6 + 1/4) = 0.4.
    calibration = sampling.fit_isotonic(np.array([1.0, 3.0, 4.0]), np.array([0.0, 2.0]))
    least = 1 / 12
    expected = [least, least, (least + 0.4) / 2, 0.4, 0.4, 0.7 - least / 2, 1 - least]
    values = calibration(jnp.float32([-5.0, 0.0, 0.5, 1.0, 2.0, 2.5, 9.0]))
    np.testing.assert_allclose(sigmoid(np.float64(values)), expected, rtol=1e-5)


def test_isotonic_is_the_min_max_of_means():
    # With ties: logits on a grid. g_i = max over j <= i of min over k >= i of means.
    real, fake = np.round(REAL[:40], 1), np.round(FAKE[:30], 1)
    points = np.unique(np.concatenate([real, fake]))
    mass = np.array([(real == x).sum() / 80 + (fake == x).sum() / 60 for x in points])
    hits = np.array([(real == x).sum() / 80 for x in points])
    n = len(points)

    def mean(j, k):
        return hits[j : k + 1].sum() / mass[j : k + 1].sum()

    best = [
        max(min(mean(j, k) for k in range(i, n)) for j in range(i + 1)) for i in range(n)
    ]
    calibration = sampling.fit_isotonic(real, fake, smallest=1e-3)
    fitted = sigmoid(np.float64(calibration(jnp.float32(points))))
    np.testing.assert_allclose(fitted, np.clip(best, 1e-3, 1 - 1e-3), rtol=1e-4)
    assert (np.diff(fitted) > -1e-6).all()


@pytest.mark.parametrize("smallest", [0.0, 0.5])
def test_isotonic_needs_finite_logits(smallest):
    with pytest.raises(ValueError, match="between 0 and 1/2"):
        sampling.fit_isotonic(REAL, FAKE, smallest=smallest)


def test_calibration_score_by_hand():
    real, fake = np.log([3.0, 1.0]), np.log([1.0, 1 / 3])
    # p = 3/4, 1/2, 1/2, 1/4: sum(y - p) = 2 - 2 = 0; swapped signs move it.
    assert sampling.calibration_score(real, fake) == pytest.approx(0.0, abs=1e-12)
    score = sampling.calibration_score(real + np.log(3.0), fake)
    # p = 9/10, 3/4, 1/2, 1/4: (2 - 2.4) / sqrt(0.09 + 0.1875 + 0.25 + 0.1875).
    assert score == pytest.approx(-0.4 / np.sqrt(0.715))


def test_a_calibrated_critic():
    critic = sampling.calibrated(lambda x: x[:, 0], lambda logits: 2.0 * logits - 1.0)
    np.testing.assert_array_equal(critic(jnp.float32([[1.0], [3.0]])), [1.0, 5.0])


@pytest.mark.parametrize("bad", [np.array([]), np.array([[1.0]]), np.array([np.nan])])
def test_bad_logits_are_refused(bad):
    for fit in (sampling.fit_logistic, sampling.fit_isotonic, sampling.calibration_score):
        with pytest.raises(ValueError, match="real_logits must be a vector"):
            fit(bad, FAKE)
        with pytest.raises(ValueError, match="fake_logits must be a vector"):
            fit(REAL, bad)


def test_sides_of_different_numbers_have_no_score():
    with pytest.raises(ValueError, match="got 400 and 300"):
        sampling.calibration_score(REAL, FAKE)
