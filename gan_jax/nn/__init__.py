"""Layers: convolutions chosen by platform, norms, resampling, and the flax adapter."""

from typing import TYPE_CHECKING

from gan_jax import lazy

if TYPE_CHECKING:
    from gan_jax.nn.activations import GATED_TANH, Activation, Gate, gated_tanh
    from gan_jax.nn.adapter import from_linen
    from gan_jax.nn.attention import SelfAttention, attend
    from gan_jax.nn.bias_act import NONLINEARITIES, Nonlinearity, bias_act
    from gan_jax.nn.conv import BILINEAR, NEAREST, Upsampling
    from gan_jax.nn.grouped import GroupedConv, grouped_conv
    from gan_jax.nn.layers import Conv, ConvPool, ConvTranspose, Dense, Embed, UpsampleConv
    from gan_jax.nn.lowpass import lowpass_downsample, lowpass_upsample
    from gan_jax.nn.minibatch import MinibatchDiscrimination, MinibatchStddev
    from gan_jax.nn.modulated import modulated_conv2d
    from gan_jax.nn.noise import dropout, gaussian_noise
    from gan_jax.nn.norm import (
        BatchNorm,
        ConditionalBatchNorm,
        InstanceNorm,
        LayerNorm,
        Modulated,
        PixelNorm,
        adaptive_instance_norm,
    )
    from gan_jax.nn.padding import PADDINGS, pad2d
    from gan_jax.nn.prelu import PReLU
    from gan_jax.nn.running_instance import RunningInstanceNorm
    from gan_jax.nn.shuffle import pixel_shuffle
    from gan_jax.nn.upfirdn import (
        downsample2d,
        filtered_conv_downsample,
        filtered_upsample_conv,
        upfirdn2d,
        upsample2d,
    )
    from gan_jax.nn.virtual_norm import VirtualBatchNorm, WithReference, drawn, fixed

__all__ = [
    "BILINEAR",
    "GATED_TANH",
    "NEAREST",
    "NONLINEARITIES",
    "PADDINGS",
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
    "Nonlinearity",
    "PReLU",
    "PixelNorm",
    "RunningInstanceNorm",
    "SelfAttention",
    "UpsampleConv",
    "Upsampling",
    "VirtualBatchNorm",
    "WithReference",
    "adaptive_instance_norm",
    "attend",
    "bias_act",
    "downsample2d",
    "drawn",
    "dropout",
    "filtered_conv_downsample",
    "filtered_upsample_conv",
    "fixed",
    "from_linen",
    "gated_tanh",
    "gaussian_noise",
    "grouped_conv",
    "lowpass_downsample",
    "lowpass_upsample",
    "modulated_conv2d",
    "pad2d",
    "pixel_shuffle",
    "upfirdn2d",
    "upsample2d",
]

lazy.defer(__name__)
