"""Layers: convolutions chosen by platform, norms, resampling, and the flax adapter."""

from typing import TYPE_CHECKING

from gan_jax import lazy

if TYPE_CHECKING:
    from gan_jax.nn.activations import GATED_TANH, Activation, Gate, gated_tanh
    from gan_jax.nn.adapter import from_linen
    from gan_jax.nn.attention import SelfAttention, attend
    from gan_jax.nn.conv import BILINEAR, NEAREST, Upsampling
    from gan_jax.nn.grouped import GroupedConv, grouped_conv
    from gan_jax.nn.layers import Conv, ConvPool, ConvTranspose, Dense, Embed, UpsampleConv
    from gan_jax.nn.lowpass import lowpass_downsample, lowpass_upsample
    from gan_jax.nn.minibatch import MinibatchDiscrimination, MinibatchStddev
    from gan_jax.nn.norm import (
        BatchNorm,
        ConditionalBatchNorm,
        InstanceNorm,
        LayerNorm,
        Modulated,
        PixelNorm,
        adaptive_instance_norm,
    )
    from gan_jax.nn.virtual_norm import VirtualBatchNorm, WithReference, drawn, fixed

__all__ = [
    "BILINEAR",
    "GATED_TANH",
    "NEAREST",
    "Activation",
    "BatchNorm",
    "ConditionalBatchNorm",
    "Conv",
    "ConvPool",
    "ConvTranspose",
    "Dense",
    "Embed",
    "Gate",
    "GroupedConv",
    "InstanceNorm",
    "LayerNorm",
    "MinibatchDiscrimination",
    "MinibatchStddev",
    "Modulated",
    "PixelNorm",
    "SelfAttention",
    "UpsampleConv",
    "Upsampling",
    "VirtualBatchNorm",
    "WithReference",
    "adaptive_instance_norm",
    "attend",
    "drawn",
    "fixed",
    "from_linen",
    "gated_tanh",
    "grouped_conv",
    "lowpass_downsample",
    "lowpass_upsample",
]

lazy.defer(__name__)
