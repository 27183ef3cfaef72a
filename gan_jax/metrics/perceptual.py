"""How far apart two images are to a network: distances of its normalised activations.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric"
(1801.03924), equation 1. It is LPIPS only with the network and the linear weights that its
authors published; with weights of 1 it is their untrained baseline, and numbers compare
only under one name and fingerprint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from gan_jax.metrics import cache
from gan_jax.metrics.extractors import squeezenet_activations
from gan_jax.metrics.image_quality import Measure, paired
from gan_jax.numerics import safe_sqrt, sum_per_example, to_unit
from gan_jax.types import Array

Activations = Callable[[Array], Sequence[Array]]
"""`(images) -> maps`: float32 (n, H, W, C) in [-1, 1], to float (n, h, w, c) of several
layers, each row by itself."""

Distance = Callable[[Array, Array], Array]
"""`(first, second) -> distances`: float images (n, H, W, C) in [-1, 1] twice, to float32
(n,); pure and differentiable."""

_TINY = 1e-10
_CHUNK = 32


class PerceptualDistance(NamedTuple):
    """A distance of images in a network's activations.

    Attributes:
        name: goes into the name of every score.
        distance: of float images, under `jit` and `grad`.
        measure: the same of many uint8 images on the host, in chunks.
        fingerprint: changes when the network, its weights or those of the layers do.
    """

    name: str
    distance: Distance
    measure: Measure
    fingerprint: str


def perceptual_distance(
    activations: Activations,
    *,
    name: str,
    fingerprint: str,
    weights: Sequence[np.ndarray] | None = None,
) -> PerceptualDistance:
    """Squared differences of activations that are scaled to length 1 over channels,
    weighted, averaged over space and summed over channels and layers.

    Args:
        activations: of the network.
        name: of the network, such as "squeezenet11"; the distance is "perceptual/NAME", or
            "weighted_perceptual/NAME" with weights.
        fingerprint: hexadecimal digest of the network's function and weights.
        weights: of each layer's channels, float (c,), such as the published linear weights
            of LPIPS; None for 1.

    Returns:
        The distance; 0 for equal images. It raises ValueError where there is not one weight
        per channel of every layer.
    """
    scales = None if weights is None else [np.asarray(w, np.float32) for w in weights]

    def distance(first: Array, second: Array) -> Array:
        ones, others = activations(first), activations(second)
        if scales is not None:
            _check_weights(ones, scales)
        total = jnp.zeros((first.shape[0],), jnp.float32)
        for layer, (a, b) in enumerate(zip(ones, others, strict=True)):
            squares = jnp.square(_unit(a) - _unit(b))
            if scales is not None:
                squares = squares * jnp.asarray(scales[layer]).reshape(1, 1, 1, -1)
            total = total + sum_per_example(squares) / (a.shape[1] * a.shape[2])
        return total

    kind = "perceptual" if scales is None else "weighted_perceptual"
    if scales is not None:
        given = cache.digest({f"{layer:03d}": w for layer, w in enumerate(scales)})
        fingerprint = hashlib.sha256(f"{fingerprint} {given}".encode()).hexdigest()
    measure = paired(lambda a, b: distance(to_unit(a), to_unit(b)), _CHUNK)
    return PerceptualDistance(f"{kind}/{name}", distance, measure, fingerprint)


def squeezenet_distance(
    weights: Sequence[np.ndarray] | None = None,
) -> PerceptualDistance:
    """The distance in SqueezeNet 1.1, whose weights come with the package.

    It is not LPIPS, not even with the linear weights published for this architecture, which
    were fitted to another training of it.

    Args:
        weights: of the channels of its seven layers; None for 1.

    Returns:
        The distance "perceptual/squeezenet11" of images of 1 or 3 channels, at their own
        size.
    """
    net = squeezenet_activations()
    return perceptual_distance(
        net.activations, name=net.name, fingerprint=net.fingerprint, weights=weights
    )


def _unit(x: Array) -> Array:
    """Activations (n, h, w, c) of length 1 at every place; where none is active, 0."""
    x = x.astype(jnp.float32)
    return x / (safe_sqrt(jnp.sum(jnp.square(x), axis=-1, keepdims=True)) + _TINY)


def _check_weights(maps: Sequence[Array], weights: Sequence[np.ndarray]) -> None:
    """Raises ValueError if there is not one weight per channel of every layer."""
    channels, given = [(x.shape[-1],) for x in maps], [w.shape for w in weights]
    if channels != given:
        raise ValueError(f"layers of {channels} channels need as many weights, got {given}")
