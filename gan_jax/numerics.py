"""Small numerical conventions used on every floor."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax.numpy as jnp

from gan_jax.types import Array, PyTree, Scalar


def mean32(x: Array) -> Scalar:
    """Mean of all elements in float32, whatever the input's float type."""
    return jnp.mean(x.astype(jnp.float32))


def safe_sqrt(x: Array) -> Array:
    """Square root, 0 with derivative 0 where `x` <= 0; there the plain one has none."""
    positive = x > 0.0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)


def sum_per_example(x: Array) -> Array:
    """Sums over all but the leading axis: (batch, ...) to (batch,)."""
    return jnp.sum(x, axis=tuple(range(1, x.ndim)))


def own_gradients(
    losses: Mapping[str, Scalar], pull: Callable[[dict[str, Scalar]], tuple[PyTree]]
) -> dict[str, PyTree]:
    """Every player's gradient of its own loss, from one forward pass.

    Args:
        losses: by player.
        pull: the pullback of `jax.vjp` of `({player: params}) -> losses`.

    Returns:
        `{player: gradient}`, in the structures of the parameters.
    """
    gradients = {}
    for name in losses:
        # Zeros of the losses' own, so that they vary over the same mapped axes.
        chosen = {
            other: jnp.zeros_like(loss) + float(other == name)
            for other, loss in losses.items()
        }
        gradients[name] = pull(chosen)[0][name]
    return gradients


def to_unit(image: Array) -> Array:
    """uint8 [0, 255] to float32 [-1, 1]; floats and tokens pass unchanged."""
    if image.dtype != jnp.uint8:
        return image
    return image.astype(jnp.float32) / 127.5 - 1.0


def to_uint8(image: Array) -> Array:
    """Quantisation: float [-1, 1] to uint8 by the fixed round((x + 1) * 127.5), clipped."""
    scaled = jnp.round((image.astype(jnp.float32) + 1.0) * 127.5)
    return jnp.clip(scaled, 0.0, 255.0).astype(jnp.uint8)
