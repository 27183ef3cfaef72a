"""Features of k-means on patches: the baseline that DCGAN's paper names.

Coates and Ng, "Learning Feature Representations with K-means" (2012), and Coates, Lee and
Ng, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning" (2011).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits

from gan_jax.metrics import cache
from gan_jax.metrics.features import FeatureNet, Features, batched
from gan_jax.types import Array

PATCH, PATCHES, CENTROIDS = 6, 50_000, 448
"""PATCH: side of patches. Four quadrants of `CENTROIDS` are as many features as the
discriminator's."""
CONTRAST, EVEN = 10.0, 0.1
"""Added to the variance of a patch, of pixels in [0, 255], and to those of whitening."""
_CHUNK = 20


class Dictionary(NamedTuple):
    """What was learnt of patches.

    Attributes:
        mean: of normalised patches, float32 (p,) with p = PATCH * PATCH * channels.
        whitening: symmetric, float32 (p, p).
        centroids: of white patches, float32 (k, p).
    """

    mean: np.ndarray
    whitening: np.ndarray
    centroids: np.ndarray


def random_patches(images: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Patches of random places in random images.

    Args:
        images: uint8 (n, H, W, C).
        count: how many.
        seed: of the places.

    Returns:
        float32 (count, PATCH * PATCH * C), of values in [0, 255].
    """
    rng = np.random.default_rng(seed)
    n, height, width, _ = images.shape
    rows = rng.integers(n, size=count)
    tops = rng.integers(height - PATCH + 1, size=count)
    lefts = rng.integers(width - PATCH + 1, size=count)
    across = np.arange(PATCH)
    found = images[
        rows[:, None, None],
        (tops[:, None] + across)[:, :, None],
        (lefts[:, None] + across)[:, None, :],
    ]
    return found.reshape(count, -1).astype(np.float32)


def normalised(patches: Array) -> Array:
    """Patches (..., p) less their mean, over their deviation."""
    centred = patches - jnp.mean(patches, axis=-1, keepdims=True)
    variance = jnp.var(patches, axis=-1, keepdims=True)
    return centred / jnp.sqrt(variance + CONTRAST)


def learn(patches: np.ndarray, centroids: int, seed: int) -> Dictionary:
    """Whitens patches (n, p) and clusters them by scikit-learn's mini-batch k-means."""
    rows = np.asarray(normalised(jnp.asarray(patches)), np.float64)
    mean = rows.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov(rows - mean, rowvar=False, bias=True))
    # Rounding leaves the smallest of them, that of the constant patch, below 0.
    scales = 1.0 / np.sqrt(np.maximum(variances, 0.0) + EVEN)
    whitening = (axes * scales) @ axes.T
    white = ((rows - mean) @ whitening).astype(np.float32)
    with threadpool_limits(1):
        found = MiniBatchKMeans(
            centroids, batch_size=4_096, n_init=3, random_state=seed
        ).fit(white)
    return Dictionary(
        mean.astype(np.float32),
        whitening.astype(np.float32),
        found.cluster_centers_.astype(np.float32),
    )


def triangle(white: Array, centroids: Array) -> Array:
    """By how much a centroid is nearer than the mean of all, 0 where it is not.

    Args:
        white: float (..., p).
        centroids: float (k, p).

    Returns:
        float (..., k).
    """
    squares = (
        jnp.sum(jnp.square(white), axis=-1, keepdims=True)
        - 2.0 * white @ centroids.T
        + jnp.sum(jnp.square(centroids), axis=-1)[(None,) * (white.ndim - 1)]
    )
    distances = jnp.sqrt(jnp.maximum(squares, 0.0))
    return jax.nn.relu(jnp.mean(distances, axis=-1, keepdims=True) - distances)


def quadrants(maps: Array) -> Array:
    """Sums over the four quarters of maps (n, h, w, k), float (n, 4 * k)."""
    tall, wide = maps.shape[1] // 2, maps.shape[2] // 2
    parts = [
        jnp.sum(part, axis=(1, 2))
        for half in (maps[:, :tall], maps[:, tall:])
        for part in (half[:, :, :wide], half[:, :, wide:])
    ]
    return jnp.concatenate(parts, axis=-1)


def kmeans_features(dictionary: Dictionary) -> FeatureNet:
    """The triangle activations of all patches of an image, pooled to its quadrants."""

    def pooled(given: Dictionary, images: Array) -> tuple[Array]:
        patches = _all_patches(images.astype(jnp.float32))
        mean = given.mean[(None,) * (patches.ndim - 1)]
        white = (normalised(patches) - mean) @ given.whitening
        return (quadrants(triangle(white, jnp.asarray(given.centroids))),)

    rows = batched(pooled, _CHUNK, dictionary)
    return FeatureNet(
        "kmeans", lambda x: Features(*rows(x)), cache.digest(dictionary._asdict()), "none"
    )


def _all_patches(images: Array) -> Array:
    """Images (n, H, W, C) to patches (n, H', W', PATCH * PATCH * C) at every place."""
    tall, wide = (side - PATCH + 1 for side in images.shape[1:3])
    parts = [
        images[:, top : top + tall, left : left + wide]
        for top in range(PATCH)
        for left in range(PATCH)
    ]
    return jnp.concatenate(parts, axis=-1)
