"""Under which keys, and in which layout, the weights of StyleGAN2-ADA are published."""

from __future__ import annotations

import re
from functools import partial

import numpy as np

from gan_jax.errors import UserError
from gan_jax.interop.state_dict import (
    Rule,
    StateDict,
    as_is,
    channels_last,
    conv,
    linear,
    scalar,
    then,
)
from gan_jax.networks.stylegan2_layers import Taps

FILTERS = r"(.*\.)?resample_filter"
"""Keys of the low-pass filters, which are no weights: they follow from the architecture."""

_OF_BLOCKS = r"(.*\.)?b\d+\.resample_filter"
_SEPARABLE = 8
"""Taps from which on the original keeps a filter along the axes, and not of the plane."""


def mapping_rules(within: str = "") -> list[Rule]:
    """Rules of a mapping network that is the part `within` of a network."""
    ours, theirs = (f"{within}/", f"{within}.") if within else ("", "")
    return [
        Rule(f"params/{ours}dense_(\\d+)/kernel", f"{theirs}fc{{0}}.weight", linear),
        Rule(f"params/{ours}dense_(\\d+)/bias", f"{theirs}fc{{0}}.bias", as_is),
        Rule(f"params/{ours}embed/kernel", f"{theirs}embed.weight", linear),
        Rule(f"params/{ours}embed/bias", f"{theirs}embed.bias", as_is),
        Rule(f"averages/{ours}w", f"{theirs}w_avg", as_is),
    ]


def synthesis_rules(within: str = "") -> list[Rule]:
    """Rules of a synthesis network that is the part `within` of a network."""
    ours, theirs = (f"{within}/", f"{within}.") if within else ("", "")
    block, key = f"{ours}block_(\\d+)", f"{theirs}b{{0}}"
    layers = f"params/{block}/(conv_\\d|to_rgb)"

    def of_layer(name: str, side: str, layer: str) -> str:
        return f"{theirs}b{side}.{layer.replace('_', '')}.{name}"

    return [
        Rule(f"params/{block}/const", f"{key}.const", lambda x: x.transpose(1, 2, 0)),
        # What doubles is a convolution in the original, and a correlation here.
        Rule(f"params/{block}/conv_0/kernel", f"{key}.conv0.weight", then(conv, _turned)),
        Rule(f"params/{block}/shortcut/kernel", f"{key}.skip.weight", conv),
        Rule(f"{layers}/kernel", partial(of_layer, "weight"), conv),
        Rule(f"{layers}/bias", partial(of_layer, "bias"), as_is),
        Rule(f"{layers}/noise_strength", partial(of_layer, "noise_strength"), scalar),
        Rule(f"{layers}/affine/kernel", partial(of_layer, "affine.weight"), linear),
        Rule(f"{layers}/affine/bias", partial(of_layer, "affine.bias"), as_is),
        Rule(f"noise/{block}/conv_(\\d)/plane", f"{key}.conv{{1}}.noise_const", as_is),
    ]


def discriminator_rules(width: int) -> list[Rule]:
    """Rules of a discriminator with `width` channels at 4 x 4."""
    return [
        Rule(
            "params/block_4/dense/kernel",
            "b4.fc.weight",
            then(linear, channels_last(width)),
        ),
        Rule("params/block_4/dense/bias", "b4.fc.bias", as_is),
        Rule("params/block_4/logit/kernel", "b4.out.weight", linear),
        Rule("params/block_4/logit/bias", "b4.out.bias", as_is),
        Rule(r"params/block_(\d+)/(\w+)/kernel", partial(_of_block, "weight"), conv),
        Rule(r"params/block_(\d+)/(\w+)/bias", partial(_of_block, "bias"), as_is),
        *mapping_rules("mapping"),
    ]


def check_filters(what: str, taps: Taps, state_dict: StateDict) -> None:
    """Refuses weights of a network with other low-pass filters than those named.

    Raises:
        UserError: names one.
    """
    expected = np.asarray(taps, np.float64)
    if expected.ndim == 1 and expected.size < _SEPARABLE:
        expected = np.outer(expected, expected)
    expected = expected / expected.sum()
    for key, value in state_dict.items():
        # Layers that do not resample carry a filter, the usual one, and never use it.
        if not re.fullmatch(_OF_BLOCKS, key):
            continue
        if value.shape != expected.shape or not np.allclose(value, expected, atol=1e-6):
            raise UserError(
                f"these are not the weights of {what} with this architecture; {key} is "
                "another filter: set resample_filter"
            )


def _of_block(name: str, side: str, layer: str) -> str:
    theirs = {"from_rgb": "fromrgb", "shortcut": "skip"}.get(layer, layer.replace("_", ""))
    return f"b{side}.{theirs}.{name}"


def _turned(kernel: np.ndarray) -> np.ndarray:
    """A kernel (H, W, I, O) with both sides reversed."""
    return kernel[::-1, ::-1]
