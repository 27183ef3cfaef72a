"""DCGAN (1511.06434): stride-2 convolutions, no pooling, no hidden dense layer."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.heads import Head, projection
from gan_jax.networks.labels import (
    BY_CLASS,
    Join,
    Modulation,
    check_entries,
    joined,
    modulated,
)
from gan_jax.nn.activations import Activation, inputs_of
from gan_jax.nn.initializers import Initializer, normal
from gan_jax.nn.layers import Conv, ConvTranspose, Dense
from gan_jax.nn.minibatch import MinibatchFactory, combined
from gan_jax.nn.norm import BatchNorm, NormFactory, normalise
from gan_jax.types import Array, Outputs

_SMALLEST_BASE = 4
_GROWTH = 8


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


def _widths(width: int, stages: int, most: int) -> list[int]:
    """Channels from the finest to the coarsest stage: doubling, up to `most` times."""
    return [width * min(2**stage, most) for stage in range(stages)]


class DCGANGenerator(linen.Module):
    """Projects to the base resolution, then doubles it by transposed convolutions.

    At 64 x 64 and width 128 it is the paper's: 4 x 4 x 1024, 512, 256, 128, C.

    Attributes:
        out_shape: (H, W, C) of the images; see `halvings` for what is possible.
        width: channels before the last layer.
        kernel_size: side of the windows, 5 in the paper.
        norm: factory of the normalisation after every layer but the last; None for none.
        num_classes: number of classes; None is unconditional and ignores labels.
        activation: after every layer but the last.
        growth: channels double towards the base up to `growth` times `width`; 1 keeps the
            width constant.
        dense: units of dense layers between the latent and the base; the paper has none.
        input_labels: how labels join the latent, if they do.
        hidden_labels: how labels join the activations at the base, if they do.
        modulation: what the normalisations are conditioned on; by default the classes, by
            a conditional batch normalisation in place of `norm`.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters, statistics and images are float32.
    """

    out_shape: tuple[int, int, int]
    width: int = 64
    kernel_size: int = 5
    norm: NormFactory | None = BatchNorm
    num_classes: int | None = None
    activation: Activation = jax.nn.relu
    growth: int = _GROWTH
    dense: tuple[int, ...] = ()
    input_labels: Join | None = None
    hidden_labels: Join | None = None
    modulation: Modulation | None = BY_CLASS
    kernel_init: Initializer = normal(0.02)
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps latents (B, Z) and labels (B,) to images (B, H, W, C) in [-1, 1]."""
        classes = self.num_classes
        check_entries(classes, self.input_labels, self.hidden_labels, self.modulation)
        norm, style = modulated(self.modulation, self.norm, z, y, classes)
        size = (self.kernel_size, self.kernel_size)
        up = partial(ConvTranspose, kernel_init=self.kernel_init, dtype=self.dtype)
        height, width, channels = self.out_shape
        stages = halvings(height, width)
        inner = [
            features * inputs_of(self.activation)
            for features in _widths(self.width, stages, self.growth)[::-1]
        ]

        base = (height >> stages, width >> stages, inner[0])
        h = joined(self.input_labels, z, y, classes)
        for index, units in enumerate(self.dense):
            h = self._dense(units, norm is None, f"dense_{index}")(h)
            h = normalise(norm, h, style, train=train, name=f"dense_{index}_norm")
            h = self.activation(h)
        h = self._dense(math.prod(base), norm is None, "project")(h).reshape(-1, *base)
        for stage, features in enumerate([*inner[1:], channels]):
            h = normalise(norm, h, style, train=train, name=f"norm_{stage}")
            h = self.activation(h)
            join = self.hidden_labels if stage == 0 else None
            h = joined(join, h, y, classes, self.norm, train=train)
            use_bias = norm is None or stage == stages - 1
            layer = up(features, use_bias=use_bias, kernel_size=size, name=f"conv_{stage}")
            h = layer(h)
        return jnp.tanh(h.astype(jnp.float32))

    def _dense(self, units: int, use_bias: bool, name: str) -> Dense:
        return Dense(
            units, use_bias=use_bias, kernel_init=self.kernel_init, dtype=self.dtype,
            name=name,
        )  # fmt: skip


class DCGANDiscriminator(linen.Module):
    """Stride-2 convolutions with LeakyReLU 0.2, flattened into one logit.

    Attributes:
        width: channels after the first layer, doubling with each up to 8 times.
        kernel_size: side of the windows, 5 in the paper.
        norm: factory of the normalisation after every convolution but the first:
            `BatchNorm`, `LayerNorm` (which a gradient penalty needs), or None.
        num_classes: number of classes; None is unconditional and ignores labels.
        activation: after every convolution.
        input_labels: how labels join the image, if they do.
        hidden_labels: how labels join the last feature map, if they do.
        minibatch: factory of a layer between the last feature map and the head.
        dense: units of dense layers between the flattened features and the head; the paper
            has none.
        head: what becomes of the flattened features and the labels; by default a
            projection (1802.05637).
        all_features: whether the features of what it returns are those after every
            convolution but the first, a tuple, and not what the head sees.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters, statistics and logits are float32.
    """

    width: int = 64
    kernel_size: int = 5
    norm: NormFactory | None = BatchNorm
    num_classes: int | None = None
    activation: Activation = partial(jax.nn.leaky_relu, negative_slope=0.2)
    input_labels: Join | None = None
    hidden_labels: Join | None = None
    minibatch: MinibatchFactory | None = None
    dense: tuple[int, ...] = ()
    head: Head = projection
    all_features: bool = False
    kernel_init: Initializer = normal(0.02)
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(
        self, x: Array, y: Array | None = None, *, train: bool = False
    ) -> Array | Outputs:
        """Maps images (B, H, W, C) and labels (B,) to logits (B,), or what the head
        gives.
        """
        size, init = (self.kernel_size, self.kernel_size), self.kernel_init
        conv = partial(Conv, kernel_size=size, kernel_init=init, dtype=self.dtype)
        h = joined(self.input_labels, x, y, self.num_classes)
        widths = _widths(self.width, halvings(*x.shape[1:3]), _GROWTH)
        seen: list[Array] = []
        for stage, features in enumerate(widths):
            norm = self.norm if stage > 0 else None
            features *= inputs_of(self.activation)
            name = f"conv_{stage}"
            h = conv(features, strides=(2, 2), use_bias=norm is None, name=name)(h)
            h = normalise(norm, h, None, train=train, name=f"norm_{stage}")
            h = self.activation(h)
            seen.append(h)
        h = joined(self.hidden_labels, h, y, self.num_classes, self.norm, train=train)
        h = combined(self.minibatch, h)
        h = h.reshape(h.shape[0], -1)
        for index, units in enumerate(self.dense):
            layer = Dense(
                units * inputs_of(self.activation),
                use_bias=self.norm is None,
                kernel_init=init,
                dtype=self.dtype,
                name=f"dense_{index}",
            )
            name = f"dense_{index}_norm"
            h = normalise(self.norm, layer(h), None, train=train, name=name)
            h = self.activation(h)
        h = h.astype(jnp.float32)
        outputs = self.head(h, y, self.num_classes, init)
        if not self.all_features:
            return outputs
        whole = outputs if isinstance(outputs, Outputs) else Outputs(outputs)
        return whole._replace(features=tuple(seen[1:]))
