"""The study of labels: its runs differ in these alone, its scores are what they say."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

from experiments.conditional import measure, page
from experiments.conditional.measure import Finished, Labelled, Scores
from experiments.conditional.runs import CHANCE, METHODS, SEEDS, make_config
from gan_jax.config import flatten
from gan_jax.metrics.accuracy_score import Accuracy
from gan_jax.metrics.features import FeatureNet, Features
from gan_jax.registry import resolve


def test_runs_differ_in_where_labels_enter():
    configs = {name: flatten(make_config(name, 1)) for name in METHODS}
    for name, config in configs.items():
        unlike = {k for k, v in config.items() if v != configs["cgan"].get(k)}
        allowed = {"method"}
        if name == CHANCE:
            allowed |= {"data.num_classes", "score.every"}
        if name == "spectral":
            allowed |= {"model.d_norm", "recipe.loss", "recipe.d_transform"}
            assert {"model.d_norm", "recipe.loss", "recipe.d_transform"} <= unlike
        if name == "hidden":
            rates = {f"recipe.{player}_optimizer.learning_rate" for player in "gd"}
            assert rates <= unlike
            allowed |= rates | {"train.steps", "samples.every", "checkpoint.every"}
        assert unlike <= allowed
        assert config["seed"] == 1
    told = ("method", "data.num_classes", "recipe.loss")
    assert len({tuple(c[name] for name in told) for c in configs.values()}) == len(METHODS)


def _inputs(name):
    """Values that the generator takes, and channels that the discriminator does."""
    game = resolve(make_config(name, 0), (28, 28, 1)).program[-1].game
    shapes = {
        net: jax.eval_shape(game.nets[net].init, jax.random.key(0))[0]
        for net in ("generator", "discriminator")
    }
    latent = shapes["generator"]["project"]["kernel"].shape[0]
    image = shapes["discriminator"]["conv_0"]["kernel"].shape[2]
    return latent, image


def test_labels_enter_where_the_page_says():
    # Latents of 100 values, images of 1 channel, 10 one-hot labels or a vector of 128.
    assert _inputs("cgan") == (110, 11)
    assert _inputs("hidden") == (228, 1)
    assert _inputs("acgan") == (110, 1)
    assert _inputs("projection") == (100, 1)
    assert _inputs(CHANCE) == (100, 1)


def test_balanced_takes_classes_in_turn_and_skips():
    labels = np.tile(np.arange(10)[::-1], 6)
    images = np.arange(60, dtype=np.uint8).reshape(60, 1, 1, 1)
    first, rest = (measure.balanced(images, labels, 3, skip=skip) for skip in (0, 3))
    for found in (first, rest):
        np.testing.assert_array_equal(found.labels, np.tile(np.arange(10), 3))
        np.testing.assert_array_equal(labels[found.images[:, 0, 0, 0]], found.labels)
    both = np.concatenate([first.images, rest.images])
    np.testing.assert_array_equal(np.sort(both[:, 0, 0, 0]), np.arange(60))


def _square_difference(first, second):
    return np.mean((first.astype(float) - second) ** 2, axis=(1, 2, 3))


def test_two_images_of_a_class_by_hand():
    # Class 0 at -1 and 1 along an axis: variance 2 of two rows; class 1 all alike; class 2
    # has one image, which has no other to differ from.
    features = np.array([[-1.0, 0.0], [1.0, 0.0], [5.0, 5.0], [5.0, 5.0], [9.0, 9.0]])
    images = np.array([3, 7, 2, 2, 9], np.uint8).reshape(5, 1, 1, 1)
    labels = np.array([0, 0, 1, 1, 2], np.int32)
    spread, apart = measure.within_classes(
        Labelled(images, labels), features, _square_difference
    )
    assert spread == pytest.approx((2.0 + 0.0) / 2.0)
    assert apart == pytest.approx((16.0 + 0.0) / 2.0)


def test_scores_count_wrong_samples_as_wrong_and_not_as_variety():
    def outputs(images):
        values = images[:, 0, 0].astype(np.float64)
        return Features(values, np.eye(10)[images[:, 0, 0, 0] % 10])

    net = FeatureNet("toy", outputs, "fingerprint", "none", 10)
    labels = np.tile(np.arange(10, dtype=np.int32), 4)
    tens = np.repeat(np.array([0, 20], np.int32), 20)
    pixels = np.stack([labels + tens, labels + tens], -1).astype(np.uint8)
    real = Labelled(pixels.reshape(40, 1, 1, 2), labels)
    score = measure.score_in(net, real, _square_difference)
    same = score(real)
    assert same.accuracy.overall == 1.0
    assert same.distance == pytest.approx(0.0, abs=1e-6)
    assert same.intra_class == pytest.approx(0.0, abs=1e-6)
    wrong = real.images.copy()
    wrong[0] = 5
    found = score(Labelled(wrong, labels))
    assert found.accuracy.overall == pytest.approx(39 / 40)
    np.testing.assert_allclose(found.accuracy.per_class, [0.75] + [1.0] * 9)
    assert found.intra_class > 0.0
    # Of class 0 are left 0, 20 and 20 of both features, of others twice 0 and twice 20.
    variance, others = 2.0 * 400.0 / 3.0, 2.0 * 400.0 / 3.0
    expected = 0.1 * np.sqrt(2.0 * variance) + 0.9 * np.sqrt(2.0 * others)
    assert found.spread == pytest.approx(expected)


def test_samples_are_of_the_labels_in_turn(tmp_path):
    from gan_jax import loop

    config = make_config("cgan", 0)
    changes = {
        "train.steps": 2, "train.batch_size": 8, "model.width": 2, "score.every": 0,
        "samples.every": 0, "checkpoint.every": 2, "log.every": 1,
    }  # fmt: skip
    config.update_from_flattened_dict(changes)
    loop.train(config, tmp_path / "run")
    samples = measure.samples_of(tmp_path / "run", 3, 25)
    assert samples.images.shape == (25, 28, 28, 1)
    assert samples.images.dtype == np.uint8
    np.testing.assert_array_equal(samples.labels, np.arange(25) % 10)
    again = measure.samples_of(tmp_path / "run", 3, 25)
    np.testing.assert_array_equal(samples.images, again.images)
    with (tmp_path / "run" / "metrics.jsonl").open("a") as log:
        for step, share in ((3, 0.5), (4, 0.75)):
            line = {"step": step, "score/classifier_accuracy/mnist_classifier": share}
            log.write(f"{json.dumps(line)}\n")

    found = measure.measure(tmp_path / "run", 3, lambda images: len(images.labels), 7)
    assert found.scores == 10 * measure.EACH
    assert len(found.shown) == 7
    np.testing.assert_array_equal(found.steps, [3, 4])
    np.testing.assert_array_equal(found.curve, [0.5, 0.75])


def _scores(overall, distance):
    per_class = np.full(10, overall)
    per_class[7] -= 0.05
    return Scores(Accuracy(overall, per_class), distance, 2.0 * distance, 12.0, 2.5)


def _finished(overall, distance):
    nothing = np.zeros(0)
    return Finished(_scores(overall, distance), nothing, nothing, nothing, 1.25)


def test_page_tells_what_was_measured():
    shares = {
        "cgan": 0.96, "hidden": 0.94, "acgan": 0.99, "projection": 0.5, "spectral": 0.945,
        CHANCE: 0.1,
    }  # fmt: skip
    runs = {
        name: [_finished(share + 0.01 * i, 4.0 + i) for i in (-1, 0, 1)]
        for name, share in shares.items()
    }
    known = {page.REAL: _scores(0.985, 3.0), page.MORE: _scores(0.99, 1.0)}
    text = " ".join(page.page(runs, known, 0.985).split())
    assert len(SEEDS) == 3
    row = "96.0% (95.0% to 97.0%) | 4.0 (3.0 to 5.0) | 8.0 (6.0 to 10.0)"
    assert f"| CGAN | {row} | 12.00 (12.00 to 12.00) |" in text
    assert "| held-out digits | 98.5% | 3.0 | 6.0 | 12.00 | 2.500 |" in text
    assert (
        "in the mean over seeds with CGAN; ACGAN, and in every seed with CGAN; ACGAN."
        in text
    )
    assert "chance is 10.0%" in text
    assert (
        "| projection | 50% | 50% | 50% | 50% | 50% | 50% | 50% | 45% | 50% | 50% |" in text
    )
    assert "hidden concatenation 7 (89%)" in text
    assert "- spread: CGAN 100%; hidden" in text
