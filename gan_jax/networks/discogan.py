"""DiscoGAN's generator (1703.05192, section 3.1): an encoder and a decoder of images."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.image_to_image import check_sides
from gan_jax.nn.initializers import Initializer, normal
from gan_jax.nn.layers import Conv, ConvTranspose
from gan_jax.nn.norm import BatchNorm, NormFactory, normalise
from gan_jax.types import Array

_leaky = partial(jax.nn.leaky_relu, negative_slope=0.2)


class EncoderDecoder(linen.Module):
    """Halvings, and as many doublings, without anything that leads past them.

    Attributes:
        levels: number of halvings, 4 for 64 x 64 images in the authors' code.
        out_channels: of the images it gives.
        width: channels after the first halving, doubling with each.
        bottleneck: features of a vector between the two, if there is one: 100 in the
            authors' larger networks. It fixes the size of the images.
        norm: factory of the normalisation after every convolution but the first and the
            last; None for none.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters, statistics and images are float32.
    """

    levels: int = 4
    out_channels: int = 3
    width: int = 64
    bottleneck: int | None = None
    norm: NormFactory | None = BatchNorm
    kernel_init: Initializer = normal(0.02)
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps images (B, H, W, C) to images (B, H, W, out_channels) in [-1, 1]. `y` is not
        used.

        Raises:
            ValueError: a side is no multiple of `2**levels`.
        """
        del y
        check_sides(x, 2**self.levels)
        same: dict[str, Any] = {
            "use_bias": self.norm is None,
            "kernel_init": self.kernel_init,
            "dtype": self.dtype,
        }

        def normalised(h: Array, name: str) -> Array:
            return normalise(self.norm, h, None, train=train, name=f"{name}_norm")

        h = x.astype(self.dtype)
        size: dict[str, Any] = {"kernel_size": (4, 4), "strides": (2, 2)}
        for level in range(self.levels):
            name = f"down_{level}"
            h = Conv(self.width << level, **size, **same, name=name)(h)
            h = _leaky(normalised(h, name) if level > 0 else h)
        if self.bottleneck is not None:
            whole: dict[str, Any] = {"kernel_size": h.shape[1:3], "padding": "VALID"}
            features = h.shape[-1]
            h = Conv(self.bottleneck, **whole, **same, name="code")(h)
            h = _leaky(normalised(h, "code"))
            h = ConvTranspose(features, **whole, strides=(1, 1), **same, name="spread")(h)
            h = jax.nn.relu(normalised(h, "spread"))
        for level in range(self.levels - 1, 0, -1):
            name = f"up_{level}"
            h = ConvTranspose(self.width << (level - 1), **same, name=name)(h)
            h = jax.nn.relu(normalised(h, name))
        last = ConvTranspose(self.out_channels, **same, name="image")
        return jnp.tanh(last(h).astype(jnp.float32))
