"""Initialisers of kernels, `(key, shape, dtype)`; the last two axes are (in, out)."""

from __future__ import annotations

from collections.abc import Callable

from jax.nn import initializers

from gan_jax.types import Array

Initializer = Callable[..., Array]
"""`(key, shape, dtype) -> array`."""


def normal(stddev: float = 0.02) -> Initializer:
    """N(0, stddev^2); 0.02 is DCGAN's (1511.06434, section 4)."""
    return initializers.normal(stddev)


def orthogonal(gain: float = 1.0) -> Initializer:
    """Orthonormal columns (or rows) of the kernel seen as a matrix, times `gain`
    (1312.6120); BigGAN's choice.
    """
    return initializers.orthogonal(gain)


def glorot_uniform(gain: float = 1.0) -> Initializer:
    """Uniform with variance `2 gain^2 / (fan_in + fan_out)` (Glorot and Bengio 2010, eq.
    16); also called Xavier.
    """
    return initializers.variance_scaling(gain**2, "fan_avg", "uniform")


def he_uniform(gain: float = 1.0) -> Initializer:
    """Uniform with variance `2 gain^2 / fan_in` (1502.01852, eq. 10); WGAN-GP's choice."""
    return initializers.variance_scaling(2.0 * gain**2, "fan_in", "uniform")
