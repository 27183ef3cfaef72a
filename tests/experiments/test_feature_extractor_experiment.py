"""The study of discriminators as feature extractors: k-means by hand, draws, the page."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.feature_extractor import kmeans, measure, page
from experiments.feature_extractor.measure import FEATURES, PIXELS, Read
from experiments.feature_extractor.runs import CLASSES, LABELS, METHODS, SEEDS, make_config
from gan_jax import loop
from gan_jax.config import flatten
from gan_jax.metrics.classifier import LabelledImages


def test_runs_differ_in_their_seed_and_see_no_labels():
    first, second = (flatten(make_config(METHODS[0], seed)) for seed in SEEDS[:2])
    assert {name for name in first if first[name] != second[name]} == {"seed"}
    assert first["data.num_classes"] is None


def test_patches_are_of_the_images():
    values = np.arange(2 * 8 * 8, dtype=np.uint8).reshape(2, 8, 8, 1)
    patches = kmeans.random_patches(values, 200, 0)
    assert patches.shape == (200, 36)
    offsets = (8 * np.arange(6)[:, None] + np.arange(6)).reshape(-1)
    np.testing.assert_array_equal(patches - patches[:, :1], np.tile(offsets, (200, 1)))
    # Three places down and three across, in two images, all drawn.
    corners = {64 * i + 8 * t + x for i in (0, 1) for t in range(3) for x in range(3)}
    assert set(patches[:, 0].astype(int)) == corners


def test_normalised_patches_by_hand():
    found = kmeans.normalised(jnp.array([[1.0, 3.0], [7.0, 7.0]]))
    share = 1.0 / np.sqrt(1.0 + kmeans.CONTRAST)
    np.testing.assert_allclose(found, [[-share, share], [0.0, 0.0]], rtol=1e-6)


def test_whitening_and_centroids_of_two_clouds():
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], 400)
    ramp = np.linspace(-100.0, 100.0, 4)
    patches = signs[:, None] * ramp + rng.normal(0.0, 4.0, (400, 4))
    found = kmeans.learn(patches.astype(np.float32), 2, 0)
    rows = np.asarray(kmeans.normalised(jnp.asarray(patches, jnp.float32)), np.float64)
    rows -= rows.mean(axis=0)
    white = rows @ found.whitening
    variances = np.linalg.eigvalsh(np.cov(rows, rowvar=False, bias=True))
    expected = variances / (variances + kmeans.EVEN)
    np.testing.assert_allclose(
        np.linalg.eigvalsh(np.cov(white, rowvar=False, bias=True)), expected, atol=1e-5
    )
    np.testing.assert_allclose(found.whitening, found.whitening.T, atol=1e-6)
    means = np.stack([white[signs < 0].mean(axis=0), white[signs > 0].mean(axis=0)])
    order = np.argsort(found.centroids[:, -1])
    np.testing.assert_allclose(found.centroids[order], means, atol=0.05)


def test_triangle_activations_by_hand():
    centroids = jnp.array([[0.0, 0.0], [3.0, 4.0], [0.0, 10.0]])
    # Distances 0, 5, 10 of the first row and 5, 0, sqrt(45) of the second.
    found = kmeans.triangle(jnp.array([[0.0, 0.0], [3.0, 4.0]]), centroids)
    mean = (5.0 + np.sqrt(45.0)) / 3.0
    expected = [[5.0, 0.0, 0.0], [0.0, mean, 0.0]]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_quadrants_sum_what_they_cover():
    maps = jnp.arange(9.0).reshape(1, 3, 3, 1)
    found = kmeans.quadrants(jnp.concatenate([maps, 2.0 * maps], axis=-1))
    # The middle row and column go to the lower and the right quarters.
    quarters = np.array([0.0, 1.0 + 2.0, 3.0 + 6.0, 4.0 + 5.0 + 7.0 + 8.0])
    np.testing.assert_allclose(found, np.outer(quarters, [1.0, 2.0]).reshape(1, -1))


def test_features_of_images_are_those_of_their_patches():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 9, 9, 1), np.uint8)
    dictionary = kmeans.learn(kmeans.random_patches(images, 100, 0), 5, 0)
    # Away from every patch, where float32 has no small distances to lose.
    dictionary = dictionary._replace(centroids=np.float32(rng.normal(size=(5, 36))))
    found = kmeans.kmeans_features(dictionary).features(images)
    assert found.shape == (3, 20)
    # Every place by itself, in float64.
    maps = np.zeros((3, 4, 4, 5))
    for row, top, left in np.ndindex(3, 4, 4):
        patch = images[row, top : top + 6, left : left + 6].astype(float).reshape(-1)
        patch = (patch - patch.mean()) / np.sqrt(patch.var() + 10.0)
        white = (patch - dictionary.mean) @ dictionary.whitening
        apart = np.linalg.norm(white - dictionary.centroids, axis=1)
        maps[row, top, left] = np.maximum(apart.mean() - apart, 0.0)
    halves = (slice(None, 2), slice(2, None))
    parts = [maps[:, t, x].sum(axis=(1, 2)) for t in halves for x in halves]
    np.testing.assert_allclose(found, np.concatenate(parts, axis=1), atol=1e-3)


def _digits(count):
    rng = np.random.default_rng(0)
    labels = np.tile(np.arange(CLASSES, dtype=np.int32), count)
    images = rng.integers(0, 20, (len(labels), 8, 8, 1), np.uint8)
    images[np.arange(len(labels)), labels % 8, labels // 8] = 255
    return images, labels


def test_draws_are_of_every_class_and_nested():
    labels = np.repeat(np.arange(CLASSES), 30)[::-1]
    few, many = (measure.draw_labels(labels, each, 1) for each in (2, 7))
    np.testing.assert_array_equal(labels[many], np.repeat(np.arange(CLASSES), 7))
    assert set(few) <= set(many)
    assert len(set(many)) == 70
    assert set(many) != set(measure.draw_labels(labels, 7, 2))


def test_svms_learn_what_a_pixel_tells(monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "LABELS", (5, 10))
    digits = LabelledImages(*_digits(12), *_digits(3))
    extract = measure.extractor(PIXELS, 0, tmp_path, digits)
    found = measure.read_out(extract, digits, 0)
    assert found.width == 64
    assert found.accuracy[10] == 1.0
    assert set(found.accuracy) == set(found.chosen) == {5, 10}
    made = []

    def make():
        made.append(found)
        return found

    file = tmp_path / "read.json"
    assert measure.kept(file, make) == found
    assert measure.kept(file, make) == found
    assert len(made) == 1


def test_untrained_features_are_those_of_the_seed(tmp_path):
    config = make_config(METHODS[0], 0)
    changes = {
        "train.steps": 2, "train.batch_size": 8, "model.width": 2, "samples.every": 0,
        "checkpoint.every": 2, "log.every": 1, "data.image_shape": (16, 16, 1),
    }  # fmt: skip
    config.update_from_flattened_dict(changes)
    loop.train(config, tmp_path / "run")
    digits = LabelledImages(*_digits(1), *_digits(1))
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1), np.uint8)
    trained, untrained, other = (
        measure.extractor(name, seed, tmp_path / "run", digits)(images)
        for name, seed in (
            (measure.TRAINED, 0), (measure.UNTRAINED, 0), (measure.UNTRAINED, 1)
        )
    )  # fmt: skip
    # Maps of 8 x 8 with 2 channels and of 4 x 4 with 4, both on grids of 4 x 4.
    assert trained.shape == untrained.shape == (2, 16 * (2 + 4))
    # Two steps of Adam move every weight by 2e-3 at most; another seed draws others.
    assert 0.0 < np.abs(trained - untrained).max() < np.abs(other - untrained).max()
    assert measure.minutes(tmp_path / "run") > 0.0


def _read(width, shares):
    accuracy = dict(zip(LABELS, shares, strict=True))
    return Read(width, accuracy, dict.fromkeys(LABELS, 1e-2))


def test_page_tells_what_was_measured():
    base = {name: 0.9 - 0.1 * place for place, name in enumerate(FEATURES)}
    found = {
        name: [_read(1_792, (share - 0.2 + 0.01 * seed, share, share)) for seed in SEEDS]
        for name, share in base.items()
    }
    text = " ".join(page.page(found, 2.25).split())
    row = "1,792 | 71.0% (70.0% to 72.0%) | 90.0% (90.0% to 90.0%)"
    assert f"| DCGAN's discriminator | {row} |" in text
    assert "10 labels a class: DCGAN's discriminator is best, 10.0 points above" in text
    assert "Training adds 10.0 points to the discriminator (10.0 to 10.0)" in text
    assert "beside k-means it stands at +20.0 points, beside pixels at +30.0" in text
    assert "C was 0.01, the larger, in 36 of 36 fits" in text
    assert "2.2 minutes" in text or "2.3 minutes" in text
    assert page.mean_accuracy(found[PIXELS], 10) == pytest.approx(0.41)
