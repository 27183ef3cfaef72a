"""What conditional networks share."""

from __future__ import annotations

import math
from collections.abc import Callable

from gan_jax.nn.initializers import normal
from gan_jax.nn.layers import Embed
from gan_jax.types import Array


def check_labels(y: Array | None, num_classes: int) -> Array:
    """The labels of a conditional network.

    Raises:
        ValueError: there are none.
    """
    if y is None:
        raise ValueError(
            f"this network is conditional on {num_classes} classes: pass labels y of shape "
            "(batch,), or build it with num_classes=None"
        )
    return y


def projection_logits(
    h: Array, y: Array | None, head: Callable[[Array], Array], num_classes: int | None
) -> Array:
    """Logits `head(h) + embed(y) . h` (1802.05637, eq. 8), without the second term where
    `num_classes` is None. To be called inside a compact module, which owns the embedding.

    Args:
        h: features (B, F), float32.
        y: labels, int (B,).
        head: (B, F) to (B, 1).
        num_classes: number of classes or None.

    Returns:
        Float32 (B,).
    """
    logits = head(h)[:, 0]
    if num_classes is None:
        return logits
    # Products of unit order, so that labels and features start on equal terms.
    scaled = normal(1.0 / math.sqrt(h.shape[-1]))
    embed = Embed(num_classes, h.shape[-1], scaled, name="embed")
    return logits + (embed(check_labels(y, num_classes)) * h).sum(axis=-1)
