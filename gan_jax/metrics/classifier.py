"""Small classifiers of the built-in data, trained by the library itself on first use.

They give scores something to measure in. Scores name them, and their fingerprint says
which weights were used: training is deterministic on one machine, but rounding differs
between kinds of processors, so compare digits only under one fingerprint.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import traverse_util

from gan_jax.data.builtin_source import open_builtin
from gan_jax.metrics import cache
from gan_jax.metrics.features import FeatureNet, Features, batched, fit_images
from gan_jax.types import Array, Key, Params

_LOG = logging.getLogger(__name__)


class LabelledImages(NamedTuple):
    """Images and labels, split for training and testing.

    Attributes:
        train_images: uint8 (n, H, W, C).
        train_labels: int32 (n,).
        test_images: uint8 (m, H, W, C).
        test_labels: int32 (m,).
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


class Recipe(NamedTuple):
    """How one classifier is made; a change gives it another cache entry.

    Attributes:
        name: of the classifier.
        shape: (height, width, channels) of the images it sees.
        num_classes: its classes are 0 .. num_classes - 1, those of the data's labels.
        widths: channels of each 3x3 convolution, each followed by ReLU and 2x2 maximum.
        shrink: images are averaged over shrink x shrink pixels first.
        features: width of the hidden layer whose activations are the features.
        epochs: passes over the training data.
        batch: images in a step.
        learning_rate: peak of Adam's one-cycle schedule.
        seed: of the weights and the order of the data.
        version: raised when the training code changes.
    """

    name: str
    shape: tuple[int, int, int]
    num_classes: int
    widths: tuple[int, ...]
    shrink: int
    features: int
    epochs: int
    batch: int
    learning_rate: float
    seed: int = 0
    version: int = 1


class SmallConvNet(nn.Module):
    """3x3 convolutions of stride 1 with pooling, then one hidden layer.

    Stride 1 and pooling by reshape keep training fast on CPUs, where weight gradients of
    strided convolutions are not. Products are in full float32 on every backend.

    Shape: float32 (n, H, W, C) to features (n, d) and logits (n, num_classes).
    """

    recipe: Recipe

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        recipe, exact = self.recipe, jax.lax.Precision.HIGHEST
        if recipe.shrink > 1:
            x = jnp.mean(_blocks(x, recipe.shrink), axis=(2, 4))
        for width in recipe.widths:
            x = nn.relu(nn.Conv(width, (3, 3), precision=exact)(x))
            x = jnp.max(_blocks(x, 2), axis=(2, 4))
        x = x.reshape(x.shape[0], -1)
        features = nn.relu(nn.Dense(recipe.features, precision=exact)(x))
        return features, nn.Dense(recipe.num_classes, precision=exact)(features)


def mnist_images() -> LabelledImages:
    """MNIST, 60,000 training and 10,000 test digits, (28, 28, 1)."""
    return _built_in("mnist")


def emoji_images() -> LabelledImages:
    """Both styles of the emoji pairs with their ten categories, (64, 64, 3)."""
    return _built_in("emoji_google", "emoji_twitter")


def _built_in(*names: str) -> LabelledImages:
    """Built-in data sets one after another."""
    parts = []
    for split in ("train", "test"):
        arrays = [open_builtin(name, split).arrays for name in names]
        parts.append(np.concatenate([each["image"] for each in arrays]))
        parts.append(np.concatenate([each["label"] for each in arrays]).astype(np.int32))
    return LabelledImages(*parts)


CLASSIFIERS: Mapping[str, tuple[Recipe, Callable[[], LabelledImages]]] = MappingProxyType(
    {
        "mnist": (
            Recipe("mnist", (28, 28, 1), 10, (16, 32), 1, 64, 2, 128, 4e-3),
            mnist_images,
        ),
        "emoji": (
            Recipe("emoji", (64, 64, 3), 10, (16, 32, 64), 2, 64, 12, 64, 4e-3),
            emoji_images,
        ),
    }
)
"""The classifiers there are: how each is made, and from what."""


def load_classifier(
    name: str = "mnist", *, cache_dir: str | Path | None = None
) -> FeatureNet:
    """A classifier of built-in data, from the cache, or trained now (well under a minute).

    Args:
        name: one of `CLASSIFIERS`.
        cache_dir: where trained weights are kept; by default `cache.cache_directory()`.

    Returns:
        The net "NAME_classifier"; its features are the hidden layer after ReLU. Any images
        are brought to its shape by `fit_images`.

    Raises:
        ValueError: unknown name.
    """
    if name not in CLASSIFIERS:
        raise ValueError(f"no classifier {name!r}; there are {', '.join(CLASSIFIERS)}")
    recipe, data = CLASSIFIERS[name]
    key = hashlib.sha256(repr(recipe).encode()).hexdigest()[:16]
    path = cache.cache_directory(cache_dir) / f"{name}_classifier-{key}.npz"

    return load_or_train(recipe, data, path)


