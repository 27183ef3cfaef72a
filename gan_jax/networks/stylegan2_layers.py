"""Layers of StyleGAN2 (1912.04958) with an equalised learning rate.

Kernels are drawn from N(0, 1) and scaled where they are used, by 1 / sqrt(fan_in) and a
learning rate multiplier of the layer. The scales are of the layers and not a transform of
the parameters (`transforms.equalized_lr`), since here they follow from what a layer is: a
convolution that is demodulated has none, styles of the layers that give colours have one of
their own, and published weights give the published images under any recipe.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from flax import linen
from jax.typing import DTypeLike

from gan_jax import prng
from gan_jax.nn.bias_act import LINEAR, LRELU, Nonlinearity, bias_act
from gan_jax.nn.conv import conv
from gan_jax.nn.initializers import normal
from gan_jax.nn.modulated import modulated_conv2d
from gan_jax.nn.upfirdn import (
    BINOMIAL,
    filtered_conv_downsample,
    filtered_upsample_conv,
)
from gan_jax.types import Array, Key

Noise = str | Key
""""const" for the planes of noise that a network keeps, "none", or a typed key per example
(B,) that new ones are drawn by."""

CONST, NONE = "const", "none"

Taps = tuple[float, ...] | tuple[tuple[float, ...], ...]
"""A low-pass filter that can be a module's attribute; see `nn.upfirdn.Filter`."""


def check_noise(noise: Noise) -> None:
    """Refuses words that stand for no noise.

    Raises:
        ValueError: it is neither a key nor one of the two words.
    """
    if isinstance(noise, str) and noise not in (CONST, NONE):
        raise ValueError(
            f"noise is 'const', 'none' or a typed key per example; got {noise!r}"
        )


class ScaledDense(linen.Module):
    """`activation(x @ kernel + bias)`, both scaled: (B, I) to (B, features).

    Attributes:
        features: outputs.
        activation: with its gain.
        lr_mult: multiplier of the learning rate; the kernel is drawn larger by as much.
        bias_init: the bias at first.
    """

    features: int
    activation: Nonlinearity = LINEAR
    lr_mult: float = 1.0
    bias_init: float = 0.0

    @linen.compact
    def __call__(self, x: Array) -> Array:
        """Applies the layer to (B, I), float32."""
        drawn, constant = normal(1.0 / self.lr_mult), jax.nn.initializers.constant
        shape = (x.shape[-1], self.features)
        kernel = self.param("kernel", drawn, shape, jnp.float32)
        start = constant(self.bias_init)
        bias = self.param("bias", start, (self.features,), jnp.float32)
        scale = self.lr_mult / math.sqrt(x.shape[-1])
        return bias_act(jnp.dot(x, kernel * scale), bias * self.lr_mult, self.activation)


class ScaledConv(linen.Module):
    """A "SAME" convolution with scaled kernel, bias and activation.

    Attributes:
        features: output channels.
        size: side of the window.
        activation: with its gain.
        gain: a further factor.
        use_bias: whether a bias is added.
        up: whether the resolution doubles.
        down: whether it halves.
        taps: low-pass filter of both.
        clamp: largest absolute value of the result before `gain`, or None.
        dtype: compute type; parameters are float32.
    """

    features: int
    size: int = 3
    activation: Nonlinearity = LINEAR
    gain: float = 1.0
    use_bias: bool = True
    up: bool = False
    down: bool = False
    taps: Taps = BINOMIAL
    clamp: float | None = None
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array) -> Array:
        """Applies the layer to (B, H, W, I)."""
        shape = (self.size, self.size, x.shape[-1], self.features)
        kernel = self.param("kernel", normal(1.0), shape, jnp.float32)
        weights = (kernel / math.sqrt(math.prod(shape[:3]))).astype(self.dtype)
        x = x.astype(self.dtype)
        if self.up:
            y = filtered_upsample_conv(x, weights, self.taps)
        elif self.down:
            y = filtered_conv_downsample(x, weights, self.taps)
        else:
            y = conv(x, weights)
        zeros, bias = jax.nn.initializers.zeros, None
        if self.use_bias:
            bias = self.param("bias", zeros, (self.features,), jnp.float32)
        clamp = None if self.clamp is None else self.clamp * self.gain
        return bias_act(y, bias, self.activation, gain=self.gain, clamp=clamp)


