"""What augmentations are made of: one image, one key, one probability.

Every operation is written for one example, `(key, image (H, W, C), p) -> image`, and mapped
over the batch, so an example's augmentation depends on its own key alone. Every operation
is affine in the image: it can be differentiated as often as one likes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from gan_jax import prng
from gan_jax.types import Array, Key, Scalar

Operation = Callable[[Key, Array, Scalar], Array]
"""`(key, image, p) -> image`: key (), image float32 (H, W, C), p float32 ()."""

Augmentation = Callable[[Key, Array], Array]
"""`(keys, images) -> images`: keys (B,) or (), images float32 (B, H, W, C)."""

AdaptiveAugmentation = Callable[[Key, Array, ArrayLike], Array]
"""`(keys, images, p) -> images`, with one probability p for the batch."""


def compose(*operations: Operation) -> AdaptiveAugmentation:
    """Operations one after the other, over a batch.

    Args:
        *operations: applied from left to right, each with streams of its own of the
            example's key. An operation must not come twice: it would draw the same.

    Returns:
        `(keys, images, p) -> images`: one key per example or one for all, images float32
        (B, H, W, C), p a probability, which may be traced.

    Raises:
        ValueError: an operation comes twice.
    """
    if len(set(operations)) != len(operations):
        raise ValueError("an augmentation comes twice and would draw the same both times")

    def one(key: Key, image: Array, p: Scalar) -> Array:
        for operation in operations:
            image = operation(key, image, p)
        return image

    def augment(keys: Key, images: Array, p: ArrayLike) -> Array:
        keys = prng.per_example(keys, images.shape[0])
        chance = jnp.clip(jnp.asarray(p, jnp.float32), 0.0, 1.0)
        return jax.vmap(one, (0, 0, None))(keys, images, chance)

    return augment


class Dice(NamedTuple):
    """Everything that one operation draws for one image.

    Attributes:
        gates: bool (g,), whether each of its changes happens.
        normals: standard normal, float32 (n,).
        uniforms: on [0, 1), float32 (u,).
    """

    gates: Array
    normals: Array
    uniforms: Array


def roll(
    key: Key, name: str, p: Scalar, *, gates: int, normals: int = 0, uniforms: int = 0
) -> Dice:
    """The draws of one operation, as few vectors: each number would be a program.

    Args:
        key: a typed key of shape ().
        name: of the operation's stream.
        p: the probability of the gates, float32 () or (gates,); 0 is never, 1 always.
        gates: how many changes may happen.
        normals: how many normal numbers.
        uniforms: how many uniform numbers.

    Returns:
        The draws.
    """
    first, second, third = jax.random.split(prng.stream(key, name), 3)
    return Dice(
        jax.random.bernoulli(first, p, (gates,)),
        jax.random.normal(second, (normals,)),
        jax.random.uniform(third, (uniforms,)),
    )


def factor(gate: Array, octaves: Array) -> Array:
    """2^octaves where the gate is open, else 1: log-normal if `octaves` are normal."""
    return jnp.where(gate, jnp.exp2(octaves), 1.0)


def angle(gate: Array, uniform: Array) -> Array:
    """Uniform on [-pi, pi) where the gate is open, else 0."""
    return jnp.where(gate, math.pi * (2.0 * uniform - 1.0), 0.0)
