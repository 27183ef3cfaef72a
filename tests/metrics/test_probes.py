"""Probes against closed forms, direct optimisation and scikit-learn's neighbours."""

import sys

import numpy as np
import pytest

from gan_jax.errors import UserError
from gan_jax.metrics.probes import (
    directions,
    held_back,
    linear_probe,
    nearest_neighbour_probe,
    svm_probe,
    votes,
)


def blobs(n, spread, seed):
    """Three classes around corners of a triangle, labelled 2, 5 and 9."""
    draws = np.random.default_rng(seed)
    kind = draws.integers(3, size=n)
    centres = np.array([[0.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    return centres[kind] + spread * draws.normal(size=(n, 2)), np.array([2, 5, 9])[kind]


def exclusive_or(n, seed):
    points = np.random.default_rng(seed).uniform(-1.0, 1.0, size=(n, 2))
    return points, (points[:, 0] * points[:, 1] > 0.0).astype(int)


@pytest.mark.parametrize("probe", [linear_probe, svm_probe, nearest_neighbour_probe])
def test_separate_classes_are_told_apart(probe):
    train, test = blobs(90, 0.05, 1), blobs(40, 0.05, 2)
    found = probe(*train, *test)
    assert (found.accuracy, found.validation_accuracy) == (1.0, 1.0)
    np.testing.assert_array_equal(found.predictions, test[1])


def test_a_linear_probe_finds_the_best_possible_share():
    # Two normal classes two standard deviations apart: Phi(1) = 0.8413 of a large set.
    draws = np.random.default_rng(3)
    labels = draws.integers(2, size=8000)
    points = draws.normal(size=(8000, 3)) + np.array([2.0, 0.0, 0.0]) * labels[:, None]
    halves = (points[:4000], labels[:4000], points[4000:], labels[4000:])
    for probe in (linear_probe, svm_probe):
        # Three standard errors of 4000 draws.
        np.testing.assert_allclose(probe(*halves).accuracy, 0.8413, atol=0.017)


def test_linear_probes_do_not_see_units():
    train, test = blobs(90, 0.8, 4), blobs(60, 0.8, 5)
    units, shift = np.array([1000.0, 0.01]), np.array([5.0, -2.0])
    for probe in (linear_probe, svm_probe):
        plain = probe(*train, *test)
        other = probe(train[0] * units + shift, train[1], test[0] * units + shift, test[1])
        np.testing.assert_array_equal(plain.predictions, other.predictions)


def test_an_svm_minimises_squared_hinges():
    scipy_optimize = pytest.importorskip("scipy.optimize")
    draws = np.random.default_rng(6)
    points, strength = draws.normal(size=(60, 2)), 0.02
    labels = (points @ [1.0, 0.4] + 0.8 + 0.7 * draws.normal(size=60) > 0).astype(int)
    test = draws.normal(size=(400, 2))
    found = svm_probe(points, labels, test, np.zeros(400, int), strengths=[strength])
    mean, std = points.mean(axis=0), points.std(axis=0)
    x, signs = (points - mean) / std, 2.0 * labels - 1.0

    def objective(w):
        margins = signs * (x @ w[:2] + w[2])
        hinges = np.maximum(0.0, 1.0 - margins) ** 2
        return 0.5 * np.dot(w, w) + strength * np.sum(hinges)  # the bias is penalised too

    best = scipy_optimize.minimize(objective, np.zeros(3), tol=1e-12).x
    scores = (test - mean) / std @ best[:2] + best[2]
    clear = np.abs(scores) > 1e-3
    assert clear.sum() > 390
    np.testing.assert_array_equal(found.predictions[clear], scores[clear] > 0)
    assert found.chosen == strength


def test_neighbours_see_what_lines_do_not():
    train, test = exclusive_or(400, 7), exclusive_or(200, 8)
    near = nearest_neighbour_probe(*train, *test, metric="euclidean")
    np.testing.assert_allclose(near.accuracy, 0.97, atol=0.03)
    np.testing.assert_allclose(linear_probe(*train, *test).accuracy, 0.5, atol=0.15)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_neighbours_of_another_library(metric):
    neighbors = pytest.importorskip("sklearn.neighbors")
    points = np.random.default_rng(0).normal(1.0, 1.0, size=(300, 5)).astype(np.float32)
    labels = (points.sum(axis=1) > 5.0).astype(int)
    found = nearest_neighbour_probe(
        points[:200],
        labels[:200],
        points[200:],
        labels[200:],
        neighbours=[7],
        metric=metric,
    )
    judge = neighbors.KNeighborsClassifier(7, metric=metric, algorithm="brute")
    judge.fit(points[:200].astype(float), labels[:200])  # an odd number of two classes
    np.testing.assert_array_equal(found.predictions, judge.predict(points[200:]))
    assert found.accuracy == np.mean(found.predictions == labels[200:])


def test_weighted_votes_of_another_library():
    neighbors = pytest.importorskip("sklearn.neighbors")
    points, labels = blobs(200, 1.0, 20)
    queries, answers = blobs(100, 1.0, 21)
    found = nearest_neighbour_probe(
        points, labels, queries, answers, neighbours=[20], temperature=0.07
    )
    judge = neighbors.KNeighborsClassifier(
        20, metric="cosine", algorithm="brute", weights=lambda d: np.exp((1.0 - d) / 0.07)
    )
    np.testing.assert_array_equal(
        found.predictions, judge.fit(points, labels).predict(queries)
    )


def test_votes_by_hand():
    labels = np.array([[2, 1, 1, 0], [2, 1, 1, 2], [0, 3, 3, 0]])
    scores = np.array([[0.9, 0.5, 0.5, 0.1], [0.4, 0.4, 0.4, 0.4], [0.8, 0.7, 0.7, -1.0]])
    np.testing.assert_array_equal(votes(labels, scores, 4), [1, 2, 0])
    # exp(.9 / .5) = 6.05 against 2 exp(.5 / .5) = 5.44; a draw; 4.95 + 0.14 against 8.11.
    np.testing.assert_array_equal(votes(labels, scores, 4, 0.5), [2, 1, 3])
    np.testing.assert_array_equal(votes(labels, scores, 4, 0.001), [2, 1, 0])


def test_the_number_of_neighbours_is_chosen_by_what_is_held_back():
    # A fifth of the labels is wrong: one neighbour repeats that, 25 outvote it.
    train, test = blobs(400, 0.3, 9), blobs(200, 0.05, 10)
    labels = np.where(np.random.default_rng(11).random(400) < 0.2, 5, train[1])
    found = nearest_neighbour_probe(
        train[0], labels, *test, neighbours=(1, 25), metric="euclidean"
    )
    assert (found.chosen, found.accuracy) == (25, 1.0)
    held = held_back(labels, 0.2, 0)
    again = nearest_neighbour_probe(
        train[0][~held],
        labels[~held],
        train[0][held],
        labels[held],
        neighbours=(25,),
        metric="euclidean",
    )
    assert again.accuracy == found.validation_accuracy


def test_a_share_of_each_class_is_held_back():
    labels = np.array([0] * 10 + [1] * 5 + [2])
    held = held_back(labels, 0.2, 0)
    assert [held[labels == each].sum() for each in range(3)] == [2, 1, 0]
    np.testing.assert_array_equal(held, held_back(labels, 0.2, 0))
    assert (held != held_back(labels, 0.2, 1)).any()
    with pytest.raises(ValueError, match="too few to hold 20% of a class back"):
        held_back(np.arange(4), 0.2, 0)


def test_bad_input_is_refused():
    x, y = blobs(20, 0.1, 12)
    bad = x.copy()
    bad[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"test features are not finite.*\(3, 1\)"):
        svm_probe(x, y, bad, y)
    with pytest.raises(ValueError, match="one width, got 2 and 1"):
        linear_probe(x, y, x[:, :1], y)
    with pytest.raises(ValueError, match="two classes or more"):
        linear_probe(x, np.zeros(20, int), x, y)
    with pytest.raises(ValueError, match="references need at least 17 rows, got 16"):
        nearest_neighbour_probe(x, y, x, y, neighbours=(17,))
    with pytest.raises(ValueError, match="over a temperature > 0"):
        nearest_neighbour_probe(x, y, x, y, metric="euclidean", temperature=0.07)
    with pytest.raises(ValueError, match="row 4 is 0"):
        directions(np.eye(5, 2)[[0, 1, 1, 0, 4]])


def test_without_scikit_learn_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.pipeline", None)
    x, y = blobs(20, 0.1, 12)
    with pytest.raises(UserError, match=r"^a linear probe needs scikit-learn: pip install"):
        linear_probe(x, y, x, y)
    with pytest.raises(UserError, match=r"'gan-jax\[analysis\]'"):
        svm_probe(x, y, x, y)
