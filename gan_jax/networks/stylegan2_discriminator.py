"""StyleGAN2's discriminator (1912.04958, figure 7; conditional as in 2006.06676)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.labels import check_unlabelled
from gan_jax.networks.stylegan2 import check_architecture, sides_of, type_at, width_at
from gan_jax.networks.stylegan2_layers import ScaledConv, ScaledDense, Taps
from gan_jax.networks.stylegan2_mapping import MappingNetwork
from gan_jax.nn.bias_act import LRELU, Nonlinearity
from gan_jax.nn.minibatch import MinibatchFactory, MinibatchStddev, combined
from gan_jax.nn.upfirdn import BINOMIAL, downsample2d
from gan_jax.types import Array

_HALF = math.sqrt(0.5)


class StyleGAN2Discriminator(linen.Module):
    """Two convolutions at every resolution, minibatch deviation, two dense layers.

    Attributes:
        side: of the images, 4 to 1024.
        channel_base: channels of the feature maps are this over their side.
        channel_max: but at most so many.
        architecture: one of `stylegan2.ARCHITECTURES`.
        mapping: from labels to a vector (B, w_dim) that the last features are multiplied
            with (projection); None is unconditional.
        activation: after every convolution and the first dense layer.
        minibatch: what is seen of the batch as a whole at 4 x 4, or None.
        taps: low-pass filter of halving.
        clamp: largest absolute value after a convolution, or None.
        reduced: how many of the finest resolutions are computed in `dtype`; never 4 x 4.
        dtype: their compute type; the others, parameters and logits are float32.
    """

    side: int = 1024
    channel_base: int = 32768
    channel_max: int = 512
    architecture: str = "resnet"
    mapping: MappingNetwork | None = None
    activation: Nonlinearity = LRELU
    minibatch: MinibatchFactory | None = MinibatchStddev
    taps: Taps = BINOMIAL
    clamp: float | None = None
    reduced: int = 4
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps images (B, side, side, C) and labels (B,), or weights of the classes, to
        logits (B,).

        Raises:
            ValueError: the side or the architecture cannot be, images have another side, or
                there are labels but no classes, or classes but no labels.
        """
        del train
        if self.mapping is None:
            check_unlabelled(y, None)
        check_architecture(self.architecture)
        sides = sides_of(self.side)
        if x.shape[1:3] != (self.side, self.side):
            raise ValueError(
                f"this discriminator judges images of {self.side} x {self.side} pixels, "
                f"got {x.shape[1]} x {x.shape[2]}"
            )
        h = None
        for side in sides[:0:-1]:
            block = DiscriminatorBlock(
                self._width(side),
                self._width(side // 2),
                coloured=self.architecture == "skip" or h is None,
                residual=self.architecture == "resnet",
                activation=self.activation,
                taps=self.taps,
                clamp=self.clamp,
                dtype=type_at(side, self.side, self.reduced, self.dtype),
                name=f"block_{side}",
            )
            h = block(h, x)
            if self.architecture == "skip":
                x = downsample2d(x, self.taps)
        features = 1 if self.mapping is None else self.mapping.w_dim
        end = DiscriminatorEnd(
            self._width(sides[0]),
            features,
            coloured=self.architecture == "skip" or h is None,
            activation=self.activation,
            minibatch=self.minibatch,
            clamp=self.clamp,
            name=f"block_{sides[0]}",
        )
        seen = end(h, x)
        if self.mapping is None:
            return seen[:, 0]
        return (seen * self.mapping(None, y)).sum(axis=-1) / math.sqrt(features)

    def _width(self, side: int) -> int:
        return width_at(side, self.channel_base, self.channel_max)


class DiscriminatorBlock(linen.Module):
    """What a discriminator has at one resolution.

    Attributes:
        width: channels before the second convolution.
        outputs: channels after it.
        coloured: whether features of the image are added.
        residual: whether a shortcut goes around the convolutions.
        activation: as of `StyleGAN2Discriminator`, as what follows.
        taps: as there.
        clamp: as there.
        dtype: compute type.
    """

    width: int
    outputs: int
    coloured: bool
    residual: bool
    activation: Nonlinearity
    taps: Taps
    clamp: float | None
    dtype: DTypeLike

    @linen.compact
    def __call__(self, h: Array | None, image: Array) -> Array:
        """Features (B, H / 2, W / 2, outputs) of features, if any, and the image."""
        layer: Callable[..., ScaledConv] = partial(
            ScaledConv, taps=self.taps, dtype=self.dtype
        )
        active = {"activation": self.activation, "clamp": self.clamp}
        if self.coloured:
            h = _coloured(layer(self.width, size=1, name="from_rgb", **active), h, image)
        assert h is not None
        gain = _HALF if self.residual else 1.0
        deep = layer(self.width, name="conv_0", **active)(h)
        deep = layer(self.outputs, down=True, gain=gain, name="conv_1", **active)(deep)
        if not self.residual:
            return deep
        plain = {"size": 1, "down": True, "use_bias": False, "gain": gain}
        return layer(self.outputs, name="shortcut", **plain)(h) + deep


class DiscriminatorEnd(linen.Module):
    """What a discriminator has at 4 x 4, float32.

    Attributes:
        width: channels.
        features: outputs.
        coloured: whether features of the image are added.
        activation: as of `StyleGAN2Discriminator`, as what follows.
        minibatch: as there.
        clamp: as there.
    """

    width: int
    features: int
    coloured: bool
    activation: Nonlinearity
    minibatch: MinibatchFactory | None
    clamp: float | None

    @linen.compact
    def __call__(self, h: Array | None, image: Array) -> Array:
        """(B, features) of features (B, 4, 4, width), if any, and the image."""
        if self.coloured:
            rgb = ScaledConv(
                self.width, size=1, activation=self.activation, name="from_rgb"
            )
            h = _coloured(rgb, h, image)
        assert h is not None
        h = combined(self.minibatch, h.astype(jnp.float32))
        conv = ScaledConv(
            self.width, activation=self.activation, clamp=self.clamp, name="conv"
        )
        flat = conv(h).reshape(h.shape[0], -1)
        hidden = ScaledDense(self.width, self.activation, name="dense")(flat)
        return ScaledDense(self.features, name="logit")(hidden)


def _coloured(layer: ScaledConv, h: Array | None, image: Array) -> Array:
    """Features with those of the image."""
    seen = layer(image)
    return seen if h is None else h.astype(seen.dtype) + seen