def load_or_train(
    recipe: Recipe, data: Callable[[], LabelledImages], path: Path
) -> FeatureNet:
    """A classifier whose weights lie in a file; trained and kept there when there are none.

    Args:
        recipe: how it is made.
        data: opens what it is trained on.
        path: of the `.npz` file.
    """

    def make() -> dict[str, np.ndarray]:
        _LOG.warning(
            "training the %s classifier once (half a minute); it is kept in the cache",
            recipe.name,
        )
        return train(recipe, data())

    stored = cache.load_or_make(path, make)
    weights = {path: array for path, array in stored.items() if path != "accuracy"}
    return from_weights(recipe, weights, float(stored["accuracy"]))


def train(recipe: Recipe, data: LabelledImages) -> dict[str, np.ndarray]:
    """Trains a classifier, on the CPU where JAX has one; the same bytes every time.

    Args:
        recipe: how.
        data: images of the recipe's shape.

    Returns:
        Path to weight, and "accuracy", the share of test images classified rightly.
    """
    started = time.monotonic()
    with jax.default_device(_host_device()):
        params = _fit(recipe, data)
        weights = {
            path: np.asarray(leaf)
            for path, leaf in traverse_util.flatten_dict(params, sep="/").items()
        }
        trained = from_weights(recipe, weights, 0.0)
        guesses = trained.logits(data.test_images).argmax(axis=-1)
    accuracy = float(np.mean(guesses == data.test_labels))
    _LOG.info(
        "the %s classifier is right on %.2f %% of test images (%.0f s)",
        recipe.name,
        100.0 * accuracy,
        time.monotonic() - started,
    )
    return weights | {"accuracy": np.asarray(accuracy)}


def from_weights(
    recipe: Recipe, weights: Mapping[str, np.ndarray], accuracy: float
) -> FeatureNet:
    """The classifier of given weights.

    Args:
        recipe: of the network.
        weights: path to float32 array, as `train` returns them without "accuracy".
        accuracy: on held-out images.

    Returns:
        The classifier.
    """
    params = traverse_util.unflatten_dict(dict(weights), sep="/")
    net = SmallConvNet(recipe)

    def forward(images: Array) -> tuple[Array, Array]:
        outputs: Any = net.apply({"params": params}, fit_images(images, recipe.shape))
        return outputs

    outputs = batched(forward)
    return FeatureNet(
        name=f"{recipe.name}_classifier",
        outputs=lambda images: Features(*outputs(images)),
        fingerprint=cache.digest(weights),
        resize="antialiased",
        num_classes=recipe.num_classes,
        accuracy=accuracy,
    )


def _fit(recipe: Recipe, data: LabelledImages) -> Params:
    """Adam on the cross-entropy, its rate in one cycle."""
    net = SmallConvNet(recipe)
    count = len(data.train_images) // recipe.batch
    rates = optax.cosine_onecycle_schedule(
        count * recipe.epochs, recipe.learning_rate, pct_start=0.2
    )
    tx = optax.adam(rates)

    @jax.jit
    def start(key: Key) -> tuple[Params, Any]:
        params = net.init(key, jnp.zeros((1, *recipe.shape)))["params"]
        return params, tx.init(params)

    def loss(params: Params, images: Array, labels: Array) -> Array:
        _, logits = net.apply({"params": params}, fit_images(images, recipe.shape))
        each = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return jnp.mean(each)

    @jax.jit
    def step(params: Params, opt: Any, images: Array, labels: Array) -> tuple[Params, Any]:
        grads = jax.grad(loss)(params, images, labels)
        # Adam of optax relies on JAX's standard promotion of its step count.
        with jax.numpy_dtype_promotion("standard"):
            updates, opt = tx.update(grads, opt, params)
        return optax.apply_updates(params, updates), opt

    params, opt = start(jax.random.key(recipe.seed))
    order = np.random.default_rng(recipe.seed)
    for _ in range(recipe.epochs):
        rows = order.permutation(len(data.train_images))[: count * recipe.batch]
        for batch in rows.reshape(count, recipe.batch):
            images, labels = data.train_images[batch], data.train_labels[batch]
            params, opt = step(params, opt, images, labels)
    return params


def _blocks(x: Array, side: int) -> Array:
    """(n, H, W, C) to (n, H', side, W', side, C), padded with zeros at the far edges."""
    n, height, width, channels = x.shape
    pads = ((0, 0), (0, -height % side), (0, -width % side), (0, 0))
    x = jnp.pad(x, pads)
    return x.reshape(n, x.shape[1] // side, side, x.shape[2] // side, side, channels)


def _host_device() -> jax.Device:
    """A CPU device, where training is deterministic, or else the default device."""
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        return jax.local_devices()[0]
