"""Weights of the FID's Inception, as pytorch-fid publishes them.

https://github.com/mseitzer/pytorch-fid/releases/tag/fid_weights, the values of TensorFlow's
graph of 2015-12-05 under the names of torchvision's network.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.errors import UserError
from gan_jax.interop.folded import import_folded
from gan_jax.interop.state_dict import Imported, Rule, StateDict, as_is, linear, structure
from gan_jax.networks.inception import SMALLEST, InceptionV3

NETWORK = "inception"
_EPSILON = 1e-3
_RULES = [
    Rule("params/fc/kernel", "fc.weight", linear),
    Rule("params/fc/bias", "fc.bias", as_is),
]


def import_state_dict(
    state_dict: StateDict, network: str = NETWORK, *, biased: bool = True
) -> Imported:
    """The published Inception as a network of this library.

    Args:
        state_dict: numpy arrays under the original keys.
        network: "inception".
        biased: whether the logits have their bias, as the published network's; the
            Inception score is taken without it.

    Returns:
        See `Imported`; the module is called with images in [-1, 1], best 299 x 299, and
        gives `InceptionOutputs`. Batch norms are folded.

    Raises:
        UserError: another network, or these are not its weights; lists every key that
            does not fit.
    """
    module, expected = build(network, biased=biased)
    return import_folded(
        "the FID's Inception",
        module,
        expected,
        _names,
        _RULES,
        state_dict,
        epsilon=_EPSILON,
    )


def build(
    network: str = NETWORK, *, biased: bool = True
) -> tuple[InceptionV3, dict[str, Any]]:
    """The module of such weights, and its variables as shapes."""
    if network != NETWORK:
        raise UserError(f"this family has the network {NETWORK!r}, there is no {network!r}")
    module = InceptionV3(biased=biased)
    image = jax.ShapeDtypeStruct((1, SMALLEST, SMALLEST, 3), jnp.float32)
    return module, structure(module, image)


def _names(layer: str) -> tuple[str, str] | None:
    key = layer.replace("/", ".")
    return None if layer == "fc" else (f"{key}.conv", f"{key}.bn")
