"""Super-resolution: SRResNet, the generator of SRGAN, and its discriminator (1609.04802,
figure 4).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.image_to_image import ResidualBlock
from gan_jax.nn.initializers import Initializer, he_uniform
from gan_jax.nn.layers import Conv, Dense
from gan_jax.nn.norm import BatchNorm, NormFactory, normalise
from gan_jax.nn.prelu import PReLU
from gan_jax.nn.shuffle import pixel_shuffle
from gan_jax.types import Array

_leaky = partial(jax.nn.leaky_relu, negative_slope=0.2)


def _prelu(x: Array) -> Array:
    """A trained rectifier of the block being called."""
    return PReLU(dtype=x.dtype, name="prelu")(x)


class SRResNet(linen.Module):
    """Residual blocks at low resolution around which the first features are led, then pixel
    shuffles.

    Attributes:
        factor: how much larger images become: 2, 4, 8 ... by shuffles of 2; or 3.
        out_channels: of the images it gives.
        width: channels everywhere.
        blocks: number of residual blocks.
        norm: factory of the normalisations; None for none.
        use_bias: whether convolutions before a normalisation have a bias.
        out_activation: after the last convolution; None for none, as in the paper.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters, statistics and images are float32.
    """

    factor: int = 4
    out_channels: int = 3
    width: int = 64
    blocks: int = 16
    norm: NormFactory | None = BatchNorm
    use_bias: bool = False
    out_activation: Callable[[Array], Array] | None = jnp.tanh
    kernel_init: Initializer = he_uniform()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps images (B, H, W, C) to images (B, factor H, factor W, out_channels), in
        [-1, 1] by the default activation. `y` is not used.

        Raises:
            ValueError: the factor is neither 3 nor a power of 2.
        """
        del y
        same: dict[str, Any] = {"kernel_init": self.kernel_init, "dtype": self.dtype}
        first = Conv(self.width, kernel_size=(9, 9), **same, name="stem")(x)
        first = PReLU(dtype=self.dtype, name="stem_prelu")(first)
        h = first
        for index in range(self.blocks):
            block = ResidualBlock(
                activation=_prelu,
                norm=self.norm,
                use_bias=self.use_bias,
                **same,
                name=f"block_{index}",
            )
            h = block(h, train=train)
        h = Conv(self.width, self.use_bias, **same, name="fusion")(h)
        h = first + normalise(self.norm, h, None, train=train, name="fusion_norm")
        for index, step in enumerate(_shuffles(self.factor)):
            h = Conv(self.width * step**2, **same, name=f"up_{index}")(h)
            h = pixel_shuffle(h, step)
            h = PReLU(dtype=self.dtype, name=f"up_{index}_prelu")(h)
        h = Conv(self.out_channels, kernel_size=(9, 9), **same, name="image")(h)
        h = h.astype(jnp.float32)
        return h if self.out_activation is None else self.out_activation(h)


def _shuffles(factor: int) -> tuple[int, ...]:
    """Factors of the pixel shuffles that make a factor."""
    if factor == 3:
        return (3,)
    if factor < 2 or factor & (factor - 1):
        raise ValueError(f"factor must be 2, 3, 4 or another power of 2; got {factor}")
    return (2,) * (factor.bit_length() - 1)


class SRGANDiscriminator(linen.Module):
    """Eight convolutions, every second with stride 2, and two dense layers.

    Attributes:
        width: channels of the first two convolutions, doubling with every pair.
        hidden: units of the dense layer before the logit.
        pooled: whether the last features are averaged over space, so that images may have
            any size, instead of laid in a row.
        norm: factory of the normalisation of every convolution but the first; None for
            none.
        use_bias: whether convolutions before a normalisation have a bias.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters, statistics and logits are float32.
    """

    width: int = 64
    hidden: int = 1024
    pooled: bool = False
    norm: NormFactory | None = BatchNorm
    use_bias: bool = False
    kernel_init: Initializer = he_uniform()
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps images (B, H, W, C) to logits (B,). `y` is not used."""
        del y
        h = x
        for index in range(8):
            norm = self.norm if index > 0 else None
            conv = Conv(
                self.width << (index // 2),
                self.use_bias or index == 0,
                self.kernel_init,
                self.dtype,
                strides=(2, 2) if index % 2 else (1, 1),
                padding=((1, 1), (1, 1)),
                name=f"conv_{index}",
            )
            name = f"conv_{index}_norm"
            h = _leaky(normalise(norm, conv(h), None, train=train, name=name))
        h = h.mean(axis=(1, 2)) if self.pooled else h.reshape(h.shape[0], -1)
        dense = partial(Dense, kernel_init=self.kernel_init)
        h = _leaky(dense(self.hidden, dtype=self.dtype, name="hidden")(h))
        return dense(1, name="logit")(h.astype(jnp.float32))[:, 0]
