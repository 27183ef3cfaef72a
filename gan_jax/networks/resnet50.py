"""ResNet-50 (1512.03385) with its strides in the 3 x 3 convolutions, without classes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import linen

from gan_jax.networks.frozen import Conv, linear, max_pool
from gan_jax.types import Array

SIDE = 224
BLOCKS = (3, 4, 6, 3)
_GROWTH = 4
_AROUND = ((1, 1), (1, 1))


class ResNetFeatures(linen.Module):
    """Pooled features; batch norms are folded into the convolutions.

    Shape: (n, H, W, 3), best 224 x 224 and normalised, to (n, 32 width).

    Attributes:
        blocks: of each of four resolutions.
        width: channels of the first convolution.
    """

    blocks: tuple[int, int, int, int] = BLOCKS
    width: int = 64

    @linen.compact
    def __call__(self, x: Array) -> Array:
        x = Conv(self.width, (7, 7), 2, ((3, 3), (3, 3)), name="conv1")(x)
        x = max_pool(x, 2, (1, 1))
        for stage, count in enumerate(self.blocks):
            for number in range(count):
                stride = 2 if stage > 0 and number == 0 else 1
                name = f"layer{stage + 1}_{number}"
                x = _Bottleneck(self.width * 2**stage, stride, name=name)(x)
        return jnp.mean(x, axis=(1, 2))


class _Bottleneck(linen.Module):
    """Three convolutions and a shortcut: (n, H, W, C) to (n, H', W', 4 width)."""

    width: int
    stride: int

    @linen.compact
    def __call__(self, x: Array) -> Array:
        outputs = self.width * _GROWTH
        y = Conv(self.width, name="conv1")(x)
        y = Conv(self.width, (3, 3), self.stride, _AROUND, name="conv2")(y)
        y = Conv(outputs, activation=linear, name="conv3")(y)
        if x.shape != y.shape:
            x = Conv(outputs, (1, 1), self.stride, activation=linear, name="downsample")(x)
        return jax.nn.relu(x + y)
