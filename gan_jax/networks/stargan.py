"""StarGAN (1711.09020, appendix): one generator for all domains, which is told the domain
that is asked for, and a discriminator with two heads.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.image_to_image import ResidualBlock, check_sides
from gan_jax.networks.labels import check_labels
from gan_jax.nn.initializers import Initializer, he_uniform
from gan_jax.nn.layers import Conv, ConvTranspose
from gan_jax.nn.norm import InstanceNorm, NormFactory, normalise
from gan_jax.types import Array, Outputs

_SCALINGS = 2
_TORCH_DEFAULT = he_uniform(6**-0.5)
"""Uniform within `1 / sqrt(fan_in)`, as layers of PyTorch start."""


class StarGANGenerator(linen.Module):
    """Two halvings, residual blocks and two doublings of an image and a map per domain.

    Attributes:
        num_domains: number of domains or of attributes.
        out_channels: of the images it gives.
        width: channels at full resolution.
        blocks: number of residual blocks.
        norm: factory of the normalisation after every convolution but the last; None for
            none. The authors' evaluates by running statistics: `RunningInstanceNorm`.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters, statistics and images are float32.
    """

    num_domains: int
    out_channels: int = 3
    width: int = 64
    blocks: int = 6
    norm: NormFactory | None = InstanceNorm
    kernel_init: Initializer = _TORCH_DEFAULT
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps images (B, H, W, C) and the domains asked for to images
        (B, H, W, out_channels) in [-1, 1].

        Args:
            x: images.
            y: labels of domains, int (B,), or attributes, float (B, num_domains).
            train: mode of the normalisation.

        Raises:
            ValueError: there are no domains, or they are of another number; or a side is
                no multiple of 4.
        """
        check_sides(x, 2**_SCALINGS)
        same: dict[str, Any] = {
            "use_bias": False,
            "kernel_init": self.kernel_init,
            "dtype": self.dtype,
        }

        def layer(h: Array, module: linen.Module) -> Array:
            name = f"{module.name}_norm"
            return jax.nn.relu(
                normalise(self.norm, module(h), None, train=train, name=name)
            )

        h = self._with_domains(x.astype(self.dtype), y)
        h = layer(h, Conv(self.width, kernel_size=(7, 7), **same, name="stem"))
        for index in range(_SCALINGS):
            h = layer(h, self._down(index)(name=f"down_{index}", **same))
        for index in range(self.blocks):
            block = ResidualBlock(norm=self.norm, **same, name=f"block_{index}")
            h = block(h, train=train)
        for index in range(_SCALINGS):
            features = self.width << (_SCALINGS - 1 - index)
            h = layer(h, ConvTranspose(features, **same, name=f"up_{index}"))
        last = Conv(self.out_channels, kernel_size=(7, 7), **same, name="image")
        return jnp.tanh(last(h).astype(jnp.float32))

    def _down(self, index: int) -> partial[Conv]:
        features = self.width << (index + 1)
        return partial(Conv, features, kernel_size=(4, 4), strides=(2, 2))

    def _with_domains(self, x: Array, y: Array | None) -> Array:
        """A map per domain beside the channels, 1 for the one that is asked for."""
        y = check_labels(y, self.num_domains)
        if jnp.issubdtype(y.dtype, jnp.integer):
            y = jax.nn.one_hot(y, self.num_domains, dtype=x.dtype)
        if y.shape != (x.shape[0], self.num_domains):
            raise ValueError(
                f"domains must be labels (batch,) or attributes (batch, {self.num_domains})"
                f", got {y.shape} for images {x.shape}"
            )
        maps = y.astype(x.dtype)[:, None, None, :]
        shape = (*x.shape[:-1], self.num_domains)
        return jnp.concatenate([x, jnp.broadcast_to(maps, shape)], axis=-1)


class StarGANDiscriminator(linen.Module):
    """Halvings without normalisation, then a logit per patch, and a logit per domain of the
    whole image.

    Attributes:
        num_domains: number of domains or of attributes.
        width: channels after the first halving, doubling with each.
        layers: number of halvings.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters and logits are float32.
    """

    num_domains: int
    width: int = 64
    layers: int = 6
    kernel_init: Initializer = _TORCH_DEFAULT
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = False) -> Outputs:
        """Maps images (B, H, W, C), all of one size, to logits (B, h, w) of the last
        features (B, h, w, F), and `classes` (B, num_domains). `y` and the mode are not
        used.

        Raises:
            ValueError: the images are too small to be halved so often.
        """
        del y, train
        height, width = x.shape[1:3]
        if min(height, width) < 2**self.layers:
            raise ValueError(
                f"StarGAN's discriminator with {self.layers} layers needs images of at "
                f"least {2**self.layers} x {2**self.layers}, got {height} x {width}: use "
                "fewer layers"
            )
        conv = partial(Conv, kernel_init=self.kernel_init, dtype=self.dtype)
        down = partial(conv, kernel_size=(4, 4), strides=(2, 2), padding=((1, 1), (1, 1)))
        h = x
        for index in range(self.layers):
            h = down(self.width << index, name=f"conv_{index}")(h)
            h = jax.nn.leaky_relu(h, 0.01)
        logits = conv(1, use_bias=False, name="logit")(h)[..., 0]
        whole = partial(conv, kernel_size=h.shape[1:3], padding="VALID", use_bias=False)
        classes = whole(self.num_domains, name="classes")(h)[:, 0, 0]
        return Outputs(*(a.astype(jnp.float32) for a in (logits, h, classes)))
