"""The feature nets there are, by name.

Nothing but the FID's own network gives a number that may be called FID: every score carries
the name of its net.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from gan_jax import trees
from gan_jax.errors import UserError
from gan_jax.interop.state_dict import Imported
from gan_jax.metrics import cache, resize, weights_store
from gan_jax.metrics.classifier import CLASSIFIERS, load_classifier
from gan_jax.metrics.features import (
    FeatureNet,
    Features,
    batched,
    fit_channels,
    fit_images,
    thumbnails,
)
from gan_jax.metrics.weights_store import Origin
from gan_jax.networks import efficientnet, resnet50, squeezenet
from gan_jax.types import Array, PyTree

OFFLINE = ("efficientnet_lite0", "squeezenet11", "mnist_classifier", "emoji_classifier",
           "pixels_8x8")  # fmt: skip
"""Nets that need neither a file nor the internet."""

_INCEPTION_SIDE = 299
# Means and deviations of ImageNet's red, green and blue in [0, 1].
_MEANS, _DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_THUMBNAILS = re.compile(r"pixels_([1-9]\d*)x\1")


class Recipe(NamedTuple):
    """How a network becomes a feature net.

    Attributes:
        origin: of its weights.
        prepare: uint8 (n, H, W, C) to what the network sees, float32 (n, side, side, 3).
        take: the network's outputs to (features,) or (features, logits).
        resize: how images come to its size.
        chunk: rows that a device computes at a time.
        num_classes: of the logits.
        version: raised when the function changes.
    """

    origin: Origin
    prepare: Callable[[Array], Array]
    take: Callable[[Any], tuple[Array, ...]]
    resize: str
    chunk: int
    num_classes: int | None = None
    version: int = 1


def _legacy(images: Array) -> Array:
    """As pytorch-fid: [0, 255] to [-1, 1]."""
    size = (_INCEPTION_SIDE, _INCEPTION_SIDE)
    return resize.legacy(fit_channels(images, 3), size) * (2.0 / 255.0) - 1.0


def _clean(images: Array) -> Array:
    """As clean-fid, whose network takes 128 for the middle."""
    size = (_INCEPTION_SIDE, _INCEPTION_SIDE)
    return (resize.clean(fit_channels(images, 3), size) - 128.0) / 128.0


def _lite(images: Array) -> Array:
    shape = (efficientnet.SIDE, efficientnet.SIDE, 3)
    return (fit_images(images, shape) * 255.0 - 127.0) / 128.0


def _squeezed(images: Array) -> Array:
    shape = (squeezenet.SIDE, squeezenet.SIDE, 3)
    return squeezenet.prepare(fit_images(images, shape) * 255.0)


def _normalised(images: Array) -> Array:
    """ImageNet's, of the whole image: pictures of generators have no borders to crop."""
    pixels = resize.clean(fit_channels(images, 3), (resnet50.SIDE, resnet50.SIDE)) / 255.0
    means, deviations = (jnp.asarray(x)[None, None, None] for x in (_MEANS, _DEVIATIONS))
    return (pixels - means) / deviations


def _alone(features: Array) -> tuple[Array]:
    return (features,)


def _two(outputs: Any) -> tuple[Array, Array]:
    """Of a tuple whose first two are features and logits."""
    features, logits = outputs[:2]
    return features, logits


_INCEPTION = Recipe(
    Origin("inception", "inception", (("biased", False),)),
    _legacy,
    _two,
    "legacy",
    chunk=32,
    num_classes=1008,
)
_BUILT_IN: Mapping[str, Recipe] = MappingProxyType(
    {
        "efficientnet_lite0": Recipe(
            Origin("efficientnet", "efficientnet_lite0"), _lite, _alone, "antialiased", 32
        ),
        "squeezenet11": Recipe(
            Origin("squeezenet", "squeezenet11"),
            _squeezed,
            _two,
            "antialiased",
            chunk=32,
            num_classes=1000,
        ),
    }
)
_INCEPTIONS: Mapping[str, Recipe] = MappingProxyType(
    {
        "inception": _INCEPTION,
        "inception_clean": _INCEPTION._replace(prepare=_clean, resize="clean"),
    }
)
_SUPPLIED: Mapping[str, Recipe] = MappingProxyType(
    {
        name: Recipe(Origin(*origin), _normalised, _alone, "clean", chunk=32)
        for name, origin in {
            "dino_vits16": ("dino", "vits16"),
            "dino_vitb16": ("dino", "vitb16"),
            "dino_resnet50": ("torchvision_resnet", "resnet50"),
            "swav_resnet50": ("torchvision_resnet", "resnet50"),
        }.items()
    }
)


