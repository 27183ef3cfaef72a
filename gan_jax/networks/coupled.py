"""CoGAN's networks (1606.07536, section 3): two generators in one net, whose first layers
they share, and two discriminators in one, whose last layers they share.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.dcgan import halvings
from gan_jax.nn.attention import max_pool
from gan_jax.nn.conv import Padding
from gan_jax.nn.initializers import Initializer, glorot_uniform
from gan_jax.nn.layers import Conv, ConvTranspose, Dense
from gan_jax.nn.norm import BatchNorm, NormFactory, normalise
from gan_jax.nn.prelu import PReLU
from gan_jax.types import Array

DOMAINS = ("first", "second")
"""Prefixes of the names of layers of one domain; those that are shared have "shared"."""
_DIGIT, _MOST = 28, 32
_Image = tuple[int, int, int]


class Window(NamedTuple):
    """A convolution, or a transposed one.

    Attributes:
        features: output channels.
        size: side of its window.
        stride: along both axes.
        padding: as of `nn.Conv` and `nn.ConvTranspose`.
    """

    features: int
    size: int
    stride: int = 1
    padding: Padding = "SAME"


class Ladder(NamedTuple):
    """Layers of a generator, from the latent to the image.

    Attributes:
        base: (H, W, C) after the first, a dense one.
        windows: transposed convolutions, the last of which makes the image.
    """

    base: _Image
    windows: tuple[Window, ...]


class Judge(NamedTuple):
    """Layers of a discriminator before the logit.

    Attributes:
        windows: convolutions.
        units: of dense layers after them.
        pooled: whether convolutions are followed by maxima over 2 x 2 pixels, as LeNet's
            are, and not by a rectifier.
    """

    windows: tuple[Window, ...]
    units: tuple[int, ...]
    pooled: bool


def _around(pixels: int) -> Padding:
    return ((pixels, pixels), (pixels, pixels))


def digit_generator(image_shape: tuple[int, ...], width: int) -> Ladder:
    """The paper's for digits: 4 x 4, 7 x 7, 13 x 13, 25 x 25, 28 x 28.

    Args:
        image_shape: (28, 28, C).
        width: channels before the image, and an eighth of those at the base: 128 there.

    Raises:
        ValueError: images have another size.
    """
    _check_digits(image_shape)
    twice = [Window(width * times, 3, 2, _around(1)) for times in (4, 2, 1)]
    last = Window(image_shape[-1], 6, 1, _around(4))
    return Ladder((4, 4, 8 * width), (*twice, last))


def digit_discriminator(image_shape: tuple[int, ...], width: int) -> Judge:
    """The paper's for digits, of LeNet's form: 20, 50 and 500 features at width 20.

    Args:
        image_shape: (28, 28, C).
        width: channels after the first layer.

    Raises:
        ValueError: images have another size.
    """
    _check_digits(image_shape)
    windows = (Window(width, 5, 1, "VALID"), Window(5 * width // 2, 5, 1, "VALID"))
    return Judge(windows, (25 * width,), pooled=True)


def face_generator(image_shape: tuple[int, ...], width: int) -> Ladder:
    """The paper's for faces: a base that is doubled up to the full size, and a last layer.

    Args:
        image_shape: (H, W, C), both sides even and at least 8; 128 x 128 there.
        width: channels at full size, 32 there, doubling towards the base up to 32 times.
    """
    height, breadth, channels = image_shape
    stages = halvings(height, breadth)
    widths = _doubled(width, stages + 1)[::-1]
    twice = [Window(features, 4, 2) for features in widths[1:]]
    base = (height >> stages, breadth >> stages, widths[0])
    return Ladder(base, (*twice, Window(channels, 3)))


def face_discriminator(image_shape: tuple[int, ...], width: int) -> Judge:
    """Convolutions that halve images, as for faces: windows of 5 for the first three, then
    of 3, down to half of the generator's base.

    Args:
        image_shape: (H, W, C), both sides even and at least 8.
        width: channels after the first layer, doubling up to 32 times.
    """
    stages = halvings(*image_shape[:2]) + 1
    widths = _doubled(width, stages)
    windows = [Window(f, 5 if stage < 3 else 3, 2) for stage, f in enumerate(widths)]
    return Judge(tuple(windows), (2 * widths[-1],), pooled=False)


def _doubled(width: int, count: int) -> list[int]:
    return [width * min(2**stage, _MOST) for stage in range(count)]


def _check_digits(image_shape: tuple[int, ...]) -> None:
    if image_shape[:2] != (_DIGIT, _DIGIT):
        height, breadth = image_shape[:2]
        raise ValueError(
            f"the networks of digits are for {_DIGIT} x {_DIGIT} images, got {height} x "
            f"{breadth}: choose those of faces"
        )


class CoupledGenerator(linen.Module):
    """Two generators of one latent, whose first layers are the same ones.

    Attributes:
        ladder: the layers of either.
        shared: how many they share; 0 unties them, None is all but the last.
        norm: factory of the normalisation after every layer but the last, or None.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters, statistics and images are float32.
    """

    ladder: Ladder
    shared: int | None = None
    norm: NormFactory | None = BatchNorm
    kernel_init: Initializer = glorot_uniform()
    dtype: DTypeLike = jnp.float32

    @property
    def layers(self) -> int:
        """Layers of either generator."""
        return 1 + len(self.ladder.windows)

    @linen.compact
    def __call__(self, z: Array, *, train: bool = False) -> tuple[Array, Array]:
        """Maps latents (B, Z) to images of both domains (B, H, W, C) in [-1, 1].

        Raises:
            ValueError: nothing would be left to either domain.
        """
        common = _common("generators", self.shared, self.layers)
        for layer in range(common):
            z = self._layer(z, layer, "shared", train)
        first, second = z, z
        for layer in range(common, self.layers):
            first = self._layer(first, layer, DOMAINS[0], train)
            second = self._layer(second, layer, DOMAINS[1], train)
        return jnp.tanh(first.astype(jnp.float32)), jnp.tanh(second.astype(jnp.float32))

    def _layer(self, h: Array, layer: int, owner: str, train: bool) -> Array:
        last, name = layer == self.layers - 1, f"{owner}_{layer}"
        common: dict[str, Any] = {
            "use_bias": last or self.norm is None,
            "kernel_init": self.kernel_init,
            "dtype": self.dtype,
            "name": name,
        }
        if layer == 0:
            base = self.ladder.base
            h = Dense(math.prod(base), **common)(h).reshape(-1, *base)
        else:
            window = self.ladder.windows[layer - 1]
            h = ConvTranspose(
                window.features,
                kernel_size=(window.size, window.size),
                strides=(window.stride, window.stride),
                padding=window.padding,
                **common,
            )(h)
        if last:
            return h
        h = normalise(self.norm, h, None, train=train, name=f"{name}_norm")
        return PReLU(dtype=self.dtype, name=f"{name}_slope")(h)


class CoupledDiscriminator(linen.Module):
    """Two discriminators, whose last layers are the same ones.

    Shared layers see both domains in one batch, as in the authors' code, so that a batch
    norm in them is over both.

    Attributes:
        judge: the layers of either.
        shared: how many they share, the one of the logit among them; 0 unties them, None
            is all but the first.
        norm: factory of the normalisation after every convolution, or None.
        kernel_init: initialiser of every kernel.
        dtype: compute type; parameters, statistics and logits are float32.
    """

    judge: Judge
    shared: int | None = None
    norm: NormFactory | None = None
    kernel_init: Initializer = glorot_uniform()
    dtype: DTypeLike = jnp.float32

    @property
    def layers(self) -> int:
        """Layers of either discriminator."""
        return len(self.judge.windows) + len(self.judge.units) + 1

    @linen.compact
    def __call__(self, pair: tuple[Array, Array], *, train: bool = False) -> Array:
        """Maps images of both domains (B, H, W, C), not pairs of one another, to logits
        (B, 2), a domain each.

        Raises:
            ValueError: nothing would be left to either domain.
        """
        own = self.layers - _common("discriminators", self.shared, self.layers)
        first, second = pair
        for layer in range(own):
            first = self._layer(first, layer, DOMAINS[0], train)
            second = self._layer(second, layer, DOMAINS[1], train)
        # Rows in turns, so that each of a sharded batch stays on its device.
        h = jnp.stack((first, second), axis=1).reshape(-1, *first.shape[1:])
        for layer in range(own, self.layers):
            h = self._layer(h, layer, "shared", train)
        return h.reshape(-1, 2).astype(jnp.float32)

    def _layer(self, h: Array, layer: int, owner: str, train: bool) -> Array:
        convolutions, name = len(self.judge.windows), f"{owner}_{layer}"
        if layer < convolutions:
            return self._convolution(h, layer, name, train)
        h = h.reshape(h.shape[0], -1)
        units = (*self.judge.units, 1)[layer - convolutions]
        dense = Dense(units, kernel_init=self.kernel_init, dtype=self.dtype, name=name)
        h = dense(h)
        if layer == self.layers - 1:
            return h
        return PReLU(dtype=self.dtype, name=f"{name}_slope")(h)

    def _convolution(self, h: Array, layer: int, name: str, train: bool) -> Array:
        window = self.judge.windows[layer]
        h = Conv(
            window.features,
            use_bias=self.norm is None,
            kernel_size=(window.size, window.size),
            strides=(window.stride, window.stride),
            padding=window.padding,
            kernel_init=self.kernel_init,
            dtype=self.dtype,
            name=name,
        )(h)
        h = normalise(self.norm, h, None, train=train, name=f"{name}_norm")
        if self.judge.pooled:
            return max_pool(h)
        return PReLU(dtype=self.dtype, name=f"{name}_slope")(h)


def _common(whose: str, shared: int | None, layers: int) -> int:
    """How many layers both domains have together."""
    if shared is None:
        return layers - 1
    if not 0 <= shared < layers:
        raise ValueError(
            f"{whose} of {layers} layers can share 0 to {layers - 1} of them, got {shared}"
        )
    return shared
