"""Activations that take several channels for each that they give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from gan_jax.types import Array

Activation = Callable[[Array], Array]


@dataclass(frozen=True)
class Gate:
    """An activation of several inputs; networks widen the layers before it.

    Attributes:
        fn: (..., inputs * C) to (..., C).
        inputs: channels taken for each channel given.
    """

    fn: Activation
    inputs: int

    def __call__(self, x: Array) -> Array:
        return self.fn(x)


def gated_tanh(x: Array) -> Array:
    """`sigmoid(a) * tanh(b)` of the two halves of the channels (1606.05328, eq. 2).

    Args:
        x: (..., 2C), `a` before `b`.

    Returns:
        (..., C).

    Raises:
        ValueError: the number of channels is odd.
    """
    if x.shape[-1] % 2:
        raise ValueError(f"a gate needs an even number of channels, got {x.shape[-1]}")
    a, b = jnp.split(x, 2, axis=-1)
    return jax.nn.sigmoid(a) * jnp.tanh(b)


GATED_TANH = Gate(gated_tanh, 2)
"""Gated multiplicative units, as an activation of the networks."""


def inputs_of(activation: Activation) -> int:
    """Channels that an activation takes for each channel it gives."""
    return activation.inputs if isinstance(activation, Gate) else 1
