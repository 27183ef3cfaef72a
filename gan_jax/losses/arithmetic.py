"""Arithmetic that several losses share: float32, and finite values with finite slopes."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from gan_jax.types import Array

EXP_LIMIT = 40.0
"""Where `bounded_exp` leaves the exponential: e^40 = 2.4e17, whose square and whose sum
over a large batch are still inside float32."""


def f32(x: Array) -> Array:
    """`x` in float32. Before any nonlinearity: bfloat16 keeps 8 bits only."""
    return x.astype(jnp.float32)


def bounded_exp(x: Array) -> Array:
    """exp(x), continued by its tangent above `EXP_LIMIT`.

    The plain one overflows float32 at 88.7. A clipped one would have no slope where it is
    clipped, so that an extreme logit would never come back; the tangent keeps one.
    """
    below = jnp.exp(jnp.where(x <= EXP_LIMIT, x, EXP_LIMIT))
    return below * (1.0 + jax.nn.relu(x - EXP_LIMIT))


def cross_entropy(logits: Array, labels: Array) -> Array:
    """-log softmax(logits)[label] of every row.

    Args:
        logits: (..., classes), any float type.
        labels: int (...); a row with a label outside the classes must be masked out.

    Returns:
        float32 (...).
    """
    logits = f32(logits)
    chosen = jax.nn.one_hot(labels, logits.shape[-1], dtype=jnp.float32)
    return jax.nn.logsumexp(logits, axis=-1) - jnp.sum(chosen * logits, axis=-1)
