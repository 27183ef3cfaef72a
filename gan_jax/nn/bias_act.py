"""Bias, activation, gain and clamp in one: what follows a convolution of StyleGAN2."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.nn.layers import add_bias
from gan_jax.types import Array


class Nonlinearity(NamedTuple):
    """An activation with the gain that keeps the second moment about as it was.

    Attributes:
        fn: `(x, alpha) -> y`.
        gain: factor of what it gives.
        alpha: parameter of those that have one, the slope left of zero.
    """

    fn: Callable[[Array, float], Array]
    gain: float = 1.0
    alpha: float = 0.0


def _leaky(x: Array, alpha: float) -> Array:
    return jnp.where(x >= 0, x, alpha * x)


NONLINEARITIES: Mapping[str, Nonlinearity] = {
    "linear": Nonlinearity(lambda x, alpha: x),
    "relu": Nonlinearity(lambda x, alpha: jax.nn.relu(x), math.sqrt(2.0)),
    "lrelu": Nonlinearity(_leaky, math.sqrt(2.0), 0.2),
    "tanh": Nonlinearity(lambda x, alpha: jnp.tanh(x)),
    "sigmoid": Nonlinearity(lambda x, alpha: jax.nn.sigmoid(x)),
    "elu": Nonlinearity(lambda x, alpha: jax.nn.elu(x)),
    "selu": Nonlinearity(lambda x, alpha: jax.nn.selu(x)),
    "softplus": Nonlinearity(lambda x, alpha: jax.nn.softplus(x)),
    "swish": Nonlinearity(lambda x, alpha: jax.nn.silu(x), math.sqrt(2.0)),
}
"""By the names, and with the gains, of StyleGAN2's code."""

LINEAR, LRELU = NONLINEARITIES["linear"], NONLINEARITIES["lrelu"]


def bias_act(
    x: Array,
    bias: Array | None = None,
    activation: Nonlinearity = LINEAR,
    *,
    gain: float = 1.0,
    clamp: float | None = None,
) -> Array:
    """`clip(activation(x + bias) * activation.gain * gain, -clamp, clamp)`.

    Args:
        x: (..., C).
        bias: (C,), or None.
        activation: such as `NONLINEARITIES["lrelu"]`.
        gain: a further factor.
        clamp: the largest absolute value that passes, or None.

    Returns:
        (..., C) in the type of `x`.
    """
    y = activation.fn(x if bias is None else add_bias(x, bias), activation.alpha)
    factor = activation.gain * gain
    y = y if factor == 1.0 else y * factor
    return y if clamp is None else jnp.clip(y, -clamp, clamp)
