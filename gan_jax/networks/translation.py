"""Translation between images: CycleGAN's generator (1703.10593), and pix2pix's with skips
(1611.07004) and its discriminators of patches.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.image_to_image import ResidualBlock, check_sides
from gan_jax.nn.initializers import Initializer, normal
from gan_jax.nn.layers import Conv, ConvTranspose
from gan_jax.nn.noise import dropout
from gan_jax.nn.norm import BatchNorm, InstanceNorm, NormFactory, normalise
from gan_jax.nn.padding import pad2d
from gan_jax.types import Array, Key

_DOUBLINGS = 2
_MOST = 8
_PLAIN_INSTANCE_NORM = partial(InstanceNorm, affine=False)
_leaky = partial(jax.nn.leaky_relu, negative_slope=0.2)

Images = Array | tuple[Array, ...]
"""Images (B, H, W, C), or several that are laid side by side in their channels."""


class ResNetTranslator(linen.Module):
    """Two halvings, residual blocks, two doublings: CycleGAN's generator (1703.10593,
    section 7.2), after that of 1603.08155. Nine blocks are for 256 x 256 images and above,
    six for 128 x 128.

    Attributes:
        out_channels: of the images it gives.
        width: channels at full resolution.
        blocks: number of residual blocks.
        norm: factory of the normalisation after every convolution but the last; None for
            none.
        use_bias: whether convolutions before a normalisation have a bias. The authors' code
            has them with instance normalisation, which takes them out again, and has none
            with batch normalisation.
        padding: that of the blocks: "reflect", "replicate" or "zero". The first and the
            last convolution have reflected borders.
        dropout: rate of dropout in the blocks.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters, statistics and images are float32.
    """

    out_channels: int = 3
    width: int = 64
    blocks: int = 9
    norm: NormFactory | None = _PLAIN_INSTANCE_NORM
    use_bias: bool = True
    padding: str = "reflect"
    dropout: float = 0.0
    kernel_init: Initializer = normal(0.02)
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(
        self,
        x: Array,
        y: Array | None = None,
        *,
        keys: Key | None = None,
        train: bool = False,
    ) -> Array:
        """Maps images (B, H, W, C) to images (B, H, W, out_channels) in [-1, 1]; `keys`
        (B,) are of the dropout, None for none. `y` is not used.

        Raises:
            ValueError: a side is no multiple of 4.
        """
        del y
        check_sides(x, 2**_DOUBLINGS)
        same: dict[str, Any] = {"kernel_init": self.kernel_init, "dtype": self.dtype}
        conv: Callable[..., Conv] = partial(Conv, use_bias=self.use_bias, **same)
        up: Callable[..., ConvTranspose] = partial(
            ConvTranspose, use_bias=self.use_bias, kernel_size=(3, 3),
            padding=((1, 2), (1, 2)), **same,
        )  # fmt: skip

        def layer(h: Array, module: linen.Module) -> Array:
            name = f"{module.name}_norm"
            return jax.nn.relu(
                normalise(self.norm, module(h), None, train=train, name=name)
            )

        h = pad2d(x.astype(self.dtype), 3)
        h = layer(h, conv(self.width, kernel_size=(7, 7), padding="VALID", name="stem"))
        for index in range(_DOUBLINGS):
            size: dict[str, Any] = {"strides": (2, 2), "padding": ((1, 1), (1, 1))}
            h = layer(h, conv(self.width << (index + 1), **size, name=f"down_{index}"))
        for index in range(self.blocks):
            block = ResidualBlock(
                norm=self.norm,
                use_bias=self.use_bias,
                padding=self.padding,
                dropout=self.dropout,
                **same,
                name=f"block_{index}",
            )
            h = block(h, keys=keys, train=train)
        for index in range(_DOUBLINGS):
            features = self.width << (_DOUBLINGS - 1 - index)
            h = layer(h, up(features, name=f"up_{index}"))
        last = Conv(
            self.out_channels, kernel_size=(7, 7), padding="VALID", **same, name="image"
        )
        return jnp.tanh(last(pad2d(h, 3)).astype(jnp.float32))


class UNetGenerator(linen.Module):
    """Halvings down to few pixels and doublings up again, each of which also sees what was
    there on the way down: pix2pix's generator (1611.07004, section 6.1.1).

    Attributes:
        levels: number of halvings: 8 take 256 x 256 images to one pixel, 5 those of 32.
        out_channels: of the images it gives.
        width: channels after the first halving, doubling with each up to 8 times.
        norm: factory of the normalisation of every level but the outermost and of the way
            up; None for none.
        use_bias: whether convolutions but the last have a bias; see `ResNetTranslator`.
        dropout: rate of the dropout that stands for the latent, in training and evaluation
            alike wherever there are keys.
        noisy: doublings with dropout, counted from the innermost; of these, the ones that
            give 8 times `width` channels. The paper's are the first three; those of the
            authors' code in PyTorch begin with the second.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters, statistics and images are float32.
    """

    levels: int = 8
    out_channels: int = 3
    width: int = 64
    norm: NormFactory | None = BatchNorm
    use_bias: bool = False
    dropout: float = 0.5
    noisy: tuple[int, ...] = (0, 1, 2)
    kernel_init: Initializer = normal(0.02)
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(
        self,
        x: Array,
        y: Array | None = None,
        *,
        keys: Key | None = None,
        train: bool = False,
    ) -> Array:
        """Maps images (B, H, W, C) to images (B, H, W, out_channels) in [-1, 1]; `keys`
        (B,) are of the dropout, None for none. `y` is not used.

        Raises:
            ValueError: a side is no multiple of `2**levels`.
        """
        del y
        check_sides(x, 2**self.levels)
        same: dict[str, Any] = {"kernel_init": self.kernel_init, "dtype": self.dtype}
        widths = [self.width * min(2**level, _MOST) for level in range(self.levels)]
        h, skips = x.astype(self.dtype), []
        for level, features in enumerate(widths):
            conv = Conv(
                features, self.use_bias, kernel_size=(4, 4), strides=(2, 2), **same,
                name=f"down_{level}",
            )  # fmt: skip
            h = conv(h if level == 0 else _leaky(h))
            if 0 < level < self.levels - 1:
                name = f"down_{level}_norm"
                h = normalise(self.norm, h, None, train=train, name=name)
            skips.append(h)
        skips.pop()
        for level in range(self.levels - 1, 0, -1):
            up = ConvTranspose(widths[level - 1], self.use_bias, **same, name=f"up_{level}")
            h = up(jax.nn.relu(h))
            h = normalise(self.norm, h, None, train=train, name=f"up_{level}_norm")
            if self._is_noisy(level):
                h = dropout(h, keys, self.dropout, f"dropout_{level}")
            h = jnp.concatenate([skips.pop(), h], axis=-1)
        last = ConvTranspose(self.out_channels, **same, name="image")
        return jnp.tanh(last(jax.nn.relu(h)).astype(jnp.float32))

    def _is_noisy(self, level: int) -> bool:
        """Whether the doubling from a level has dropout."""
        return self.levels - 1 - level in self.noisy and 2 ** (level - 1) >= _MOST


class PatchDiscriminator(linen.Module):
    """A logit for every patch: pix2pix's discriminator (1611.07004, section 6.1.2). One to
    five halvings see patches of 16, 34, 70, 142 and 286 pixels.

    Attributes:
        layers: convolutions with stride 2; two with stride 1 follow.
        width: channels after the first, doubling with each up to 8 times.
        norm: factory of the normalisation of every convolution but the first and the last;
            None for none.
        use_bias: whether convolutions before a normalisation have a bias; see
            `ResNetTranslator`.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters, statistics and logits are float32.
    """

    layers: int = 3
    width: int = 64
    norm: NormFactory | None = _PLAIN_INSTANCE_NORM
    use_bias: bool = True
    kernel_init: Initializer = normal(0.02)
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Images, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps images (B, H, W, C), or several as one of all their channels, to logits
        (B, h, w). `y` is not used.

        Raises:
            ValueError: the images are smaller than this discriminator needs.
        """
        del y
        h = _side_by_side(x).astype(self.dtype)
        height, width = h.shape[1:3]
        least = 3 << self.layers
        if min(height, width) < least:
            raise ValueError(
                f"a discriminator of patches with {self.layers} layers needs images of at "
                f"least {least} x {least}, got {height} x {width}: use fewer layers"
            )
        conv = partial(
            Conv, kernel_size=(4, 4), padding=((1, 1), (1, 1)),
            kernel_init=self.kernel_init, dtype=self.dtype,
        )  # fmt: skip
        for index in range(self.layers + 1):
            norm = self.norm if index > 0 else None
            layer = conv(
                self.width * min(2**index, _MOST),
                use_bias=self.use_bias or index == 0,
                strides=(1, 1) if index == self.layers else (2, 2),
                name=f"conv_{index}",
            )
            name = f"conv_{index}_norm"
            h = _leaky(normalise(norm, layer(h), None, train=train, name=name))
        return conv(1, name="logit")(h)[..., 0].astype(jnp.float32)


