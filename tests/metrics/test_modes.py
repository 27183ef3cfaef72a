"""Modes found and high-quality share, by hand."""

import numpy as np
import pytest

from gan_jax.metrics.modes import Modes, mode_statistics

GRID = Modes(np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]]), sigma=0.5)


def test_points_near_and_far():
    points = np.array([[0.0, 1.49], [0.0, 1.51], [3.0, 0.0], [4.0, 0.5], [0.0, 2.0]])
    result = mode_statistics(points, GRID)
    assert result.modes_found == 2
    np.testing.assert_allclose(result.high_quality_share, 3 / 5)
    np.testing.assert_array_equal(result.counts, [1, 2, 0])


def test_distance_is_radial():
    # Each coordinate lies within 3 sigma = 1.5, the distance 1.98 does not.
    result = mode_statistics(np.array([[1.4, 1.4]]), GRID)
    assert (result.modes_found, result.high_quality_share) == (0, 0.0)
    wider = mode_statistics(np.array([[1.4, 1.4]]), GRID, within=4.0)
    assert (wider.modes_found, wider.high_quality_share) == (1, 1.0)


def test_points_that_are_not_finite_are_of_low_quality():
    points = np.array([[np.nan, 0.0], [4.0, np.inf], [4.0, 0.0], [0.0, 4.0]])
    result = mode_statistics(points, GRID)
    assert (result.modes_found, result.high_quality_share) == (2, 0.5)
    lost = mode_statistics(points[:2], GRID)
    assert (lost.modes_found, lost.high_quality_share) == (0, 0.0)


def test_true_mixture_scores_as_theory_says():
    draws = np.random.default_rng(5)
    centres = GRID.centres[draws.integers(0, 3, 20_000)]
    points = centres + GRID.sigma * draws.standard_normal((20_000, 2))
    result = mode_statistics(points, GRID)
    assert result.modes_found == 3
    # Seed 5. P(|x| <= 3 sigma) = 1 - exp(-4.5) in the plane; bound: 5 standard errors.
    expected = 1.0 - np.exp(-4.5)
    error = np.sqrt(expected * (1.0 - expected) / 20_000)
    np.testing.assert_allclose(result.high_quality_share, expected, atol=5 * error)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"points must be \(n, 2\)"):
        mode_statistics(np.zeros((3, 3)), GRID)
    with pytest.raises(ValueError, match="sigma > 0"):
        mode_statistics(np.zeros((3, 2)), GRID._replace(sigma=0.0))
