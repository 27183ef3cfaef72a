"""Normalisations, called `(x, y=None, *, train=False)`, so that a network takes any.

Statistics are float32 whatever the compute type, and those over the batch are global: over
the mapped batch axis where there is one (`gan_jax.tracing`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax import tracing
from gan_jax.nn.layers import Embed
from gan_jax.types import Array

NormFactory = Callable[..., linen.Module]
"""`(dtype=..., name=...) -> module`, the module called `(x, y, train=...)`."""


def batch_moments(x: Array) -> tuple[Array, Array]:
    """Mean and (biased) variance per channel over the global batch and space.

    Args:
        x: (B, ..., C).

    Returns:
        Two float32 arrays (C,). The variance is that of the centred values, not a
        difference of moments, which cancels where |mean| is large.
    """
    axes = tuple(range(x.ndim - 1))
    x = x.astype(jnp.float32)
    mean = tracing.pmean(x.mean(axes))
    centred = x - _like(mean, x)
    return mean, tracing.pmean(jnp.square(centred).mean(axes))


def _like(per_channel: Array, x: Array) -> Array:
    """(C,) or (B, C) with unit axes for the space of `x` (B, ..., C)."""
    lead = per_channel.shape[:-1] + (1,) * (x.ndim - per_channel.ndim)
    return per_channel.reshape(*lead, per_channel.shape[-1])


def _modulate(
    x: Array, mean: Array, inverse: Array, bias: Array, dtype: DTypeLike
) -> Array:
    """`(x - mean) * inverse + bias` in float32, returned in `dtype`."""
    y = (x.astype(jnp.float32) - _like(mean, x)) * _like(inverse, x)
    return (y + _like(bias, x)).astype(dtype)


class _BatchStatistics(linen.Module):
    """Batch moments in training, their running means otherwise.

    Attributes:
        momentum: weight of the old running mean in each update.
        epsilon: added to the variance.
        dtype: type of the result.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    dtype: DTypeLike = jnp.float32

    def _moments(self, x: Array, train: bool) -> tuple[Array, Array]:
        """Mean and inverse deviation (C,); updates collection "batch_stats" in training."""
        shape = (x.shape[-1],)
        mean = self.variable("batch_stats", "mean", jnp.zeros, shape, jnp.float32)
        var = self.variable("batch_stats", "var", jnp.ones, shape, jnp.float32)
        if not train:
            return mean.value, jax.lax.rsqrt(var.value + self.epsilon)
        batch_mean, batch_var = batch_moments(x)
        if not self.is_initializing():
            mean.value = self._running(mean.value, batch_mean)
            var.value = self._running(var.value, batch_var)
        return batch_mean, jax.lax.rsqrt(batch_var + self.epsilon)

    def _running(self, old: Array, new: Array) -> Array:
        return self.momentum * old + (1.0 - self.momentum) * new


class BatchNorm(_BatchStatistics):
    """Batch normalisation (1502.03167) with a gain and a bias per channel."""

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Normalises (B, ..., C); labels `y` are not used."""
        mean, inverse = self._moments(x, train)
        shape = (x.shape[-1],)
        scale = self.param("scale", jax.nn.initializers.ones, shape, jnp.float32)
        bias = self.param("bias", jax.nn.initializers.zeros, shape, jnp.float32)
        return _modulate(x, mean, inverse * scale, bias, self.dtype)


class ConditionalBatchNorm(_BatchStatistics):
    """Batch normalisation with a gain and a bias per class and channel (1610.07629), the
    gain centred on 1.

    Attributes:
        num_classes: number of classes.
    """

    num_classes: int = 1

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Normalises (B, ..., C) for labels `y`, int (B,).

        Raises:
            ValueError: there are no labels.
        """
        if y is None:
            raise ValueError("conditional batch normalisation needs labels y (batch,)")
        mean, inverse = self._moments(x, train)
        zeros = jax.nn.initializers.zeros
        gain = Embed(self.num_classes, x.shape[-1], zeros, name="gain")(y)
        bias = Embed(self.num_classes, x.shape[-1], zeros, name="bias")(y)
        return _modulate(x, mean, inverse[None] * (1.0 + gain), bias, self.dtype)


class LayerNorm(linen.Module):
    """Layer normalisation (1607.06450) over all axes but the batch, with a gain and a bias
    per channel; what WGAN-GP's critic may use, since it keeps examples apart.

    Attributes:
        epsilon: added to the variance.
        dtype: type of the result.
    """

    epsilon: float = 1e-5
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Normalises (B, ..., C); labels `y` and the mode are not used."""
        axes, shape = tuple(range(1, x.ndim)), (x.shape[-1],)
        scale = self.param("scale", jax.nn.initializers.ones, shape, jnp.float32)
        bias = self.param("bias", jax.nn.initializers.zeros, shape, jnp.float32)
        wide = x.astype(jnp.float32)
        centred = wide - wide.mean(axes, keepdims=True)
        variance = jnp.square(centred).mean(axes, keepdims=True)
        normal = centred * jax.lax.rsqrt(variance + self.epsilon)
        return (normal * _like(scale, x) + _like(bias, x)).astype(self.dtype)


def conditioned(norm: NormFactory | None, num_classes: int | None) -> NormFactory | None:
    """The normalisation of a generator: `norm`, or by class where there are classes.

    Raises:
        ValueError: classes, but no normalisation to carry them.
    """
    if num_classes is None:
        return norm
    if norm is None:
        raise ValueError(
            "a generator that is conditional by its batch normalisation cannot have "
            "norm=None: set num_classes=None or keep the norm"
        )
    return partial(ConditionalBatchNorm, num_classes=num_classes)


def normalise(
    make: NormFactory | None, x: Array, y: Array | None, *, train: bool, name: str
) -> Array:
    """Applies a new module `make(dtype=..., name=...)`, or nothing where `make` is None. To
    be called inside a compact module.
    """
    return x if make is None else make(dtype=x.dtype, name=name)(x, y, train=train)
