"""Layers: convolutions chosen by platform, norms, resampling, and the flax adapter."""

from gan_jax.nn.activations import GATED_TANH, Activation, Gate, gated_tanh
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.conv import BILINEAR, NEAREST, Upsampling
from gan_jax.nn.layers import Conv, ConvPool, ConvTranspose, Dense, Embed, UpsampleConv
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
    "InstanceNorm",
    "LayerNorm",
    "MinibatchDiscrimination",
    "MinibatchStddev",
    "Modulated",
    "PixelNorm",
    "UpsampleConv",
    "Upsampling",
    "VirtualBatchNorm",
    "WithReference",
    "adaptive_instance_norm",
    "drawn",
    "fixed",
    "from_linen",
    "gated_tanh",
]
