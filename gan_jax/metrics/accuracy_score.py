"""What a classifier learns from generated images, and what it makes of them.

Classification accuracy score: train on generated images, test on real ones (Ravuri and
Vinyals, 1905.10887; "GAN-train" of Shmelkov, Schmid and Alahari, 1807.09499). It falls with
what is missing and with what is wrong. "GAN-test", the converse, falls with what is wrong
only. Class by class, it says which ones a generator has dropped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gan_jax.metrics.classifier import LabelledImages, Recipe, from_weights, train
from gan_jax.metrics.features import FeatureNet

_COARSE = 32
_COARSEST = 8


class Accuracy(NamedTuple):
    """Shares of a test set that are classified rightly.

    Attributes:
        overall: of all images.
        per_class: of the images of each class, float64 (classes,); NaN where there are
            none.
    """

    overall: float
    per_class: np.ndarray


class AccuracyScore(NamedTuple):
    """Three accuracies of one kind of classifier.

    Attributes:
        score: trained on generated images, tested on real ones.
        real: trained on real images, tested on real ones: what the score can reach.
        gan_test: trained on real images, tested on generated ones.
    """

    score: Accuracy
    real: Accuracy
    gan_test: Accuracy

    @property
    def lost(self) -> np.ndarray:
        """By how much each class is recognised less often for having learnt it from
        generated images, float64 (classes,).
        """
        return self.real.per_class - self.score.per_class


def classification_accuracy_score(
    real: LabelledImages,
    fake_images: np.ndarray,
    fake_labels: np.ndarray,
    *,
    recipe: Recipe | None = None,
) -> AccuracyScore:
    """Trains one classifier on generated images and one on real ones, alike in all else.

    Scores compare only under one recipe and one number of images. By convention there are
    as many generated images, class by class, as real ones to train on.

    Args:
        real: images to train and to test on.
        fake_images: uint8 (k, H, W, C), of the shape of the real ones.
        fake_labels: int (k,), the classes they were asked for.
        recipe: of the classifier; by default `recipe_for` the images.

    Returns:
        The accuracies; the same every time on one machine.

    Raises:
        ValueError: unlike shapes, labels beyond the recipe's classes, or fewer images to
            train on than a batch.
    """
    if fake_images.shape[1:] != real.train_images.shape[1:]:
        raise ValueError(
            f"generated images are {fake_images.shape[1:]}, but the real ones are "
            f"{real.train_images.shape[1:]}"
        )
    if recipe is None:
        recipe = recipe_for(real.train_images.shape[1:], int(real.train_labels.max()) + 1)
    fake = LabelledImages(
        fake_images, fake_labels.astype(np.int32), real.test_images, real.test_labels
    )
    for name, images, labels in (
        ("real training", *real[:2]),
        ("real test", *real[2:]),
        ("generated", *fake[:2]),
    ):
        _check(name, images, labels, recipe)
    for name, images in (("real", real.train_images), ("generated", fake_images)):
        if len(images) < recipe.batch:
            raise ValueError(
                f"{len(images)} {name} images are less than a batch of {recipe.batch} to "
                "train on"
            )
    from_fake, from_real = _trained(recipe, fake), _trained(recipe, real)
    return AccuracyScore(
        score=accuracy_of(from_fake, real.test_images, real.test_labels),
        real=accuracy_of(from_real, real.test_images, real.test_labels),
        gan_test=accuracy_of(from_real, fake_images, fake.train_labels),
    )


def accuracy_of(net: FeatureNet, images: np.ndarray, labels: np.ndarray) -> Accuracy:
    """What of labelled images a classifier recognises.

    Args:
        net: with logits.
        images: uint8 (n, H, W, C).
        labels: int (n,).

    Returns:
        Accuracies.
    """
    logits = net.logits(images)
    right = logits.argmax(axis=1) == labels
    counts = np.bincount(labels, minlength=logits.shape[1])
    found = np.bincount(labels, weights=right, minlength=logits.shape[1])
    shares = np.where(counts > 0, found / np.maximum(counts, 1), np.nan)
    return Accuracy(float(right.mean()), shares)


def recipe_for(
    shape: tuple[int, ...], num_classes: int, *, epochs: int = 10, seed: int = 0
) -> Recipe:
    """A small classifier for images of any size.

    Images are shrunk until the smaller side is at most 32, and halved after convolutions of
    16, 32, ... channels until it is less than 8.

    Args:
        shape: (height, width, channels) of the images.
        num_classes: their labels are below.
        epochs: passes over the training data.
        seed: of the weights and the order of the data.

    Returns:
        The recipe.
    """
    height, width, channels = shape
    shrink = 1
    while min(height, width) > _COARSE * shrink:
        shrink *= 2
    side, widths = -(-min(height, width) // shrink), [16]
    while (side := -(-side // 2)) >= _COARSEST:
        widths.append(2 * widths[-1])
    seen = (height, width, 1 if channels < 3 else 3)
    return Recipe(
        "accuracy", seen, num_classes, tuple(widths), shrink, 64, epochs, 128, 4e-3, seed
    )


def _trained(recipe: Recipe, data: LabelledImages) -> FeatureNet:
    weights = train(recipe, data)
    accuracy = float(weights.pop("accuracy"))
    return from_weights(recipe, weights, accuracy)


def _check(name: str, images: np.ndarray, labels: np.ndarray, recipe: Recipe) -> None:
    """Raises ValueError if labels do not fit the images or the recipe."""
    if not len(images) or labels.shape != (len(images),):
        raise ValueError(
            f"{len(images)} {name} images need as many labels, got {labels.shape}"
        )
    if labels.min() < 0 or labels.max() >= recipe.num_classes:
        raise ValueError(
            f"labels of the {name} images lie in {labels.min()}..{labels.max()}, but the "
            f"classifier has the classes 0..{recipe.num_classes - 1}"
        )