def open_features(spec: str, *, cache_dir: str | Path | None = None) -> FeatureNet:
    """A feature net by name.

    Args:
        spec: "efficientnet_lite0" or "squeezenet11" (ImageNet, with the package),
            "mnist_classifier" or "emoji_classifier" (trained on first use), "pixels_8x8" or
            any other square; "inception" (as pytorch-fid) or "inception_clean" (as
            clean-fid), whose weights are in the cache or downloaded into it, or
            "inception:PATH"; "dino_vits16:PATH", "dino_vitb16:PATH", "dino_resnet50:PATH"
            or "swav_resnet50:PATH" with published weights at PATH.
        cache_dir: see `cache.cache_directory`.

    Returns:
        The net; its name is that of the spec without a path.

    Raises:
        UserError: there is no such net, its weights are missing, or they are of something
            else.
    """
    name, colon, path = spec.partition(":")
    if name in _INCEPTIONS or (name in _SUPPLIED and path):
        recipe = {**_INCEPTIONS, **_SUPPLIED}[name]
        if path:
            found = weights_store.from_file(path, recipe.origin)
        else:
            found = weights_store.published(
                weights_store.INCEPTION, recipe.origin, _otherwise(name), cache_dir
            )
        return _of_network(name, recipe, found)
    if name in _SUPPLIED:
        raise UserError(f"{name} needs published weights: {name}:PATH")
    if colon:
        raise UserError(f"{name!r} takes no file of weights, got {spec!r}")
    if name in _BUILT_IN:
        recipe = _BUILT_IN[name]
        return _of_network(name, recipe, weights_store.built_in(name, recipe.origin))
    if name.removesuffix("_classifier") in CLASSIFIERS and name.endswith("_classifier"):
        return load_classifier(name.removesuffix("_classifier"), cache_dir=cache_dir)
    if match := _THUMBNAILS.fullmatch(name):
        return thumbnails(int(match.group(1)))
    with_files = [f"{each}:PATH" for each in _SUPPLIED]
    known = ", ".join((*OFFLINE, *_INCEPTIONS, "inception:PATH", *with_files))
    raise UserError(f"there are no features {spec!r}; there are {known}")


def from_function(
    name: str,
    fn: Callable[[np.ndarray], np.ndarray | tuple[np.ndarray, np.ndarray] | Features],
    *,
    fingerprint: str,
    resize: str = "none",
    num_classes: int | None = None,
) -> FeatureNet:
    """A feature net of any function, in JAX or not.

    Args:
        name: goes into the names of scores.
        fn: uint8 images (n, H, W, C) to features (n, d), or to features and logits
            (n, num_classes), each row by itself.
        fingerprint: says when the function changes; any text, such as the digest of a file
            of weights.
        resize: how it brings images to its size, in a word.
        num_classes: of the logits, if it gives any.

    Returns:
        The net; it raises ValueError where the function gives other shapes.
    """

    def outputs(images: np.ndarray) -> Features:
        found = fn(images)
        features, logits = found if isinstance(found, tuple) else (found, None)
        features = np.asarray(features, np.float32)
        logits = None if logits is None else np.asarray(logits, np.float32)
        _check(name, len(images), features, logits, num_classes)
        return Features(features, logits)

    whole = hashlib.sha256(f"{name} {resize} {fingerprint}".encode()).hexdigest()
    return FeatureNet(name, outputs, whole, resize, num_classes)


def _check(
    name: str,
    rows: int,
    features: np.ndarray,
    logits: np.ndarray | None,
    num_classes: int | None,
) -> None:
    if features.ndim != 2 or len(features) != rows:
        raise ValueError(
            f"{name} gave features {features.shape} of {rows} images, not ({rows}, d)"
        )
    found = None if logits is None else logits.shape
    expected = None if num_classes is None else (rows, num_classes)
    if found != expected:
        raise ValueError(f"{name} gave logits {found}, but num_classes is {num_classes}")


class ActivationNet(NamedTuple):
    """A network's feature maps, for distances between images.

    Attributes:
        name: of the network.
        activations: float32 images (n, H, W, 1 or 3) in [-1, 1], at their own size, to
            feature maps (n, h, w, c) of several layers; pure and differentiable.
        fingerprint: changes when the function or its weights do; a hexadecimal digest.
    """

    name: str
    activations: Callable[[Array], Sequence[Array]]
    fingerprint: str


def squeezenet_activations() -> ActivationNet:
    """The seven feature maps of SqueezeNet 1.1 that perceptual distances compare."""
    name = "squeezenet11"
    found = weights_store.built_in(name, _BUILT_IN[name].origin)

    def activations(images: Array) -> Sequence[Array]:
        pixels = (images.astype(jnp.float32) + 1.0) * 127.5
        colours = jnp.broadcast_to(pixels, (*pixels.shape[:3], 3))
        seen = squeezenet.prepare(colours)
        outputs: Any = found.module.apply(found.variables, seen)
        return list(outputs.activations)

    return ActivationNet(name, activations, _fingerprint(name, 1, found.variables))


def _of_network(name: str, recipe: Recipe, found: Imported) -> FeatureNet:
    """The feature net of a network and its weights."""

    def forward(variables: PyTree, images: Array) -> tuple[Array, ...]:
        return recipe.take(found.module.apply(variables, recipe.prepare(images)))

    rows = batched(forward, recipe.chunk, found.variables)
    return FeatureNet(
        name,
        lambda images: Features(*rows(images)),
        _fingerprint(f"{name} {recipe.resize}", recipe.version, found.variables),
        recipe.resize,
        recipe.num_classes,
    )


def _fingerprint(what: str, version: int, variables: PyTree) -> str:
    arrays = {path: np.asarray(leaf) for path, leaf in trees.leaves_with_path(variables)}
    whole = f"{what} {version} {cache.digest(arrays)}"
    return hashlib.sha256(whole.encode()).hexdigest()


def _otherwise(name: str) -> str:
    return f"or name a file, {name}:PATH; these features need none: {', '.join(OFFLINE)}"
