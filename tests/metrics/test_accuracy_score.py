"""Classification accuracy scores of images whose classes are known exactly."""

import numpy as np
import pytest

from gan_jax.metrics.accuracy_score import (
    accuracy_of,
    classification_accuracy_score,
    recipe_for,
)
from gan_jax.metrics.classifier import LabelledImages, Recipe
from gan_jax.metrics.features import FeatureNet, Features

RECIPE = Recipe("tiny", (8, 8, 1), 3, (4,), 1, 16, 8, 20, 2e-2)


def stripes(n, seed, classes=3):
    """Bright rows, columns or diagonals on noise: classes 0, 1 and 2, in turn."""
    draws = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    images = draws.integers(0, 90, (n, 8, 8, 1))
    for image, label in zip(images, labels, strict=True):
        place = draws.integers(8)
        line = (np.full(8, place), np.arange(8)) if label == 0 else (np.arange(8), place)
        image[line if label < 2 else (np.arange(8), np.arange(8))] += 160
    return images.astype(np.uint8), labels.astype(np.int32)


REAL = LabelledImages(*stripes(300, 0), *stripes(90, 1))


def test_more_real_images_score_like_real_ones():
    found = classification_accuracy_score(REAL, *stripes(300, 2), recipe=RECIPE)
    for accuracy in found:
        np.testing.assert_allclose(accuracy.overall, 0.99, atol=0.02)
        np.testing.assert_allclose(accuracy.per_class, 0.99, atol=0.05)
    np.testing.assert_allclose(found.lost, 0.0, atol=0.05)


def test_exchanged_classes_are_named_by_what_is_lost():
    # Asked for rows the generator draws columns, and the other way round.
    images, labels = stripes(300, 3)
    exchanged = np.array([1, 0, 2], np.int32)[labels]
    found = classification_accuracy_score(REAL, images, exchanged, recipe=RECIPE)
    np.testing.assert_allclose(found.real.per_class, [1.0, 1.0, 1.0], atol=0.05)
    np.testing.assert_allclose(found.score.per_class, [0.0, 0.0, 1.0], atol=0.05)
    np.testing.assert_allclose(found.gan_test.per_class, [0.0, 0.0, 1.0], atol=0.05)
    np.testing.assert_allclose(found.gan_test.overall, 1 / 3, atol=0.02)
    np.testing.assert_allclose(found.lost, [1.0, 1.0, 0.0], atol=0.1)


def test_copies_of_one_image_are_recognised_but_teach_little():
    # The converse alone sees nothing wrong with a generator that has collapsed.
    images, labels = stripes(300, 3)
    copies = images[labels]
    found = classification_accuracy_score(REAL, copies, labels, recipe=RECIPE)
    np.testing.assert_array_equal(found.gan_test.per_class, [1.0, 1.0, 1.0])
    assert found.score.overall < 0.8 * found.real.overall


def test_accuracies_by_hand():
    logits = np.array([[3, 1, 0, 0], [2, 5, 0, 0], [0, 1, 2, 0], [9, 0, 0, 0]], np.float32)
    net = FeatureNet("net", lambda x: Features(logits, logits), "0", "none", 4)
    images = np.zeros((4, 1, 1, 1), np.uint8)
    found = accuracy_of(net, images, np.array([0, 1, 1, 0]))
    assert found.overall == 0.75
    np.testing.assert_array_equal(found.per_class, [1.0, 0.5, np.nan, np.nan])


@pytest.mark.parametrize(
    ("shape", "widths", "shrink", "seen"),
    [
        ((28, 28, 1), (16, 32), 1, (28, 28, 1)),
        ((32, 48, 3), (16, 32, 64), 1, (32, 48, 3)),
        ((64, 64, 4), (16, 32, 64), 2, (64, 64, 3)),
        ((8, 8, 2), (16,), 1, (8, 8, 1)),
    ],
)
def test_recipes_of_any_size(shape, widths, shrink, seen):
    recipe = recipe_for(shape, 7, epochs=3, seed=5)
    assert recipe == Recipe("accuracy", seen, 7, widths, shrink, 64, 3, 128, 4e-3, 5)


def test_bad_input_is_refused():
    images, labels = stripes(30, 4)
    with pytest.raises(ValueError, match=r"generated images are \(4, 8, 1\)"):
        classification_accuracy_score(REAL, images[:, :4], labels, recipe=RECIPE)
    with pytest.raises(ValueError, match=r"generated images lie in 0\.\.3"):
        classification_accuracy_score(REAL, images, np.arange(30) % 4, recipe=RECIPE)
    with pytest.raises(ValueError, match="10 generated images are less than a batch of 20"):
        classification_accuracy_score(REAL, images[:10], labels[:10], recipe=RECIPE)
    with pytest.raises(ValueError, match=r"30 generated images need as many labels"):
        classification_accuracy_score(REAL, images, labels[:20], recipe=RECIPE)
