"""Inception Score against reference values and closed forms."""

from pathlib import Path

import numpy as np
import pytest

from gan_jax.metrics.inception_score import inception_score

GOLDEN = np.load(
    Path(__file__).parents[1] / "golden" / "06_inception_score.npz", allow_pickle=False
)
LOGITS = GOLDEN["in/logits"]


@pytest.mark.parametrize("splits", [1, 5, 10])
def test_reference_values(splits):
    score = inception_score(LOGITS, splits=splits)
    np.testing.assert_allclose(score.mean, GOLDEN[f"out/splits{splits}_mean"], rtol=1e-12)
    np.testing.assert_allclose(
        score.std, GOLDEN[f"out/splits{splits}_std"], rtol=1e-10, atol=1e-15
    )


def test_reference_values_of_shuffled_rows():
    rows = np.random.RandomState(2020).permutation(len(LOGITS))
    score = inception_score(LOGITS[rows], splits=10)
    expected = GOLDEN["out/splits10_shuffled_seed2020_mean"]
    np.testing.assert_allclose(score.mean, expected, rtol=1e-12)


def test_certain_and_balanced_classes_score_their_number():
    certain = 1e4 * np.tile(np.eye(7), (3, 1))
    np.testing.assert_allclose(inception_score(certain).mean, 7.0, rtol=1e-12)


def test_probability_zero_contributes_nothing():
    # Two classes that float64 gives probability exactly 0 in every row.
    logits = np.array([[0.0, -1e5, 5e3, -1e5], [5e3, -1e5, 0.0, -1e5]])
    np.testing.assert_allclose(inception_score(logits).mean, 2.0, rtol=1e-12)


def test_a_logit_of_minus_infinity_is_a_probability_of_zero():
    with np.errstate(divide="ignore"):
        certain = np.log(np.tile(np.eye(5), (4, 1)))
        shares = np.log([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]])
    np.testing.assert_allclose(inception_score(certain).mean, 5.0, rtol=1e-12)
    # The marginal is (1/2, 1/4, 1/4): KL = log(1) / 2 + log(2) / 2 of either row.
    np.testing.assert_allclose(inception_score(shares).mean, np.sqrt(2.0), rtol=1e-12)
    with pytest.raises(ValueError, match=r"index \(1, 0\) is -inf"):
        inception_score(np.array([[0.0, 1.0], [-np.inf, -np.inf]]))
    with pytest.raises(ValueError, match=r"index \(0, 1\) is inf"):
        inception_score(np.array([[0.0, np.inf]]))


def test_equal_rows_score_one():
    score = inception_score(np.tile([0.3, -2.0, 1.0], (6, 1)), splits=3)
    np.testing.assert_allclose(score, (1.0, 0.0), atol=1e-12)


def test_shift_of_a_rows_logits_changes_nothing():
    shift = np.linspace(-500.0, 500.0, len(LOGITS))[:, None]
    np.testing.assert_allclose(
        inception_score(LOGITS + shift).mean, inception_score(LOGITS).mean, rtol=1e-10
    )


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="splits <= number of logits, got 4 and 3"):
        inception_score(LOGITS[:3], splits=4)
    with pytest.raises(ValueError, match=r"index \(0, 0\) is nan"):
        inception_score(LOGITS * np.nan)
