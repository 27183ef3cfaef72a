"""Parameter transforms: what the network sees of the parameters that are trained."""

from gan_jax.transforms.base import (
    DirectionGain,
    chain,
    identity,
    kernels,
    masked,
    matrices,
)
from gan_jax.transforms.conv_operator import (
    SpectralGap,
    circular_singular_values,
    circular_spectral_norm,
    conv_kernels,
    conv_spectral_norm,
    spectral_gap,
)
from gan_jax.transforms.equalized import biases, by_prefix, equalized_lr
from gan_jax.transforms.power import UntilConvergence
from gan_jax.transforms.spectral import singular_values, spectral_norm
from gan_jax.transforms.weight_norm import weight_norm

__all__ = [
    "DirectionGain",
    "SpectralGap",
    "UntilConvergence",
    "biases",
    "by_prefix",
    "chain",
    "circular_singular_values",
    "circular_spectral_norm",
    "conv_kernels",
    "conv_spectral_norm",
    "equalized_lr",
    "identity",
    "kernels",
    "masked",
    "matrices",
    "singular_values",
    "spectral_gap",
    "spectral_norm",
    "weight_norm",
]
