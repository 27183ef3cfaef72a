"""Inception v3 as the Fréchet Inception distance has always used it.

The graph of 2015-12-05 that TensorFlow published (1512.00567), with its ways: means over
3 x 3 pixels do not count the padding, the last block takes a maximum where the paper has a
mean, and there are 1008 logits, of which 1000 are classes. Batch norms are folded into the
convolutions. Branches that begin with a 1 x 1 convolution of the same image share one
matrix product, and a mean comes after its 1 x 1 convolution, with which it commutes.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen

from gan_jax.networks.frozen import (
    Conv,
    Weights,
    along_channels,
    max_pool,
    mean_around,
)
from gan_jax.nn.conv import conv
from gan_jax.types import Array

SMALLEST = 75
"""Least side of an image."""


class InceptionOutputs(NamedTuple):
    """What the network says of images.

    Attributes:
        pool: (n, 2048), means of the last feature maps: what the distance is taken in.
        logits: (n, 1008).
    """

    pool: Array
    logits: Array


class InceptionV3(linen.Module):
    """The FID's network, from images in [-1, 1].

    Shape: (n, H, W, 3), best 299 x 299 and at least 75 x 75, to `InceptionOutputs`.

    Attributes:
        biased: whether the logits have their bias. The published graph's have it; the
            Inception score has always been taken without.
    """

    biased: bool = True

    @linen.compact
    def __call__(self, x: Array) -> InceptionOutputs:
        if min(x.shape[1:3]) < SMALLEST:
            raise ValueError(
                f"images must have {SMALLEST} pixels or more a side, got {x.shape[1:3]}"
            )
        valid = partial(Conv, window=(3, 3), padding="VALID")
        x = valid(32, stride=2, name="Conv2d_1a_3x3")(x)
        x = valid(32, name="Conv2d_2a_3x3")(x)
        x = max_pool(Conv(64, (3, 3), name="Conv2d_2b_3x3")(x), 2)
        x = Conv(80, name="Conv2d_3b_1x1")(x)
        x = max_pool(valid(192, name="Conv2d_4a_3x3")(x), 2)
        x = _Fine(32, name="Mixed_5b")(x)
        x = _Fine(64, name="Mixed_5c")(x)
        x = _Fine(64, name="Mixed_5d")(x)
        x = _ToMiddle(name="Mixed_6a")(x)
        x = _Middle(128, name="Mixed_6b")(x)
        x = _Middle(160, name="Mixed_6c")(x)
        x = _Middle(160, name="Mixed_6d")(x)
        x = _Middle(192, name="Mixed_6e")(x)
        x = _ToCoarse(name="Mixed_7a")(x)
        x = _Coarse(name="Mixed_7b")(x)
        x = _Coarse(last=True, name="Mixed_7c")(x)
        pool = jnp.mean(x, axis=(1, 2))
        kernel, bias = Weights(1008, (), name="fc")(2048)
        logits = pool @ kernel
        return InceptionOutputs(pool, logits + bias[None] if self.biased else logits)


class _Fine(linen.Module):
    """Mixed_5b to 5d, of 35 x 35 pixels: (n, H, W, C) to (n, H, W, 224 + pooled)."""

    pooled: int

    @linen.compact
    def __call__(self, x: Array) -> Array:
        one, five, three, mean = _entries(
            x, ("branch1x1", 64), ("branch5x5_1", 48), ("branch3x3dbl_1", 64),
            mean=("branch_pool", self.pooled),
        )  # fmt: skip
        five = Conv(64, (5, 5), name="branch5x5_2")(five)
        three = Conv(96, (3, 3), name="branch3x3dbl_2")(three)
        three = Conv(96, (3, 3), name="branch3x3dbl_3")(three)
        return jnp.concatenate([one, five, three, mean], axis=-1)


class _ToMiddle(linen.Module):
    """Mixed_6a: halves 35 x 35 pixels to 17 x 17, (n, H, W, C) to (n, H', W', C + 480)."""

    @linen.compact
    def __call__(self, x: Array) -> Array:
        halve = partial(Conv, window=(3, 3), stride=2, padding="VALID")
        three = halve(384, name="branch3x3")(x)
        twice = Conv(64, name="branch3x3dbl_1")(x)
        twice = Conv(96, (3, 3), name="branch3x3dbl_2")(twice)
        twice = halve(96, name="branch3x3dbl_3")(twice)
        return jnp.concatenate([three, twice, max_pool(x, 2)], axis=-1)


class _Middle(linen.Module):
    """Mixed_6b to 6e, of 17 x 17 pixels: (n, H, W, C) to (n, H, W, 768)."""

    width: int

    @linen.compact
    def __call__(self, x: Array) -> Array:
        one, once, twice, mean = _entries(
            x, ("branch1x1", 192), ("branch7x7_1", self.width),
            ("branch7x7dbl_1", self.width), mean=("branch_pool", 192),
        )  # fmt: skip
        once = Conv(self.width, (1, 7), name="branch7x7_2")(once)
        once = Conv(192, (7, 1), name="branch7x7_3")(once)
        twice = Conv(self.width, (7, 1), name="branch7x7dbl_2")(twice)
        twice = Conv(self.width, (1, 7), name="branch7x7dbl_3")(twice)
        twice = Conv(self.width, (7, 1), name="branch7x7dbl_4")(twice)
        twice = Conv(192, (1, 7), name="branch7x7dbl_5")(twice)
        return jnp.concatenate([one, once, twice, mean], axis=-1)


class _ToCoarse(linen.Module):
    """Mixed_7a: halves 17 x 17 pixels to 8 x 8, (n, H, W, C) to (n, H', W', C + 512)."""

    @linen.compact
    def __call__(self, x: Array) -> Array:
        halve = partial(Conv, window=(3, 3), stride=2, padding="VALID")
        three, seven = _entries(x, ("branch3x3_1", 192), ("branch7x7x3_1", 192))
        three = halve(320, name="branch3x3_2")(three)
        seven = Conv(192, (1, 7), name="branch7x7x3_2")(seven)
        seven = Conv(192, (7, 1), name="branch7x7x3_3")(seven)
        seven = halve(192, name="branch7x7x3_4")(seven)
        return jnp.concatenate([three, seven, max_pool(x, 2)], axis=-1)


class _Coarse(linen.Module):
    """Mixed_7b and 7c, of 8 x 8 pixels: (n, H, W, C) to (n, H, W, 2048).

    Attributes:
        last: whether it is the last, which pools by maxima.
    """

    last: bool = False

    @linen.compact
    def __call__(self, x: Array) -> Array:
        entries = ("branch1x1", 320), ("branch3x3_1", 384), ("branch3x3dbl_1", 448)
        if self.last:
            one, three, twice = _entries(x, *entries)
            pooled = Conv(192, name="branch_pool")(max_pool(x, 1, (1, 1)))
        else:
            one, three, twice, pooled = _entries(x, *entries, mean=("branch_pool", 192))
        twice = Conv(384, (3, 3), name="branch3x3dbl_2")(twice)
        parts = [
            one,
            Conv(384, (1, 3), name="branch3x3_2a")(three),
            Conv(384, (3, 1), name="branch3x3_2b")(three),
            Conv(384, (1, 3), name="branch3x3dbl_3a")(twice),
            Conv(384, (3, 1), name="branch3x3dbl_3b")(twice),
            pooled,
        ]
        return jnp.concatenate(parts, axis=-1)


_Named = tuple[str, int]


def _entries(x: Array, *named: _Named, mean: _Named | None = None) -> list[Array]:
    """1 x 1 convolutions of one image in one product, within a compact method.

    Args:
        x: (n, H, W, C).
        named: names and channels.
        mean: the same of one that is followed by a mean over 3 x 3 pixels.

    Returns:
        (n, H, W, channels) each, after the activation.
    """
    every = (*named, mean) if mean else named
    weights = [Weights(size, name=name)(x.shape[-1]) for name, size in every]
    kernels, biases = zip(*weights, strict=True)
    product = conv(x, jnp.concatenate(kernels, axis=-1))
    ends = list(itertools.accumulate(size for _, size in every))[:-1]
    parts = jnp.split(product, ends, axis=-1)
    if mean:
        parts[-1] = mean_around(parts[-1])
    return [
        jax.nn.relu(part + along_channels(bias))
        for part, bias in zip(parts, biases, strict=True)
    ]
