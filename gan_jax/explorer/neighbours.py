"""The training examples nearest to a sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gan_jax.analysis.nearest import Nearest, nearest
from gan_jax.data.order import source_index
from gan_jax.data.protocol import ImageSource
from gan_jax.errors import UserError
from gan_jax.metrics.features import FeatureNet
from gan_jax.trained import Trained

PIXELS = "pixels"
"""Distances of the pixels themselves, in [0, 1], without a feature net."""
MOST_BYTES = 1 << 30
"""Pixels that are kept in memory; of larger data the first so many of a fixed order."""
_ROWS = 500


class Training(NamedTuple):
    """The training examples as the networks see them, not augmented.

    Attributes:
        source: where they come from.
        images: uint8 (n, H, W, C).
        labels: int32 (n,), or None.
        total: how many the source has; n is less where memory is.
    """

    source: ImageSource
    images: np.ndarray
    labels: np.ndarray | None
    total: int

    def name(self, row: int) -> str:
        """What people call an example: a path, or its place in the source."""
        index = source_index(np.asarray([row]), self.total, seed=0)
        return self.source.element_name(int(index[0]))


def read_training(trained: Trained, most_bytes: int = MOST_BYTES) -> Training:
    """The training data of a run, as much of them as may be kept.

    Raises:
        UserError: they are gone or cannot be read.
    """
    source = trained.source()
    most = max(1, most_bytes // int(np.prod(trained.data.image_shape)))
    images, labels = trained.real_images(min(len(source), most))
    return Training(source, images, labels, len(source))


def features_of(
    images: np.ndarray, net: FeatureNet | None, stopped: Callable[[], bool]
) -> np.ndarray:
    """What distances are taken in.

    Args:
        images: uint8 (n, H, W, C).
        net: the feature net; None for pixels.
        stopped: asked now and then; if it is true, nobody waits for the features any more.

    Returns:
        float32 (n, d), or for pixels uint8 (n, H * W * C), a quarter of that in memory.

    Raises:
        UserError: it was stopped.
    """
    if net is None:
        return images.reshape(len(images), -1)
    parts = []
    for start in range(0, len(images), _ROWS):
        if stopped():
            raise UserError("the explorer was closed")
        parts.append(net.features(images[start : start + _ROWS]))
    return np.concatenate(parts)


def nearest_to(query: np.ndarray, known: np.ndarray, count: int) -> Nearest:
    """The rows nearest to a query; uint8 counts as [0, 1].

    Args:
        query: (d,), of the same type as `known`.
        known: uint8 or float32 (n, d).
        count: how many; all if there are fewer.
    """
    found = nearest(query[None], known, min(count, len(known)))
    scale = 1.0 / 255.0 if known.dtype == np.uint8 else 1.0
    return Nearest(found.index[0], found.distance[0] * scale)
