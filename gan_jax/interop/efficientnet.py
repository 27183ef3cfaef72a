"""Weights of EfficientNet-Lite0 without its class layer, under PyTorch names."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from gan_jax.errors import UserError
from gan_jax.interop.folded import import_folded
from gan_jax.interop.state_dict import Imported, StateDict, structure
from gan_jax.networks.efficientnet import SIDE, EfficientNetLite0

NETWORK = "efficientnet_lite0"
_EPSILON = 1e-3
_WHOLE = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
_PARTS = {
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}


def import_state_dict(state_dict: StateDict, network: str = NETWORK) -> Imported:
    """EfficientNet-Lite0 as a network of this library; batch norms are folded.

    Args:
        state_dict: numpy arrays under the names of the PyTorch port, such as
            "_blocks.3._expand_conv.weight".
        network: "efficientnet_lite0".

    Raises:
        UserError: another network, or these are not its weights; lists every key that
            does not fit.
    """
    if network != NETWORK:
        raise UserError(f"this family has the network {NETWORK!r}, there is no {network!r}")
    module = EfficientNetLite0()
    image = jax.ShapeDtypeStruct((1, SIDE, SIDE, 3), jnp.float32)
    return import_folded(
        "EfficientNet-Lite0",
        module,
        structure(module, image),
        _names,
        [],
        state_dict,
        epsilon=_EPSILON,
    )


def _names(layer: str) -> tuple[str, str]:
    if layer in _WHOLE:
        return _WHOLE[layer]
    block, part = layer.split("/")
    convolution, norm = _PARTS[part]
    prefix = f"_blocks.{block.removeprefix('block_')}"
    return f"{prefix}.{convolution}", f"{prefix}.{norm}"
