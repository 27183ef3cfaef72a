"""Digits in other looks."""

import numpy as np

from gan_jax.data import open_source
from gan_jax.data.renderings import edges, inverted


def test_negatives_by_hand():
    x = np.array([0, 1, 200, 255], np.uint8).reshape(1, 2, 2, 1)
    np.testing.assert_array_equal(inverted(x).ravel(), [255, 254, 55, 0])
    np.testing.assert_array_equal(inverted(inverted(x)), x)


def test_edges_of_a_dot_are_the_ring_around_it():
    x = np.zeros((1, 5, 6, 1), np.uint8)
    x[0, 2, 2, 0] = 100
    expected = np.zeros((5, 6), np.uint8)
    expected[1:4, 1:4] = 100
    expected[2, 2] = 0
    np.testing.assert_array_equal(edges(x)[0, ..., 0], expected)


def test_edges_are_how_much_brighter_the_brightest_neighbour_is():
    x = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 2), np.uint8)
    found = edges(x)
    assert found.dtype == np.uint8
    for n, i, j, c in np.ndindex(*x.shape):
        around = x[n, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2, c]
        assert found[n, i, j, c] == around.max() - x[n, i, j, c]


def test_built_in_looks_are_of_the_same_digits():
    digits = open_source("builtin:mnist:test")
    for name, look in (("mnist_inverted", inverted), ("mnist_edges", edges)):
        other = open_source(f"builtin:{name}:test")
        np.testing.assert_array_equal(other.labels, digits.labels)
        shown, known = other.arrays["image"], digits.arrays["image"]
        np.testing.assert_array_equal(shown[:50], look(known[:50]))
        assert (other.num_classes, other.class_names) == (10, digits.class_names)


def test_halves_of_the_training_digits_share_none():
    whole = open_source("builtin:mnist")
    halves = [open_source(f"builtin:mnist:train_{half}") for half in "ab"]
    assert [len(half) for half in halves] == [30_000, 30_000]
    woven = np.stack([half.labels for half in halves], axis=1).ravel()
    np.testing.assert_array_equal(woven, whole.labels)
    np.testing.assert_array_equal(
        halves[1].arrays["image"][:9], whole.arrays["image"][1:19:2]
    )
