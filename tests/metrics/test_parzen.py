"""Parzen-window log-likelihoods against closed forms, and the pitfall that is known."""

import logging

import numpy as np
import pytest
import scipy.stats
from scipy.cluster.vq import kmeans2
from scipy.special import logsumexp

from gan_jax.metrics import parzen
from gan_jax.metrics.parzen import parzen_log_likelihoods, parzen_score

RNG = np.random.default_rng(0)


def test_one_sample_is_a_gaussian():
    point, x = np.array([[1.0, -2.0, 0.5]]), RNG.standard_normal((9, 3))
    found = parzen_log_likelihoods(point, x, [0.3, 2.0])
    for row, s in zip(found, (0.3, 2.0), strict=True):
        law = scipy.stats.multivariate_normal(point[0], s**2 * np.eye(3))
        np.testing.assert_allclose(row, law.logpdf(x), rtol=1e-11)


@pytest.mark.parametrize("block", [1024, 7])
def test_many_samples_are_their_mixture(monkeypatch, block):
    monkeypatch.setattr(parzen, "_BLOCK", block)
    fake, x = RNG.standard_normal((40, 5)), 3 * RNG.standard_normal((23, 5))
    logs = [scipy.stats.multivariate_normal(g, 0.04 * np.eye(5)).logpdf(x) for g in fake]
    expected = logsumexp(logs, axis=0) - np.log(40)
    found = parzen_log_likelihoods(fake, x, [0.2])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_points_too_far_for_exponentials_stay_finite():
    found = parzen_log_likelihoods(np.zeros((2, 1)), np.array([[1e6]]), [0.1])
    expected = -0.5e14 - 0.5 * np.log(2 * np.pi * 0.01)
    np.testing.assert_allclose(found, [[expected]], rtol=1e-12)


def test_the_score_is_that_of_the_best_bandwidth_on_validation_points():
    fake, valid, test = (RNG.standard_normal((n, 2)) for n in (200, 80, 90))
    grid = (3.0, 0.03, 0.3, 1.0)
    tried = parzen_log_likelihoods(fake, valid, grid).mean(axis=1)
    found = parzen_score(fake, valid, test, bandwidths=grid)
    assert found.bandwidth == grid[int(tried.argmax())] == 0.3
    values = parzen_log_likelihoods(fake, test, [0.3])[0]
    np.testing.assert_allclose(found.mean, values.mean(), rtol=1e-12)
    np.testing.assert_allclose(found.error, scipy.stats.sem(values), rtol=1e-12)


def test_a_best_bandwidth_at_the_end_is_said(caplog):
    fake, valid, test = (RNG.standard_normal((50, 2)) for _ in range(3))
    with caplog.at_level(logging.WARNING):
        parzen_score(fake, valid, test, bandwidths=(0.01, 0.3, 3.0))
        assert not caplog.messages
        parzen_score(fake, valid, test, bandwidths=(0.01, 0.05))
    assert "0.05, is at the end of the candidates" in caplog.text


def test_the_known_pitfall_centroids_beat_the_true_distribution():
    """1511.01844, section 3.2: k-means centroids score higher than samples of the truth.

    Points of N(0, I) in 10 dimensions, seed 0: of the true distribution itself 200 samples
    score 0.4 nats less than 200 centroids, which are no samples of it: their variance is
    two thirds. Bounds: 4 standard errors of the difference.
    """
    draws = np.random.default_rng(0)
    points, samples, valid, test = (
        draws.standard_normal((n, 10)) for n in (6000, 200, 500, 2000)
    )
    centroids, _ = kmeans2(points, 200, minit="points", rng=draws)
    grid = np.geomspace(0.3, 2.0, 20)
    true, mean = (
        parzen_score(fake, valid, test, bandwidths=grid) for fake in (samples, centroids)
    )
    error = np.hypot(true.error, mean.error)
    np.testing.assert_allclose(mean.mean - true.mean, 0.42, atol=4 * error)
    assert 4 * error < 0.42
    np.testing.assert_allclose(centroids.var(), 0.68, atol=0.03)
    # Neither comes near the likelihood of the truth, minus its entropy.
    best = -5 * np.log(2 * np.pi * np.e)
    np.testing.assert_allclose(true.mean - best, -0.72, atol=4 * true.error)


def test_bad_input_is_refused():
    rows = np.zeros((3, 2))
    with pytest.raises(ValueError, match="one width, got 2 and 1"):
        parzen_log_likelihoods(rows, rows[:, :1], [1.0])
    with pytest.raises(ValueError, match="positive bandwidths"):
        parzen_log_likelihoods(rows, rows, [1.0, 0.0])
    with pytest.raises(ValueError, match="positive bandwidths"):
        parzen_log_likelihoods(rows, rows, [])
    with pytest.raises(ValueError, match="test points need at least 2 rows, got 1"):
        parzen_score(rows, rows, rows[:1])
