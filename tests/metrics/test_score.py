"""Scorers, on nets whose outputs are known."""

import numpy as np
import pytest

from gan_jax.metrics import frechet
from gan_jax.metrics.classifier import Classifier
from gan_jax.metrics.features import FeatureNet, thumbnails
from gan_jax.metrics.modes import Modes
from gan_jax.metrics.score import make_point_scorer, make_scorer

# Classes are told by the brightest of three pixels, sure where it is brighter by 2.
SHARPNESS = 2.0


def reading_features(calls):
    def features(images):
        calls.append(len(images))
        return images.reshape(len(images), -1).astype(np.float32)

    return features


def reading_classifier(calls):
    features = reading_features(calls)

    def outputs(images):
        values = features(images)
        return values, SHARPNESS * values

    return Classifier(
        "reader", features, lambda x: outputs(x)[1], outputs, 3, 1.0, "fingerprint"
    )


def images(rows):
    return np.asarray(rows, np.uint8).reshape(-1, 1, 3, 1)


REAL = images(np.random.default_rng(0).integers(0, 9, (30, 3)))


def test_frechet_distance_is_that_of_the_features(tmp_path):
    net = FeatureNet("reader", reading_features([]), "fingerprint")
    fake = images(np.random.default_rng(1).integers(0, 9, (20, 3)))
    scores = make_scorer(net, REAL, cache_dir=tmp_path)(fake)
    expected = frechet.frechet_distance(REAL.reshape(30, 3), fake.reshape(20, 3))
    assert list(scores) == ["frechet_distance/reader"]
    np.testing.assert_allclose(scores["frechet_distance/reader"], expected, rtol=1e-12)


def test_recognition_by_hand(tmp_path):
    scorer = make_scorer(reading_classifier([]), REAL, cache_dir=tmp_path)
    fake = images([[9, 0, 0], [8, 1, 0], [3, 3, 2], [0, 5, 0], [0, 2, 2], [7, 7, 7]])
    unasked = scorer(fake)
    # Sure: rows 0, 1, 3. Guesses (first of equals): 0, 0, 0, 1, 1, 0.
    shares = np.array([4, 2]) / 6
    balance = np.exp(-np.sum(shares * np.log(shares))) / 3
    np.testing.assert_allclose(unasked["recognised_share/reader"], 0.5)
    np.testing.assert_allclose(unasked["class_balance/reader"], balance)
    assert "classifier_accuracy/reader" not in unasked
    asked = scorer(fake, np.array([0, 1, 0, 1, 2, 0]))
    np.testing.assert_allclose(asked.pop("classifier_accuracy/reader"), 4 / 6)
    assert asked == unasked


def test_reference_is_computed_once_for_one_net_and_one_set_of_images(tmp_path):
    calls = []
    net = FeatureNet("reader", reading_features(calls), "fingerprint")
    first = make_scorer(net, REAL, cache_dir=tmp_path)
    again = make_scorer(net, REAL, cache_dir=tmp_path)
    assert calls == [30]
    assert first(REAL[:9]) == again(REAL[:9])
    assert first.fingerprint == again.fingerprint
    changed = REAL.copy()
    changed[7, 0, 1, 0] ^= 1
    others = [
        make_scorer(net, changed, cache_dir=tmp_path),
        make_scorer(net, REAL[:29], cache_dir=tmp_path),
        make_scorer(net, REAL.reshape(-1, 3, 1, 1), cache_dir=tmp_path),
        make_scorer(net._replace(fingerprint="other"), REAL, cache_dir=tmp_path),
    ]
    assert calls == [30, 9, 9, 30, 29, 30, 30]
    assert len({scorer.fingerprint for scorer in [first, *others]}) == 5


def test_score_of_a_set_does_not_depend_on_anything_else(tmp_path):
    scorer = make_scorer(thumbnails(2), REAL, cache_dir=tmp_path)
    before = scorer(REAL[:11])
    scorer(255 - REAL)
    assert scorer(REAL[:11]) == before
    np.testing.assert_allclose(scorer(REAL)["frechet_distance/pixels_2x2"], 0.0, atol=1e-12)


def test_bad_input_is_refused(tmp_path):
    scorer = make_scorer(reading_classifier([]), REAL, cache_dir=tmp_path)
    with pytest.raises(ValueError, match=r"samples are \(3, 1, 1\), but the real images"):
        scorer(REAL.reshape(-1, 3, 1, 1))
    with pytest.raises(ValueError, match=r"labels lie in 0..3, .* classes 0..2"):
        scorer(REAL[:2], np.array([0, 3]))
    with pytest.raises(ValueError, match=r"labels of shape \(2,\), got \(3,\)"):
        scorer(REAL[:2], np.array([0, 1, 2]))
    with pytest.raises(ValueError, match="at least 2 rows, got 1"):
        scorer(REAL[:1])


def test_points_with_and_without_modes():
    modes = Modes(np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]]), sigma=0.5)
    draws = np.random.default_rng(2)
    real, fake = draws.standard_normal((2, 50, 2))
    expected = frechet.frechet_distance(real, fake)
    scores = make_point_scorer(real)(fake)
    assert scores == {"frechet_distance/coordinates": expected}
    fake[0] = [4.0, 0.2]
    found = make_point_scorer(real, modes)(fake)
    near = np.linalg.norm(fake[:, None] - modes.centres[None], axis=2).min(axis=1) <= 1.5
    assert found["modes_found/coordinates"] == 2.0
    np.testing.assert_allclose(found["high_quality_share/coordinates"], near.mean())
