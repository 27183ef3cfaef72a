"""Weights of SqueezeNet 1.1, arrays "LAYER|w" (height, width, in, out) and "LAYER|b"."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from gan_jax.errors import UserError
from gan_jax.interop.state_dict import Imported, Rule, StateDict, as_is, read, structure
from gan_jax.networks.squeezenet import SIDE, SqueezeNet

NETWORK = "squeezenet11"


def import_state_dict(state_dict: StateDict, network: str = NETWORK) -> Imported:
    """SqueezeNet 1.1 as a network of this library.

    Args:
        state_dict: numpy arrays under the names above.
        network: "squeezenet11".

    Raises:
        UserError: another network, or these are not its weights; lists every key that
            does not fit.
    """
    if network != NETWORK:
        raise UserError(f"this family has the network {NETWORK!r}, there is no {network!r}")
    module = SqueezeNet()
    expected = structure(module, jax.ShapeDtypeStruct((1, SIDE, SIDE, 3), jnp.float32))
    rules = [
        Rule(f"params/(.+)/{ours}", partial(_key, part), as_is)
        for ours, part in (("kernel", "w"), ("bias", "b"))
    ]
    found = read("SqueezeNet 1.1", expected, rules, state_dict)
    variables = jax.tree.map(jnp.asarray, found)
    return Imported(module, variables, variables["params"], {})


def _key(part: str, layer: str) -> str:
    return f"{layer.replace('/', '.')}|{part}"
