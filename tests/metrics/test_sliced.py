"""Wasserstein distances on the line and of projections against closed forms."""

import numpy as np
import pytest
import scipy.stats

from gan_jax.metrics.sliced import sliced_wasserstein, wasserstein_1d

RNG = np.random.default_rng(0)


def test_equally_many_values_are_joined_in_order():
    x, y = RNG.standard_normal(50), RNG.standard_normal(50) * 2 + 1
    gaps = np.abs(np.sort(x) - np.sort(y))
    for order in (1.0, 2.0, 3.5):
        expected = np.mean(gaps**order) ** (1 / order)
        np.testing.assert_allclose(wasserstein_1d(x, y, order=order), expected, rtol=1e-12)


def test_unequal_numbers_by_hand():
    # Quantiles: 0 for the first half against 0, 0, 3; 1 for the second. Joined masses:
    # 1/3 of (0, 0), 1/6 of (0, 0), 1/6 of (1, 0), 1/3 of (1, 3).
    assert wasserstein_1d([0.0, 1.0], [3.0, 0.0, 0.0]) == pytest.approx(1 / 6 + 2 / 3)
    squares = wasserstein_1d([0.0, 1.0], [3.0, 0.0, 0.0], order=2.0) ** 2
    assert squares == pytest.approx(1 / 6 + 4 / 3)


@pytest.mark.parametrize(("n", "m"), [(40, 40), (40, 60), (7, 31), (1, 12)])
def test_unequal_numbers_against_scipy(n, m):
    x, y = RNG.standard_normal(n), RNG.standard_cauchy(m)
    expected = scipy.stats.wasserstein_distance(x, y)
    np.testing.assert_allclose(wasserstein_1d(x, y), expected, rtol=1e-12)
    np.testing.assert_allclose(wasserstein_1d(y, x), expected, rtol=1e-12)


def test_repeated_values_change_nothing():
    x, y = RNG.standard_normal(20), RNG.standard_normal(30)
    repeated = wasserstein_1d(np.repeat(x, 3), np.tile(y, 5), order=2.0)
    np.testing.assert_allclose(repeated, wasserstein_1d(x, y, order=2.0), rtol=1e-12)


def test_one_dimension_is_the_line():
    x, y = RNG.standard_normal((30, 1)), RNG.standard_normal((45, 1)) + 2
    sliced = sliced_wasserstein(x, y, projections=5, order=2.0)
    np.testing.assert_allclose(sliced, wasserstein_1d(x[:, 0], y[:, 0], order=2.0))


def test_a_shift_by_its_closed_form():
    # W_p(x . v, (x + s) . v) = |s . v|, of which the mean square is |s|^2 / 3 in three
    # dimensions, and the mean |s| / 2.
    x, s = RNG.standard_normal((200, 3)), np.array([3.0, 0.0, 4.0])
    # Seed 0, 4000 directions; bounds: 4 standard errors of |s . v|^p.
    squares = sliced_wasserstein(x, x + s, projections=4000, order=2.0) ** 2
    np.testing.assert_allclose(squares, 25 / 3, atol=4 * 25 * np.sqrt(4 / 45 / 4000))
    mean = sliced_wasserstein(x, x + s, projections=4000)
    np.testing.assert_allclose(mean, 5 / 2, atol=4 * 5 * np.sqrt(1 / 12 / 4000))


def test_seed_order_and_blocks_of_directions(monkeypatch):
    x, y = RNG.standard_normal((40, 6)), RNG.standard_normal((50, 6))
    found = [sliced_wasserstein(x, y, projections=30, seed=seed) for seed in (1, 1, 2)]
    assert found[0] == found[1]
    assert found[0] != found[2]
    moved = sliced_wasserstein(RNG.permutation(x), y, projections=30, seed=1)
    np.testing.assert_allclose(moved, found[0], rtol=1e-12)
    monkeypatch.setattr("gan_jax.metrics.sliced._VALUES", 90 * 4)
    parts = sliced_wasserstein(x, y, projections=30, seed=1)
    np.testing.assert_allclose(parts, found[0], rtol=1e-12)


def test_bad_input_is_refused():
    rows = np.zeros((3, 2))
    with pytest.raises(ValueError, match="one width, got 2 and 1"):
        sliced_wasserstein(rows, rows[:, :1])
    with pytest.raises(ValueError, match=r"order >= 1, got 0\.5"):
        sliced_wasserstein(rows, rows, order=0.5)
    with pytest.raises(ValueError, match="projections >= 1"):
        sliced_wasserstein(rows, rows, projections=0)
    with pytest.raises(ValueError, match=r"need values \(n,\) and \(m,\)"):
        wasserstein_1d(rows, rows)
    with pytest.raises(ValueError, match=r"fake values are not finite.*\(1, 0\) is nan"):
        wasserstein_1d([0.0, 1.0], [0.0, np.nan])
