"""The seven pairs of networks on which WGAN-GP was compared (1704.00028, section 5.2).

At 64 x 64 and width 64 they are those of the paper's figure 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Protocol

import jax.numpy as jnp
from flax import linen

from gan_jax.networks.bottleneck import BottleneckDiscriminator, BottleneckGenerator
from gan_jax.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.networks.labels import concatenation
from gan_jax.networks.mlp import MLPGenerator
from gan_jax.nn.activations import GATED_TANH, Activation
from gan_jax.nn.norm import BatchNorm, NormFactory

Pair = tuple[linen.Module, linen.Module]
_LABELS = concatenation(32)


class Architecture(Protocol):
    """Builds a generator and a discriminator."""

    def __call__(
        self,
        image_shape: tuple[int, int, int],
        width: int,
        *,
        num_classes: int | None = None,
        d_norm: NormFactory = BatchNorm,
    ) -> Pair:
        """The pair.

        Args:
            image_shape: (H, W, C), both sides even and at least 8.
            width: channels at the finest resolution, 64 in the paper.
            num_classes: number of classes, or None. Generators with batch norm are then
                conditioned by it, others by an embedding beside the latent;
                discriminators by projection.
            d_norm: normalisation of the discriminators that have one. Penalties on input
                gradients need one that keeps examples apart, `LayerNorm`.
        """


def _baseline(
    image_shape: tuple[int, int, int],
    width: int,
    *,
    num_classes: int | None = None,
    d_norm: NormFactory = BatchNorm,
) -> Pair:
    generator = DCGANGenerator(image_shape, width, num_classes=num_classes)
    return generator, DCGANDiscriminator(width, norm=d_norm, num_classes=num_classes)


def _constant_width(
    image_shape: tuple[int, int, int],
    width: int,
    *,
    num_classes: int | None = None,
    d_norm: NormFactory = BatchNorm,
) -> Pair:
    generator = DCGANGenerator(
        image_shape,
        width,
        norm=None,
        num_classes=num_classes,
        growth=1,
        input_labels=_LABELS,
        modulation=None,
    )
    return generator, DCGANDiscriminator(width, norm=d_norm, num_classes=num_classes)


def _perceptron(
    image_shape: tuple[int, int, int],
    width: int,
    *,
    num_classes: int | None = None,
    d_norm: NormFactory = BatchNorm,
) -> Pair:
    generator = MLPGenerator((8 * width,) * 4, image_shape, num_classes=num_classes)
    return generator, DCGANDiscriminator(width, norm=d_norm, num_classes=num_classes)


def _no_norm(
    image_shape: tuple[int, int, int],
    width: int,
    *,
    num_classes: int | None = None,
    d_norm: NormFactory = BatchNorm,
) -> Pair:
    del d_norm
    generator = DCGANGenerator(
        image_shape,
        width,
        norm=None,
        num_classes=num_classes,
        input_labels=_LABELS,
        modulation=None,
    )
    return generator, DCGANDiscriminator(width, norm=None, num_classes=num_classes)


def _activated(
    image_shape: tuple[int, int, int],
    width: int,
    *,
    activation: Activation,
    num_classes: int | None = None,
    d_norm: NormFactory = BatchNorm,
) -> Pair:
    generator = DCGANGenerator(
        image_shape, width, num_classes=num_classes, activation=activation
    )
    discriminator = DCGANDiscriminator(
        width, norm=d_norm, num_classes=num_classes, activation=activation
    )
    return generator, discriminator


def _resnet(
    image_shape: tuple[int, int, int],
    width: int,
    *,
    num_classes: int | None = None,
    d_norm: NormFactory = BatchNorm,
) -> Pair:
    generator = BottleneckGenerator(image_shape, width, num_classes=num_classes)
    return generator, BottleneckDiscriminator(width, norm=d_norm, num_classes=num_classes)


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        "baseline": _baseline,
        "constant_width": _constant_width,
        "mlp": _perceptron,
        "no_norm": _no_norm,
        "gated": partial(_activated, activation=GATED_TANH),
        "tanh": partial(_activated, activation=jnp.tanh),
        "resnet_101": _resnet,
    }
)
"""The columns of the robustness grid, in the paper's order: DCGAN; no batch norm and a
constant width in G; an MLP of 4 layers of 8 * width as G; no normalisation; gated
multiplicative units everywhere; tanh everywhere; 101 layers of residual networks."""
