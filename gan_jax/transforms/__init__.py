"""Parameter transforms: what the network sees of the parameters that are trained."""

from gan_jax.transforms.base import (
    DirectionGain,
    chain,
    identity,
    kernels,
    masked,
    matrices,
)
from gan_jax.transforms.equalized import equalized_lr
from gan_jax.transforms.spectral import spectral_norm
from gan_jax.transforms.weight_norm import weight_norm

__all__ = [
    "DirectionGain",
    "chain",
    "equalized_lr",
    "identity",
    "kernels",
    "masked",
    "matrices",
    "spectral_norm",
    "weight_norm",
]