class PixelDiscriminator(linen.Module):
    """A logit for every pixel, by 1 x 1 convolutions: "PixelGAN" (1611.07004, section
    6.1.2).

    Attributes:
        width: channels after the first convolution; the second gives twice as many.
        norm: factory of the normalisation after the second; None for none.
        use_bias: whether the second and the last have biases; see `ResNetTranslator`.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters, statistics and logits are float32.
    """

    width: int = 64
    norm: NormFactory | None = _PLAIN_INSTANCE_NORM
    use_bias: bool = True
    kernel_init: Initializer = normal(0.02)
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Images, y: Array | None = None, *, train: bool = False) -> Array:
        """Maps images (B, H, W, C), or several as one of all their channels, to logits
        (B, H, W). `y` is not used.
        """
        del y
        conv = partial(
            Conv, kernel_size=(1, 1), kernel_init=self.kernel_init, dtype=self.dtype
        )
        h = _leaky(conv(self.width, name="conv_0")(_side_by_side(x)))
        h = conv(2 * self.width, use_bias=self.use_bias, name="conv_1")(h)
        h = _leaky(normalise(self.norm, h, None, train=train, name="conv_1_norm"))
        logits = conv(1, use_bias=self.use_bias, name="logit")(h)
        return logits[..., 0].astype(jnp.float32)


def _side_by_side(x: Images) -> Array:
    """Several images as one of all their channels."""
    return jnp.concatenate(x, axis=-1) if isinstance(x, tuple) else x
