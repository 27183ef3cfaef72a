"""The Fréchet distance within classes."""

import numpy as np
import pytest

from gan_jax.metrics.frechet import frechet_distance
from gan_jax.metrics.intra_class import intra_class_frechet_distance

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.standard_normal((60, 3)), RNG.standard_normal((45, 3)) + 1.0
REAL_LABELS, FAKE_LABELS = np.arange(60) % 3 * 4, np.arange(45) % 3 * 4


def test_the_mean_of_the_distances_of_each_class():
    found = intra_class_frechet_distance(REAL, REAL_LABELS, FAKE, FAKE_LABELS)
    expected = [frechet_distance(REAL[i::3], FAKE[i::3]) for i in range(3)]
    np.testing.assert_array_equal(found.classes, [0, 4, 8])
    np.testing.assert_allclose(found.distances, expected, rtol=1e-12)
    np.testing.assert_allclose(found.mean, np.mean(expected), rtol=1e-12)


def test_swapped_classes_are_seen_only_within_them():
    # Two classes 10 apart: together alike, within each (10)^2 apart.
    at = 10.0 * (np.arange(40) % 2)[:, None]
    rows = RNG.standard_normal((40, 1)) + at
    labels = np.arange(40) % 2
    found = intra_class_frechet_distance(rows, labels, rows, labels)
    np.testing.assert_allclose(found.mean, 0.0, atol=1e-9)
    swapped = intra_class_frechet_distance(rows, labels, rows, 1 - labels)
    means = [rows[labels == each].mean() for each in (0, 1)]
    spreads = [rows[labels == each].std(ddof=1) for each in (0, 1)]
    expected = (means[0] - means[1]) ** 2 + (spreads[0] - spreads[1]) ** 2
    np.testing.assert_allclose(swapped.distances, [expected, expected], rtol=1e-10)
    np.testing.assert_allclose(frechet_distance(rows, rows), 0.0, atol=1e-9)


def test_classes_with_too_few_rows_are_named():
    labels = FAKE_LABELS.copy()
    labels[labels == 8] = 4
    names = [f"number {i}" for i in range(9)]
    message = r"at least 2 real and fake rows; too few have 'number 8' \(20 real, 0 fake\)"
    with pytest.raises(ValueError, match=message):
        intra_class_frechet_distance(REAL, REAL_LABELS, FAKE, labels, names=names)
    message = r"at least 16 .* 0 \(20 real, 15 fake\), 4 \(20 real, 15 fake\), 8"
    with pytest.raises(ValueError, match=message):
        intra_class_frechet_distance(REAL, REAL_LABELS, FAKE, FAKE_LABELS, minimum=16)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"fake labels must be int \(45,\)"):
        intra_class_frechet_distance(REAL, REAL_LABELS, FAKE, FAKE_LABELS[:44])
    with pytest.raises(ValueError, match=r"real labels must be int \(60,\), got float64"):
        intra_class_frechet_distance(REAL, REAL_LABELS / 2, FAKE, FAKE_LABELS)
    with pytest.raises(ValueError, match="minimum >= 2"):
        intra_class_frechet_distance(REAL, REAL_LABELS, FAKE, FAKE_LABELS, minimum=1)
