"""SqueezeNet 1.1 (1602.07360): small and fast, of the ImageNet's 1000 classes."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from flax import linen

from gan_jax.networks.frozen import Conv, max_pool
from gan_jax.types import Array

SIDE = 227
SMALLEST = 17
"""Least side of an image: the last maps are one pixel."""

MEANS = (104.0, 117.0, 123.0)
"""Of blue, green and red, subtracted from the pixels."""

_FIRE = {2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128), 6: (48, 192), 7: (48, 192),
         8: (64, 256), 9: (64, 256)}  # fmt: skip
_POOLED_BEFORE = (2, 4, 6)
_UNSEEN = (2, 4)


class SqueezeNetOutputs(NamedTuple):
    """What the network says of images.

    Attributes:
        features: (n, 512), means of the last feature maps.
        logits: (n, 1000), means of the class maps after their ReLU, as published.
        activations: seven feature maps (n, h, w, c) of 64, 128, 256, 384, 384, 512 and 512
            channels: after the first convolution and fire modules 3, 5, 6, 7, 8 and 9, as
            perceptual distances compare them (1801.03924).
    """

    features: Array
    logits: Array
    activations: tuple[Array, ...]


class SqueezeNet(linen.Module):
    """From pixels in [0, 255], blue first, less their means.

    Shape: (n, H, W, 3), best 227 x 227, to `SqueezeNetOutputs`.
    """

    @linen.compact
    def __call__(self, x: Array) -> SqueezeNetOutputs:
        if min(x.shape[1:3]) < SMALLEST:
            raise ValueError(
                f"images must have {SMALLEST} pixels or more a side, got {x.shape[1:3]}"
            )
        x = Conv(64, (3, 3), 2, "VALID", name="conv1")(x)
        activations = [x]
        for number, (squeezed, expanded) in _FIRE.items():
            if number in _POOLED_BEFORE:
                x = max_pool(x, 2, (0, 1))  # "ceil mode" of the original
            x = _Fire(squeezed, expanded, name=f"fire{number}")(x)
            if number not in _UNSEEN:
                activations.append(x)
        logits = Conv(1000, name="conv10")(x)
        return SqueezeNetOutputs(
            jnp.mean(x, axis=(1, 2)), jnp.mean(logits, axis=(1, 2)), tuple(activations)
        )


class _Fire(linen.Module):
    """Squeezes the channels, then 1 x 1 and 3 x 3 convolutions side by side."""

    squeezed: int
    expanded: int

    @linen.compact
    def __call__(self, x: Array) -> Array:
        x = Conv(self.squeezed, name="squeeze1x1")(x)
        one = Conv(self.expanded, name="expand1x1")(x)
        return jnp.concatenate(
            [one, Conv(self.expanded, (3, 3), name="expand3x3")(x)], axis=-1
        )


def prepare(pixels: Array) -> Array:
    """What the network sees of RGB pixels (n, H, W, 3) in [0, 255]."""
    means = jnp.asarray(MEANS, pixels.dtype)
    return pixels[..., ::-1] - means[None, None, None]
