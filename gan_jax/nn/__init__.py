"""Layers: convolutions chosen by platform, norms, resampling, and the flax adapter."""

from gan_jax.nn.adapter import from_linen
from gan_jax.nn.conv import BILINEAR, NEAREST, Upsampling
from gan_jax.nn.layers import Conv, ConvPool, ConvTranspose, Dense, Embed, UpsampleConv
from gan_jax.nn.norm import BatchNorm, ConditionalBatchNorm, LayerNorm

__all__ = [
    "BILINEAR",
    "NEAREST",
    "BatchNorm",
    "ConditionalBatchNorm",
    "Conv",
    "ConvPool",
    "ConvTranspose",
    "Dense",
    "Embed",
    "LayerNorm",
    "UpsampleConv",
    "Upsampling",
    "from_linen",
]
