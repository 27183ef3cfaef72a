"""The table of measures, and what it gathers, on nets whose outputs are known."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import metrics, prng
from gan_jax.metrics import frechet, perceptual
from gan_jax.metrics.features import FeatureNet
from gan_jax.metrics.measures import (
    MEASURES,
    Collector,
    Context,
    Evidence,
    Generator,
    Styled,
)
from gan_jax.metrics.modes import Modes
from gan_jax.metrics.perceptual import PerceptualDistance

DRAWS = np.random.default_rng(0)
REAL = DRAWS.standard_normal((40, 3)).astype(np.float32)
FAKE = DRAWS.standard_normal((30, 3)).astype(np.float32) + 0.5
NET = FeatureNet("reader", lambda x: x, "f", "none", num_classes=3)


def gathered(rows, needs, size):
    found = Collector(needs, "features")
    for start in range(0, len(rows), size):
        found.add({"features": rows[start : start + size]})
    return found.evidence()


@pytest.mark.parametrize("size", [1, 7, 30])
def test_gathering_does_not_depend_on_blocks(size):
    whole = gathered(FAKE, {"statistics", "features"}, size)
    expected = frechet.statistics(FAKE)
    assert whole.size == 30
    np.testing.assert_array_equal(whole["mean"], expected.mean)
    np.testing.assert_array_equal(whole["covariance"], expected.covariance)
    np.testing.assert_array_equal(whole["features"], FAKE)
    assert gathered(FAKE, {"statistics"}, size).get("features") is None
    assert gathered(FAKE, {"features"}, size).get("mean") is None


def test_a_feature_that_is_not_finite_is_named_by_its_row():
    bad = FAKE.copy()
    bad[23, 1] = np.nan
    with pytest.raises(ValueError, match=r"index \(23, 1\) is nan"):
        gathered(bad, {"statistics"}, 7)


def test_frechet_distance_is_that_of_the_features():
    real, fake = (gathered(x, {"statistics"}, 9) for x in (REAL, FAKE))
    found = MEASURES["frechet_distance"].run(Context(NET, real, fake))
    expected = frechet.frechet_distance(REAL, FAKE)
    assert found["frechet_distance"].value == expected


def recognised(labels):
    rows = [[9, 0, 0], [8, 1, 0], [3, 3, 2], [0, 5, 0], [0, 2, 2], [7, 7, 7]]
    logits = 2.0 * np.asarray(rows, np.float32)
    known = {"logits": logits} | ({} if labels is None else {"labels": labels})
    fake = Evidence(6, known)
    found = MEASURES["recognition"].run(Context(NET, Evidence(0), fake, num_classes=3))
    return {name: value.value for name, value in found.items()}


def test_recognition_by_hand():
    unasked = recognised(None)
    # Sure: rows 0, 1, 3. Guesses (first of equals): 0, 0, 0, 1, 1, 0.
    shares = np.array([4, 2]) / 6
    balance = np.exp(-np.sum(shares * np.log(shares))) / 3
    assert unasked == {
        "recognised_share": 0.5,
        "class_balance": pytest.approx(balance, rel=1e-12),
    }
    asked = recognised(np.array([0, 1, 0, 1, 2, 0]))
    assert asked.pop("classifier_accuracy") == pytest.approx(4 / 6)
    assert asked == unasked


def test_labels_that_are_no_classes_are_refused():
    logits = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"labels lie in 0..3, .* classes 0..2"):
        metrics.recognition(logits, np.array([0, 3]))
    with pytest.raises(ValueError, match=r"labels of shape \(2,\), got \(3,\)"):
        metrics.recognition(logits, np.array([0, 1, 2]))


def test_modes_by_hand():
    modes = Modes(np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]]), sigma=0.5)
    points = np.array([[0.1, 0.0], [4.0, 0.2], [2.0, 2.0], [0.2, 0.1]], np.float32)
    context = Context(NET, Evidence(0), Evidence(4, {"images": points}), modes=modes)
    found = MEASURES["modes"].run(context)
    assert {name: value.value for name, value in found.items()} == {
        "modes_found": 2.0,
        "high_quality_share": 0.75,
    }


def test_every_measure_says_which_direction_is_better():
    for name, measure in MEASURES.items():
        assert measure.better, name
        assert set(measure.better.values()) <= {"lower", "higher", ""}, name
        assert measure.points or measure.images, name


# Every measure is its function on the arrays.

N, CLASSES = 40, 2
IMAGES = {
    side: DRAWS.integers(0, 256, (N, 32, 32, 3), dtype=np.uint8)
    for side in ("real", "fake", "held_out")
}
LABELS = np.arange(N, dtype=np.int32) % CLASSES


def known(side, shift):
    features = DRAWS.standard_normal((N, 3)).astype(np.float32) + np.float32(shift)
    moments = frechet.statistics(features)
    return Evidence(
        N,
        {
            "mean": moments.mean,
            "covariance": moments.covariance,
            "features": features,
            "logits": features,
            "images": IMAGES[side],
            "labels": LABELS,
        },
    )


WHOLE = Context(
    NET,
    known("real", 0.0),
    known("fake", 0.5),
    known("held_out", 0.0),
    num_classes=CLASSES,
    seed=3,
)
X, Y, H = (each["features"] for each in (WHOLE.real, WHOLE.fake, WHOLE.held_out))


def taken(name, **options):
    found = MEASURES[name].run(WHOLE, **options)
    assert set(MEASURES[name].better) >= {n for n in found if not n[-1].isdigit()}
    return {title: value.value for title, value in found.items()}


def test_measures_of_features():
    expected = metrics.frechet_distance_infinity(X, Y, halvings=2, seed=3)
    found = MEASURES["frechet_distance_infinity"].run(WHOLE, halvings=2)
    value = found["frechet_distance_infinity"]
    assert (value.value, value.low, value.high) == expected[:3]
    expected = metrics.intra_class_frechet_distance(X, LABELS, Y, LABELS)
    assert taken("intra_class_frechet_distance") == {
        "intra_class_frechet_distance": expected.mean
    }
    subsets = metrics.kernel_distance_subsets(X, Y, subsets=5, size=10, seed=3)
    assert taken("kernel_distance", subsets=5, size=10) == {"kernel_distance": subsets.mean}
    found = MEASURES["kernel_distance_of_all"].run(WHOLE)["kernel_distance_of_all"]
    interval = metrics.kernel_distance_interval(X, Y)
    assert (found.value, found.low, found.high) == (
        interval.value,
        interval.low,
        interval.high,
    )
    shares = metrics.precision_recall_density_coverage(X, Y, neighbours=3)
    assert taken("precision_recall", neighbours=3) == shares._asdict()
    sliced = metrics.sliced_wasserstein(X, Y, projections=8, seed=3)
    assert taken("sliced_wasserstein", projections=8) == {"sliced_wasserstein": sliced}
    expected = metrics.memorisation(X, H, Y, seed=3)
    assert taken("memorisation") == {
        "memorisation_z": expected.z,
        "memorised_share": expected.share_closer,
    }
    score = metrics.inception_score(Y, 4)
    assert taken("inception_score", splits=4) == {"inception_score": score.mean}


def test_closest_pairs_beside_those_of_real_examples():
    fake, real = (np.median(metrics.closest_pairs(x, batch=10).distances) for x in (Y, X))
    assert taken("birthday", batch=10) == {"closest_pair_ratio": fake / real}
    support = metrics.birthday_support(Y, batch=10, threshold=fake)
    found = taken("birthday", batch=10, threshold=fake)
    assert np.isfinite(support.size)
    assert found["support_size"] == support.size
    # Without a pair that is near enough only the lower end is known.
    support = metrics.birthday_support(Y, batch=10, threshold=1e-6)
    found = MEASURES["birthday"].run(WHOLE, batch=10, threshold=1e-6)["support_size"]
    assert (found.value, found.low, found.high) == (support.low, support.low, None)


def test_measures_of_images():
    real, fake, held_out = IMAGES["real"], IMAGES["fake"], IMAGES["held_out"]
    two_scales = partial(metrics.ms_ssim, scales=2)  # 32 pixels have room for two
    expected = metrics.mean_over_pairs(two_scales, fake, LABELS, pairs=6, seed=3)
    assert taken("ms_ssim", pairs=6) == {"ms_ssim": expected.mean}
    pyramid = metrics.pyramid_distance(real, fake, patches=4, projections=8, seed=3)
    found = taken("pyramid_distance", patches=4, projections=8)
    assert found.pop("pyramid_distance") == pyramid.mean
    sides = zip(pyramid.sides, pyramid.distances, strict=True)
    assert found == {f"pyramid_distance_{side}": distance for side, distance in sides}
    flat = [x.reshape(len(x), -1) / np.float32(255.0) for x in (fake, real[:20], held_out)]
    parzen = metrics.parzen_score(*flat)
    assert taken("parzen", validation=20) == {
        "parzen_log_likelihood": parzen.mean,
        "parzen_bandwidth": parzen.bandwidth,
    }


def test_what_is_missing_is_named():
    bare = Context(NET, Evidence(0), Evidence(0))
    with pytest.raises(ValueError, match="needs features, and there are none"):
        MEASURES["kernel_distance"].run(bare)
    with pytest.raises(ValueError, match="needs held-out examples, and there are none"):
        MEASURES["memorisation"].run(bare)
    with pytest.raises(ValueError, match="needs a generator, and there are none"):
        MEASURES["path_length"].run(bare)
    plain = Generator(lambda keys, n, labels: keys, lambda z, labels: z, None)
    with pytest.raises(ValueError, match="needs styles of the generator, and there are"):
        MEASURES["path_length_w"].run(bare._replace(generator=plain))


TO_W = DRAWS.normal(size=(6, 2 * 5)).astype(np.float32)
TO_PIXELS = DRAWS.normal(size=(2 * 5, 4 * 4 * 2)).astype(np.float32) / 8.0


@pytest.mark.parametrize("classes", [None, 3])
def test_path_lengths_in_w_of_a_linear_synthesis(monkeypatch, classes):
    """At the ends of straight lines, and in pixels: a Frobenius norm."""

    def squared(first, second):
        return jnp.square(first - second).sum(axis=(1, 2, 3))

    distance = PerceptualDistance("pixels", squared, None, "")
    monkeypatch.setattr(perceptual, "squeezenet_distance", lambda: distance)

    def shift(labels):
        return 0.0 if classes is None else labels[:, None].astype(jnp.float32)

    def latents(keys, n, labels):
        assert labels is None
        return prng.draw(keys, lambda key: jax.random.normal(key, (6,)))

    def mapping(z, labels):
        return (jnp.exp(shift(labels)) * (z @ TO_W)).reshape(-1, 2, 5)

    def synthesis(ws):
        return (ws.reshape(-1, 10) @ TO_PIXELS).reshape(-1, 4, 4, 2)

    made = Generator(latents, lambda z, labels: z, classes, Styled(mapping, synthesis))
    context = WHOLE._replace(generator=made)
    found = MEASURES["path_length_w"].run(context, samples=40)["path_length_w"]
    keys = prng.fold_rows(jax.random.key(3), jnp.arange(40))
    first, second = (
        np.asarray(latents(prng.stream(keys, end), 40, None), np.float64)
        for end in ("first", "second")
    )
    scale = 1.0 if classes is None else np.exp(np.arange(40) % 3)[:, None]
    lengths = np.square(scale * (second - first) @ TO_W @ TO_PIXELS).sum(axis=1)
    np.testing.assert_allclose(found.value, lengths.mean(), rtol=5e-3)
    np.testing.assert_allclose(found.std, lengths.std(), rtol=5e-3)


def test_what_numbers_are_measured_in():
    media = {name: measure.medium for name, measure in MEASURES.items() if measure.medium}
    assert {name: medium().name for name, medium in media.items()} == {
        "ms_ssim": "pixels",
        "perceptual_diversity": "perceptual_squeezenet11",
        "pyramid_distance": "pixels",
        "parzen": "pixels",
        "classification_accuracy": "pixels",
        "path_length": "perceptual_squeezenet11",
        "path_length_w": "perceptual_squeezenet11",
        "modes": "coordinates",
    }
