"""EfficientNet-Lite0 without its class layer (1905.11946, and its Lite variants).

Inverted bottlenecks without squeeze-and-excitation, with ReLU6; batch norms are folded into
the convolutions. "SAME" is TensorFlow's: of an odd sum of padding the far edge has more.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen

from gan_jax.networks.frozen import Conv, Depthwise, linear
from gan_jax.types import Array

SIDE = 224
FEATURES = 1280


class Stage(NamedTuple):
    """Blocks of one resolution.

    Attributes:
        blocks: how many; the stride is that of the first.
        window: side of the depthwise kernel.
        stride: of the depthwise convolution.
        expansion: of the channels within a block.
        features: channels of its outputs.
    """

    blocks: int
    window: int
    stride: int
    expansion: int
    features: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
STEM = 32


class EfficientNetLite0(linen.Module):
    """Pooled features of images scaled to (x - 127) / 128, x in [0, 255].

    Shape: (n, H, W, 3), best 224 x 224, to (n, 1280).
    """

    @linen.compact
    def __call__(self, x: Array) -> Array:
        x = Conv(STEM, (3, 3), 2, activation=jax.nn.relu6, name="stem")(x)
        number = 0
        for stage in STAGES:
            for first in (True, *[False] * (stage.blocks - 1)):
                stride = stage.stride if first else 1
                x = _Block(stage, stride, name=f"block_{number}")(x)
                number += 1
        x = Conv(FEATURES, activation=jax.nn.relu6, name="head")(x)
        return jnp.mean(x, axis=(1, 2))


class _Block(linen.Module):
    """Expansion, depthwise convolution, projection; with the input added where they fit."""

    stage: Stage
    stride: int

    @linen.compact
    def __call__(self, x: Array) -> Array:
        stage, y = self.stage, x
        if stage.expansion > 1:
            wide = x.shape[-1] * stage.expansion
            y = Conv(wide, activation=jax.nn.relu6, name="expand")(y)
        y = Depthwise(stage.window, self.stride, jax.nn.relu6, name="depthwise")(y)
        y = Conv(stage.features, activation=linear, name="project")(y)
        return x + y if y.shape == x.shape else y
