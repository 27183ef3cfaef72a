"""Normalisations of BigGAN-PyTorch's generators, by the arguments of their constructor.

Its cross-replica batch norm multiplies by its gain only where several devices train; on one
device, and in evaluation, it adds it.
"""

from __future__ import annotations

from functools import partial

import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.errors import UserError
from gan_jax.nn.initializers import orthogonal
from gan_jax.nn.layers import Dense, Embed
from gan_jax.nn.norm import (
    BatchNorm,
    ConditionalBatchNorm,
    Modulated,
    NormFactory,
    scale_and_bias,
    spread,
)
from gan_jax.types import Array

_STYLES = ("bn", "in", "nonorm")


def block_norm(
    style: str, *, epsilon: float, num_classes: int | None, added: bool
) -> NormFactory:
    """The normalisation of the blocks, whose gains and biases come from what is sampled.

    Args:
        style: "bn"; "in", which trains by the statistics of each example and evaluates by
            running means; or "nonorm".
        epsilon: added to the variance.
        num_classes: of gains and biases by class; None for linear maps of a style.
        added: whether gains are added.

    Raises:
        UserError: the style is another.
    """
    if style not in _STYLES:
        raise UserError(
            f"norm_style must be one of {', '.join(_STYLES)}, as no other runs in the "
            f"original without mybn or cross_replica; got {style!r}"
        )
    statistics = partial(BatchNorm, epsilon=epsilon, affine=False)
    group = 1 if style == "in" else None
    if added or style == "nonorm":
        base: NormFactory = Unnormalised if style == "nonorm" else statistics
        return partial(Conditioned, base=base, num_classes=num_classes, added=added)
    if num_classes is not None:
        return partial(
            ConditionalBatchNorm, num_classes=num_classes, epsilon=epsilon, group_size=group
        )
    return partial(
        Modulated,
        base=partial(statistics, group_size=group),
        use_bias=False,
        kernel_init=orthogonal(),
    )


def last_norm(*, added: bool) -> NormFactory:
    """The normalisation before the image, whose epsilon the original does not choose."""
    return AddedGain if added else BatchNorm


class Conditioned(linen.Module):
    """A normalisation with a gain, 1 + f(y), and a bias, g(y), by class or style.

    Attributes:
        base: factory of the normalisation, without gain and bias of its own.
        num_classes: number of classes; None for linear maps of a style.
        added: whether the gain is added, and not multiplied by.
        dtype: type of the result.
    """

    base: NormFactory
    num_classes: int | None = None
    added: bool = False
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Normalises (B, ..., C) for labels, int (B,), or styles, float (B, S).

        Raises:
            ValueError: there are neither.
        """
        if y is None:
            raise ValueError("a conditional normalisation needs labels or styles y")
        normal = self.base(dtype=jnp.float32, name="norm")(x, train=train)
        gain = spread(1.0 + self._of(y, x.shape[-1], "gain"), x)
        bias = spread(self._of(y, x.shape[-1], "bias"), x)
        scaled = normal + gain if self.added else normal * gain
        return (scaled + bias).astype(self.dtype)

    def _of(self, y: Array, channels: int, name: str) -> Array:
        if self.num_classes is None:
            return Dense(channels, False, orthogonal(), name=name)(y)
        return Embed(self.num_classes, channels, orthogonal(), name=name)(y)


class AddedGain(BatchNorm):
    """Batch normalisation to which its gain is added."""

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Normalises (B, ..., C); `y` is not used."""
        mean, inverse = self._moments(x, train)
        scale, bias = scale_and_bias(self, x.shape[-1])
        normal = (x.astype(jnp.float32) - spread(mean, x)) * spread(inverse, x)
        return (normal + spread(scale + bias, x)).astype(self.dtype)


class Unnormalised(linen.Module):
    """No normalisation.

    Attributes:
        dtype: type of the result.
    """

    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """(B, ..., C) as it is; the rest is not used."""
        return x.astype(self.dtype)
