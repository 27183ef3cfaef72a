"""StyleGAN2's synthesis network (1912.04958, section 2; 2006.06676), from the styles of its
layers to images of 4 to 1024 pixels.

Parameters, and outputs for the same parameters, are those of the authors' PyTorch code.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax.networks.stylegan2_layers import (
    CONST,
    Noise,
    ScaledConv,
    StyledConv,
    Taps,
    ToRGB,
    check_noise,
)
from gan_jax.nn.bias_act import LRELU, Nonlinearity
from gan_jax.nn.initializers import normal
from gan_jax.nn.upfirdn import BINOMIAL, upsample2d
from gan_jax.types import Array

ARCHITECTURES = ("orig", "skip", "resnet")
"""How resolutions are joined: images by the last layer alone, images of all resolutions
added up, or residual blocks (1912.04958, figure 7)."""

_LEAST, _MOST = 4, 1024
_HALF = math.sqrt(0.5)


def sides_of(side: int) -> list[int]:
    """Sides of the feature maps of a network for images of a side: 4, 8, ..., side.

    Raises:
        ValueError: the side is none of 4, 8, ..., 1024.
    """
    sides = [_LEAST << index for index in range(9)]
    if side not in sides:
        raise ValueError(
            f"StyleGAN2 has images of {_LEAST}, 8, 16, ... {_MOST} pixels, not {side}; "
            "resize the data, for example with data.image_shape=(32, 32, 3)"
        )
    return [each for each in sides if each <= side]


def num_styles(side: int) -> int:
    """Layers that a style is for, those of the last image included."""
    return 2 * len(sides_of(side))


def width_at(side: int, base: int, most: int) -> int:
    """Channels of the feature maps of a side."""
    return min(base // side, most)


def type_at(side: int, largest: int, reduced: int, dtype: DTypeLike) -> DTypeLike:
    """Compute type of a resolution: `dtype` in the `reduced` finest, but never at 4."""
    return dtype if side >= max(2 * largest >> reduced, 2 * _LEAST) else jnp.float32


def check_architecture(architecture: str) -> None:
    """Refuses a name that is none of `ARCHITECTURES`.

    Raises:
        ValueError: it is not.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(
            f"architecture must be one of {', '.join(ARCHITECTURES)}; got {architecture!r}"
        )


class SynthesisNetwork(linen.Module):
    """A learned constant, two styled convolutions at every resolution, and an image.

    Attributes:
        side: of the images, 4 to 1024.
        channels: of the images.
        channel_base: channels of the feature maps are this over their side.
        channel_max: but at most so many.
        architecture: one of `ARCHITECTURES`.
        activation: after every convolution.
        taps: low-pass filter of doubling.
        clamp: largest absolute value after a convolution, or None.
        use_noise: whether noise is added after convolutions.
        reduced: how many of the finest resolutions are computed in `dtype`; never 4 x 4.
        dtype: their compute type; the others, parameters and images are float32.
    """

    side: int = 1024
    channels: int = 3
    channel_base: int = 32768
    channel_max: int = 512
    architecture: str = "skip"
    activation: Nonlinearity = LRELU
    taps: Taps = BINOMIAL
    clamp: float | None = None
    use_noise: bool = True
    reduced: int = 4
    dtype: DTypeLike = jnp.float32

    @property
    def num_ws(self) -> int:
        """Layers that a style is for."""
        return num_styles(self.side)

    @linen.compact
    def __call__(self, ws: Array, *, noise: Noise = CONST) -> Array:
        """Maps styles (B, num_ws, W) to images (B, side, side, channels), about in [-1, 1].

        Raises:
            ValueError: the side, the architecture, the noise or the number of styles cannot
                be.
        """
        check_architecture(self.architecture)
        check_noise(noise)
        sides = sides_of(self.side)
        if ws.shape[1] != self.num_ws:
            raise ValueError(
                f"images of {self.side} pixels have {self.num_ws} styles, got {ws.shape[1]}"
            )
        ws, h, image = ws.astype(jnp.float32), None, None
        for index, side in enumerate(sides):
            width = width_at(side, self.channel_base, self.channel_max)
            block = SynthesisBlock(
                width,
                self.channels if self._gives_image(side) else None,
                residual=self.architecture == "resnet",
                activation=self.activation,
                taps=self.taps,
                clamp=self.clamp,
                use_noise=self.use_noise,
                dtype=type_at(side, self.side, self.reduced, self.dtype),
                name=f"block_{side}",
            )
            first = max(2 * index - 1, 0)
            h, own = block(h, ws[:, first:], noise)
            if image is not None:
                image = upsample2d(image, self.taps)
            image = image if own is None else own if image is None else image + own
        assert image is not None  # the last block always gives one
        return image

    def _gives_image(self, side: int) -> bool:
        return self.architecture == "skip" or side == self.side


class SynthesisBlock(linen.Module):
    """What a synthesis network has at one resolution.

    Attributes:
        width: channels.
        channels: of the image that is added up; None gives none.
        residual: whether a shortcut goes around the convolutions.
        activation: as of `SynthesisNetwork`, as what follows.
        taps: as there.
        clamp: as there.
        use_noise: as there.
        dtype: compute type.
    """

    width: int
    channels: int | None
    residual: bool
    activation: Nonlinearity
    taps: Taps
    clamp: float | None
    use_noise: bool
    dtype: DTypeLike

    @linen.compact
    def __call__(
        self, h: Array | None, ws: Array, noise: Noise
    ) -> tuple[Array, Array | None]:
        """Features (B, H, W, C), doubled in side, and an image of them, or None.

        Args:
            h: features of the resolution before, or None to begin with the constant.
            ws: (B, layers, W), the styles of this and all later layers.
            noise: see `Noise`.
        """

        def styled(index: int, h: Array, w: Array, *, up: bool, gain: float) -> Array:
            layer = StyledConv(
                self.width,
                up=up,
                activation=self.activation,
                gain=gain,
                taps=self.taps,
                clamp=self.clamp,
                use_noise=self.use_noise,
                dtype=self.dtype,
                name=f"conv_{index}",
            )
            return layer(h, w, noise)

        if h is None:
            base = (_LEAST, _LEAST, self.width)
            const = self.param("const", normal(1.0), base, jnp.float32)
            start = jnp.broadcast_to(const[None], (ws.shape[0], *base))
            h = styled(1, start, ws[:, 0], up=False, gain=1.0)
            return h, self._image(h, ws[:, 1])
        short = self._shortcut(h) if self.residual else None
        h = styled(0, h, ws[:, 0], up=True, gain=1.0)
        h = styled(1, h, ws[:, 1], up=False, gain=1.0 if short is None else _HALF)
        h = h if short is None else short + h
        return h, self._image(h, ws[:, 2])

    def _shortcut(self, h: Array) -> Array:
        conv = ScaledConv(
            self.width,
            size=1,
            gain=_HALF,
            use_bias=False,
            up=True,
            taps=self.taps,
            dtype=self.dtype,
            name="shortcut",
        )
        return conv(h)

    def _image(self, h: Array, w: Array) -> Array | None:
        if self.channels is None:
            return None
        return ToRGB(self.channels, self.clamp, self.dtype, name="to_rgb")(h, w)
