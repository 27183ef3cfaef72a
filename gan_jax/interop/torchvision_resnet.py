"""Weights of a ResNet-50 under torchvision's names, as DINO and SwAV publish theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.errors import UserError
from gan_jax.interop.folded import import_folded
from gan_jax.interop.state_dict import Imported, StateDict, structure
from gan_jax.networks.resnet50 import BLOCKS, SIDE, ResNetFeatures

NETWORK = "resnet50"
_EPSILON = 1e-5
_HEADS = (r"fc\..*", r"projection_head\..*", r"prototypes\..*")


def import_state_dict(
    state_dict: StateDict,
    network: str = NETWORK,
    *,
    layers: Sequence[int] = BLOCKS,
    width: int = 64,
) -> Imported:
    """A ResNet with bottlenecks, without its head, as a network of this library.

    Args:
        state_dict: numpy arrays under the original keys. Those of a class layer, and of
            SwAV's projection and prototypes, are not used.
        network: "resnet50".
        layers: blocks of each of the four resolutions.
        width: channels of the first convolution.

    Returns:
        See `Imported`; the module is called with normalised images, best 224 x 224, and
        gives their pooled features. Batch norms are folded.

    Raises:
        UserError: another network, or these are not its weights; lists every key that
            does not fit.
    """
    module, expected = build(network, layers=layers, width=width)
    return import_folded(
        "a ResNet-50",
        module,
        expected,
        _names,
        [],
        state_dict,
        epsilon=_EPSILON,
        ignored=_HEADS,
    )


def build(
    network: str = NETWORK, *, layers: Sequence[int] = BLOCKS, width: int = 64
) -> tuple[ResNetFeatures, dict[str, Any]]:
    """The module of such weights, and its variables as shapes."""
    if network != NETWORK:
        raise UserError(f"this family has the network {NETWORK!r}, there is no {network!r}")
    if len(layers) != len(BLOCKS):
        raise UserError(f"layers must be blocks of {len(BLOCKS)} resolutions, got {layers}")
    first, second, third, fourth = layers
    module = ResNetFeatures((first, second, third, fourth), width)
    image = jax.ShapeDtypeStruct((1, SIDE, SIDE, 3), jnp.float32)
    return module, structure(module, image)


def _names(layer: str) -> tuple[str, str]:
    if layer == "conv1":
        return "conv1", "bn1"
    block, part = layer.split("/")
    prefix = block.replace("_", ".")
    if part == "downsample":
        return f"{prefix}.downsample.0", f"{prefix}.downsample.1"
    return f"{prefix}.{part}", f"{prefix}.{part.replace('conv', 'bn')}"
