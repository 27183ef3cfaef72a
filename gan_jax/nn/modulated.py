"""Modulated convolution with demodulation (StyleGAN2, 1912.04958, section 2.2)."""

from __future__ import annotations

import functools
import operator

import jax.numpy as jnp
from jax import lax

from gan_jax.nn.conv import conv
from gan_jax.nn.upfirdn import (
    BINOMIAL,
    Filter,
    filtered_conv_downsample,
    filtered_upsample_conv,
)
from gan_jax.types import Array


def modulated_conv2d(
    x: Array,
    kernel: Array,
    styles: Array,
    noise: Array | None = None,
    *,
    up: bool = False,
    down: bool = False,
    taps: Filter = BINOMIAL,
    demodulate: bool = True,
) -> Array:
    """A "SAME" convolution by the kernel w'_ijk = s_i w_ijk of each example, divided by the
    norm of its columns, sqrt(sum_ik w'_ijk^2 + 1e-8) (equations 1 and 3).

    A convolution is linear, so that the inputs are scaled in place of the kernel and the
    outputs by the norms: one convolution of the batch, and no kernel for each example.
    Norms are float32, and a compute type as wide as bfloat16 needs no care for overflow.

    Args:
        x: (B, H, W, I).
        kernel: (K, K, I, O) with K odd, float32; correlated, when doubling too. (The
            published code convolves there: its kernels are these flipped.)
        styles: (B, I), float32.
        noise: added to the result, (B or 1, H', W', 1).
        up: whether the resolution doubles; see `filtered_upsample_conv`.
        down: whether it halves; see `filtered_conv_downsample`.
        taps: low-pass filter of both.
        demodulate: whether to divide by the norms.

    Returns:
        (B, H', W', O) in the type of `x`.

    Raises:
        ValueError: both `up` and `down`.
    """
    if up and down:
        raise ValueError("a convolution cannot double and halve: set up or down")
    scaled, weights = x * _over_space(styles, x), kernel.astype(x.dtype)
    if up:
        y = filtered_upsample_conv(scaled, weights, taps)
    elif down:
        y = filtered_conv_downsample(scaled, weights, taps)
    else:
        y = conv(scaled, weights)
    if demodulate:
        # One by one: a sum over axes XLA on CPU fuses with all of `y`, at twice its time.
        taps = jnp.square(kernel).reshape(-1, *kernel.shape[2:])
        squares = functools.reduce(operator.add, taps)
        norms = jnp.dot(jnp.square(styles), squares, precision=lax.Precision.HIGHEST)
        y = y * _over_space(lax.rsqrt(norms + 1e-8), y)
    return y if noise is None else y + noise.astype(y.dtype)


def _over_space(factors: Array, x: Array) -> Array:
    """(B, C) as factors of `x` (B, H, W, C)."""
    return factors.astype(x.dtype)[:, None, None, :]
