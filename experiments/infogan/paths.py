"""What changes in a picture when a code, or noise, runs along its range."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.infogan.runs import CONTINUOUS, VALUES
from gan_jax import prng
from gan_jax.analyses.common import Generate
from gan_jax.metrics.features import FeatureNet
from gan_jax.numerics import to_uint8
from gan_jax.trained import Trained
from gan_jax.types import Array

PATHS, STEPS = 100, 21
"""Paths of each kind, and pictures on a path, both ends among them."""
NAMES = (
    *(f"continuous code {index + 1}" for index in range(CONTINUOUS)),
    "one noise value",
    "all noise",
)
"""What runs along a path, from -1 to 1; all noise runs from one draw to another."""


class Paths(NamedTuple):
    """Means over paths.

    Attributes:
        change: root mean squared difference of the pictures at both ends, of 255.
        largest: the largest of a path's steps, in the classifier's features, over the mean
            one: 1 is even, and a path that jumps once has one as large as their number.
        kept: share of paths on which the classifier sees one class all along.
        slant: change from one end to the other of the shift of a row of the picture to the
            right, a row further up, in pixels.
        ink: change from one end to the other of the mean brightness, in percent of that
            in the middle.
    """

    change: float
    largest: float
    kept: float
    slant: float
    ink: float


def path_latents(latents: Array, others: Array) -> Array:
    """Latents (len(NAMES), n, STEPS, Z) of paths.

    Args:
        latents: (n, Z), what does not run.
        others: (n, Z), whose noise is at the far end of the paths of all noise.
    """
    noise = latents.shape[1] - VALUES - CONTINUOUS
    still = jnp.repeat(latents[:, None], STEPS, axis=1)
    reach = jnp.linspace(-1.0, 1.0, STEPS)[None]
    # Continuous codes are the last places, noise is the first ones.
    single = [
        still.at[:, :, place].set(reach)
        for place in (*range(noise + VALUES, latents.shape[1]), 0)
    ]
    share = 0.5 * (reach[..., None] + 1.0)
    mixed = latents[:, None, :noise] * (1.0 - share) + others[:, None, :noise] * share
    return jnp.stack([*single, still.at[:, :, :noise].set(mixed)])


def slants(images: np.ndarray) -> np.ndarray:
    """By how many pixels the ink of a row lies further right than that of the row below:
    the slope of a least squares line of columns over rows, 0 of an empty image.

    Args:
        images: uint8 (..., H, W, 1).

    Returns:
        float64 (...).
    """
    ink = images[..., 0].astype(np.float64)
    height, width = ink.shape[-2:]
    total = np.maximum(ink.sum(axis=(-2, -1)), 1e-9)
    up, right = -np.arange(height, dtype=float)[:, None], np.arange(width, dtype=float)

    def mean(values: np.ndarray) -> np.ndarray:
        average: np.ndarray = (ink * values).sum(axis=(-2, -1)) / total
        return average

    spread = mean(up * up) - mean(up) ** 2
    return (mean(up * right) - mean(up) * mean(right)) / np.maximum(spread, 1e-9)


def paths_of(images: np.ndarray, features: np.ndarray, seen: np.ndarray) -> Paths:
    """What happens along paths of one kind.

    Args:
        images: uint8 (n, steps, H, W, 1).
        features: float (n, steps, d), the classifier's.
        seen: int (n, steps), classes that it sees.
    """
    values = images.astype(np.float64)
    apart = np.sqrt(np.square(values[:, -1] - values[:, 0]).mean(axis=(1, 2, 3)))
    moves = np.linalg.norm(np.diff(features.astype(np.float64), axis=1), axis=-1)
    # A path that does not move at all is even.
    uneven = moves.max(axis=1) / np.maximum(moves.mean(axis=1), 1e-9)
    ink, tilt = values.mean(axis=(2, 3, 4)), slants(images)
    middle = np.maximum(ink[:, ink.shape[1] // 2], 1e-9)
    return Paths(
        change=float(apart.mean()),
        largest=float(uneven.mean()),
        kept=float((seen == seen[:, :1]).all(axis=1).mean()),
        slant=float((tilt[:, -1] - tilt[:, 0]).mean()),
        ink=float(100.0 * ((ink[:, -1] - ink[:, 0]) / middle).mean()),
    )


def measure_paths(
    run: Trained, make: Generate, net: FeatureNet, seed: int
) -> dict[str, Paths]:
    """Paths of each of `NAMES`, from the same latents.

    Args:
        run: an InfoGAN's.
        make: its generator.
        net: the classifier.
        seed: of the latents.
    """
    key = prng.fold_name(jax.random.key(seed), "paths")
    latents, others = (run.latents(k, PATHS) for k in jax.random.split(key))
    found = {}
    for name, path in zip(NAMES, path_latents(latents, others), strict=True):
        images = np.stack([np.asarray(to_uint8(make(each, None))) for each in path])
        features, logits = net.outputs(images.reshape(-1, *images.shape[2:]))
        assert logits is not None  # it is a classifier
        found[name] = paths_of(
            images,
            features.reshape(PATHS, STEPS, -1),
            logits.argmax(axis=1).reshape(PATHS, STEPS),
        )
    return found