class StyledConv(linen.Module):
    """Modulated 3 x 3 convolution, noise of a learned strength, bias and activation.

    Attributes:
        features: output channels.
        up: whether the resolution doubles.
        activation: with its gain.
        gain: a further factor.
        taps: low-pass filter of doubling.
        clamp: as of `ScaledConv`.
        use_noise: whether there is noise.
        dtype: compute type; parameters, styles and noise are float32.
    """

    features: int
    up: bool = False
    activation: Nonlinearity = LRELU
    gain: float = 1.0
    taps: Taps = BINOMIAL
    clamp: float | None = None
    use_noise: bool = True
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, w: Array, noise: Noise) -> Array:
        """Applies the layer to (B, H, W, I) with styles of `w` (B, W)."""
        styles = ScaledDense(x.shape[-1], bias_init=1.0, name="affine")(w)
        shape = (3, 3, x.shape[-1], self.features)
        kernel = self.param("kernel", normal(1.0), shape, jnp.float32)
        side = x.shape[1] * (2 if self.up else 1)
        y = modulated_conv2d(
            x.astype(self.dtype),
            kernel,
            styles,
            self._noise(noise, side) if self.use_noise else None,
            up=self.up,
            taps=self.taps,
        )
        zeros = jax.nn.initializers.zeros
        bias = self.param("bias", zeros, (self.features,), jnp.float32)
        clamp = None if self.clamp is None else self.clamp * self.gain
        return bias_act(y, bias, self.activation, gain=self.gain, clamp=clamp)

    def _noise(self, noise: Noise, side: int) -> Array | None:
        """Noise of an image, (B or 1, side, side, 1). What is kept is of the collection
        "noise", which is not read where it is not used.
        """
        strength = self.param("noise_strength", jax.nn.initializers.zeros, (), jnp.float32)
        if self.is_initializing() or (isinstance(noise, str) and noise == CONST):
            plane = self.variable("noise", "plane", self._plane, side).value
        if not isinstance(noise, str):
            shape, own = (side, side, 1), prng.stream(noise, "/".join(self.path))
            return strength * prng.draw(own, lambda key: jax.random.normal(key, shape))
        return strength * plane[None, :, :, None] if noise == CONST else None

    def _plane(self, side: int) -> Array:
        return jax.random.normal(self.make_rng("params"), (side, side), jnp.float32)


class ToRGB(linen.Module):
    """A modulated 1 x 1 convolution without demodulation, to an image.

    Attributes:
        channels: of the image.
        clamp: largest absolute value of the result, or None.
        dtype: compute type; parameters, styles and the result are float32.
    """

    channels: int = 3
    clamp: float | None = None
    dtype: DTypeLike = jnp.float32

    @linen.compact
    def __call__(self, x: Array, w: Array) -> Array:
        """Maps (B, H, W, I) and `w` (B, W) to (B, H, W, channels)."""
        inputs = x.shape[-1]
        styles = ScaledDense(inputs, bias_init=1.0, name="affine")(w)
        shape = (1, 1, inputs, self.channels)
        kernel = self.param("kernel", normal(1.0), shape, jnp.float32)
        zeros = jax.nn.initializers.zeros
        bias = self.param("bias", zeros, (self.channels,), jnp.float32)
        scaled = styles / math.sqrt(inputs)
        y = modulated_conv2d(x.astype(self.dtype), kernel, scaled, demodulate=False)
        return bias_act(y, bias, clamp=self.clamp).astype(jnp.float32)
