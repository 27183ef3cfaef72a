"""DCGAN (1511.06434): stride-2 convolutions, no pooling, no hidden dense layer."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.labels import check_labels, projection_logits
from gan_jax.nn.initializers import Initializer, normal
from gan_jax.nn.layers import Conv, ConvTranspose, Dense
from gan_jax.nn.norm import BatchNorm, NormFactory, conditioned, normalise
from gan_jax.types import Array

_SMALLEST_BASE = 4
_WIDEST = 8


def halvings(height: int, width: int) -> int:
    """How often an image is halved: while both sides are even and stay at least 4.

    64 x 64 gives 4 (base 4 x 4), 28 x 28 gives 2 (7 x 7), 32 x 64 gives 3 (4 x 8).

    Raises:
        ValueError: not even once.
    """
    count = 0
    while height % 2 == 0 and width % 2 == 0 and min(height, width) >= 2 * _SMALLEST_BASE:
        height, width, count = height // 2, width // 2, count + 1
    if count == 0:
        raise ValueError(
            f"DCGAN cannot build {height} x {width} images: both sides must be even and at "
            f"least {2 * _SMALLEST_BASE}; resize or pad the data"
        )
    return count


def _widths(width: int, stages: int) -> list[int]:
    """Channels from the finest to the coarsest stage: doubling, up to 8 times `width`."""
    return [width * min(2**stage, _WIDEST) for stage in range(stages)]


class DCGANGenerator(linen.Module):
    """Projects to the base resolution, then doubles it by transposed convolutions.

    At 64 x 64 and width 128 it is the paper's: 4 x 4 x 1024, 512, 256, 128, C.

    Attributes:
        out_shape: (H, W, C) of the images; see `halvings` for what is possible.
        width: channels before the last layer, doubling towards the base up to 8 times.
        kernel_size: side of the windows, 5 in the paper.
        norm: factory of the normalisation after every layer but the last; None for none.
        num_classes: number of classes for conditional batch normalisation, which then takes
            the place of `norm`; None is unconditional and ignores labels.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters, statistics and images are float32.
    """

    out_shape: tuple[int, int, int]
    width: int = 64
    kernel_size: int = 5
    norm: NormFactory | None = BatchNorm
    num_classes: int | None = None
    kernel_init: Initializer = normal(0.02)
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps latents (B, Z) and labels (B,) to images (B, H, W, C) in [-1, 1]."""
        if self.num_classes is not None:
            y = check_labels(y, self.num_classes)
        norm = conditioned(self.norm, self.num_classes)
        size = (self.kernel_size, self.kernel_size)
        dense = partial(Dense, kernel_init=self.kernel_init, dtype=self.dtype)
        up = partial(ConvTranspose, kernel_init=self.kernel_init, dtype=self.dtype)
        height, width, channels = self.out_shape
        stages = halvings(height, width)
        widths = _widths(self.width, stages)[::-1]

        base = (height >> stages, width >> stages, widths[0])
        h = dense(math.prod(base), use_bias=norm is None, name="project")(z)
        h = h.reshape(-1, *base)
        for stage, features in enumerate([*widths[1:], channels]):
            h = normalise(norm, h, y, train=train, name=f"norm_{stage}")
            use_bias = norm is None or stage == stages - 1
            layer = up(features, use_bias=use_bias, kernel_size=size, name=f"conv_{stage}")
            h = layer(jax.nn.relu(h))
        return jnp.tanh(h.astype(jnp.float32))


class DCGANDiscriminator(linen.Module):
    """Stride-2 convolutions with LeakyReLU 0.2, flattened into one logit.

    Attributes:
        width: channels after the first layer, doubling with each up to 8 times.
        kernel_size: side of the windows, 5 in the paper.
        norm: factory of the normalisation after every convolution but the first:
            `BatchNorm`, `LayerNorm` (which a gradient penalty needs), or None.
        num_classes: number of classes for a projection discriminator (1802.05637); None is
            unconditional and ignores labels.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters, statistics and logits are float32.
    """

    width: int = 64
    kernel_size: int = 5
    norm: NormFactory | None = BatchNorm
    num_classes: int | None = None
    kernel_init: Initializer = normal(0.02)
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps images (B, H, W, C) and labels (B,) to logits (B,)."""
        size, init = (self.kernel_size, self.kernel_size), self.kernel_init
        conv = partial(Conv, kernel_size=size, kernel_init=init, dtype=self.dtype)
        h = x
        for stage, features in enumerate(_widths(self.width, halvings(*x.shape[1:3]))):
            norm = self.norm if stage > 0 else None
            name = f"conv_{stage}"
            h = conv(features, strides=(2, 2), use_bias=norm is None, name=name)(h)
            h = normalise(norm, h, None, train=train, name=f"norm_{stage}")
            h = jax.nn.leaky_relu(h, 0.2)
        h = h.reshape(h.shape[0], -1).astype(jnp.float32)
        head = Dense(1, kernel_init=init, name="logit")
        return projection_logits(h, y, head, self.num_classes)
