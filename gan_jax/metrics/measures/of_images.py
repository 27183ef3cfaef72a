"""Measures of pixels, and of the generator itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from gan_jax.metrics import perceptual
from gan_jax.metrics.accuracy_score import classification_accuracy_score, recipe_for
from gan_jax.metrics.classifier import LabelledImages
from gan_jax.metrics.image_quality import fitting_scales, mean_over_pairs, ms_ssim
from gan_jax.metrics.laplacian import pyramid_distance
from gan_jax.metrics.measures.evidence import (
    Context,
    Evidence,
    Generator,
    Measure,
    Medium,
    Value,
    needed,
)
from gan_jax.metrics.parzen import parzen_score
from gan_jax.metrics.path_length import PathLength, perceptual_path_length
from gan_jax.types import Array, Key


def _ms_ssim(
    context: Context, *, pairs: int = 100, scales: int | None = None
) -> Mapping[str, Value]:
    """How alike samples of a class are: near 1 where few are drawn again and again. At as
    many scales as there is room for, if none are asked for.
    """
    images = context.fake["images"]
    found = mean_over_pairs(
        partial(ms_ssim, scales=scales or max(fitting_scales(min(images.shape[1:3])), 1)),
        images,
        context.fake.get("labels"),
        pairs=pairs,
        seed=context.seed,
    )
    return {"ms_ssim": Value(found.mean)}


def _perceptual_diversity(context: Context, *, pairs: int = 100) -> Mapping[str, Value]:
    found = mean_over_pairs(
        perceptual.squeezenet_distance().measure,
        context.fake["images"],
        context.fake.get("labels"),
        pairs=pairs,
        seed=context.seed,
    )
    return {"perceptual_diversity": Value(found.mean)}


def _pyramid(
    context: Context, *, patches: int = 128, projections: int = 512
) -> Mapping[str, Value]:
    found = pyramid_distance(
        context.real["images"],
        context.fake["images"],
        patches=patches,
        projections=projections,
        seed=context.seed,
    )
    sides = zip(found.sides, found.distances, strict=True)
    each = {f"pyramid_distance_{side}": Value(distance) for side, distance in sides}
    return {"pyramid_distance": Value(found.mean)} | each


def _parzen(context: Context, *, validation: int = 1000) -> Mapping[str, Value]:
    """Log-likelihood of held-out examples, pixels in [0, 1] being the coordinates."""
    held_out = needed(context.held_out, "held-out examples")
    real, fake = _flat(context.real), _flat(context.fake)
    found = parzen_score(fake, real[:validation], _flat(held_out))
    return {
        "parzen_log_likelihood": Value(found.mean, found.error),
        "parzen_bandwidth": Value(found.bandwidth),
    }


def _flat(examples: Evidence) -> np.ndarray:
    images = examples["images"]
    flat = images.reshape(len(images), -1)
    return flat / np.float32(255.0) if images.dtype == np.uint8 else flat


def _accuracy(context: Context, *, epochs: int = 10) -> Mapping[str, Value]:
    held_out = needed(context.held_out, "held-out examples")
    real = LabelledImages(
        context.real["images"],
        context.real["labels"],
        held_out["images"],
        held_out["labels"],
    )
    classes = int(needed(context.num_classes, "classes"))
    found = classification_accuracy_score(
        real,
        context.fake["images"],
        context.fake["labels"],
        recipe=recipe_for(
            real.train_images.shape[1:], classes, epochs=epochs, seed=context.seed
        ),
    )
    return {
        "classification_accuracy_score": Value(found.score.overall),
        "real_accuracy": Value(found.real.overall),
        "gan_test": Value(found.gan_test.overall),
    }


def _path_length(
    context: Context, *, paths: str = "full", samples: int = 1000, epsilon: float = 1e-4
) -> Mapping[str, Value]:
    """In z, as 1812.04948 measures generators without styles."""
    generator = needed(context.generator, "a generator")

    def generate(z: Array, *asked: Array) -> Array:
        return generator.generate(z, asked[0] if asked else None)

    found = _lengths(context.seed, generator, generate, None, paths, samples, epsilon)
    return {"path_length_z": Value(found.mean, found.std)}


def _path_length_w(
    context: Context, *, paths: str = "ends", samples: int = 1000, epsilon: float = 1e-4
) -> Mapping[str, Value]:
    """In w, at the ends of paths as 1912.04958 has it, with the noise that is kept."""
    generator = needed(context.generator, "a generator")
    styled = needed(generator.styled, "styles of the generator")

    def mapping(z: Array, *asked: Array) -> Array:
        return styled.mapping(z, asked[0] if asked else None)

    def generate(ws: Array, *asked: Array) -> Array:
        del asked
        return styled.synthesis(ws)

    found = _lengths(context.seed, generator, generate, mapping, paths, samples, epsilon)
    return {"path_length_w": Value(found.mean, found.std)}


def _lengths(
    seed: int,
    generator: Generator,
    generate: Callable[..., Array],
    mapping: Callable[..., Array] | None,
    paths: str,
    samples: int,
    epsilon: float,
) -> PathLength:
    """Of a generator in w if there is a mapping, else in z; classes take turns."""
    classes = generator.num_classes

    def latents(keys: Key) -> Array:
        return generator.latents(keys, keys.shape[0], None)

    return perceptual_path_length(
        generate,
        latents,
        perceptual.squeezenet_distance().distance,
        space="z" if mapping is None else "w",
        paths=paths,
        mapping=mapping,
        samples=samples,
        labels=None if classes is None else np.arange(samples, dtype=np.int32) % classes,
        epsilon=epsilon,
        seed=seed,
    )


def _pixels() -> Medium:
    return Medium("pixels", "pixels")


def _squeezenet() -> Medium:
    found = perceptual.squeezenet_distance()
    return Medium(found.name.replace("/", "_"), found.fingerprint)


_BOTH, _LABELLED = ("images",), ("images", "labels")

OF_IMAGES = {
    "ms_ssim": Measure(_ms_ssim, {"ms_ssim": "lower"}, fake=_LABELLED, medium=_pixels),
    "perceptual_diversity": Measure(
        _perceptual_diversity,
        {"perceptual_diversity": "higher"},
        fake=_LABELLED,
        medium=_squeezenet,
    ),
    "pyramid_distance": Measure(
        _pyramid, {"pyramid_distance": "lower"}, real=_BOTH, fake=_BOTH, medium=_pixels
    ),
    "parzen": Measure(
        _parzen,
        {"parzen_log_likelihood": "higher", "parzen_bandwidth": ""},
        real=_BOTH,
        fake=_BOTH,
        held_out=_BOTH,
        medium=_pixels,
        points=True,
    ),
    "classification_accuracy": Measure(
        _accuracy,
        {
            "classification_accuracy_score": "higher",
            "real_accuracy": "",
            "gan_test": "higher",
        },
        real=_LABELLED,
        fake=_LABELLED,
        held_out=_LABELLED,
        classes=True,
        medium=_pixels,
    ),
    "path_length": Measure(
        _path_length, {"path_length_z": "lower"}, generator=True, medium=_squeezenet
    ),
    "path_length_w": Measure(
        _path_length_w,
        {"path_length_w": "lower"},
        generator=True,
        styles=True,
        medium=_squeezenet,
    ),
}
