"""Weights of DINO's vision transformers, under the names of the original and of timm.

https://github.com/facebookresearch/dino, the files "backbone only".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gan_jax.errors import UserError
from gan_jax.interop.state_dict import (
    Imported,
    Rule,
    StateDict,
    as_is,
    conv,
    linear,
    read,
    structure,
)
from gan_jax.networks.vision_transformer import PATCH, SIDE, VisionTransformer

_HEAD = (r"head\..*",)
_PLACES = {"qkv": "attn.qkv", "proj": "attn.proj", "fc1": "mlp.fc1", "fc2": "mlp.fc2"}


class Size(NamedTuple):
    """Of a published transformer: width of its tokens and heads of its attention."""

    width: int
    heads: int


NETWORKS = {"vits16": Size(384, 6), "vitb16": Size(768, 12)}


def import_state_dict(
    state_dict: StateDict,
    network: str = "vits16",
    *,
    embed_dim: int | None = None,
    num_heads: int | None = None,
    depth: int = 12,
    patch_size: int = PATCH,
    img_size: int = SIDE,
) -> Imported:
    """A vision transformer without its head as a network of this library.

    Args:
        state_dict: numpy arrays under the original keys; those of a class layer "head"
            are not used.
        network: one of `NETWORKS`.
        embed_dim: width of the tokens; None is the network's.
        num_heads: of the attention; None is the network's.
        depth: blocks.
        patch_size: side of the patches.
        img_size: side of the images that its positions are of.

    Returns:
        See `Imported`; the module is called with normalised images of that side, and gives
        the features (n, embed_dim) of the class token.

    Raises:
        UserError: another network, or these are not its weights; lists every key that
            does not fit.
    """
    module, expected = build(
        network,
        embed_dim=embed_dim,
        num_heads=num_heads,
        depth=depth,
        patch_size=patch_size,
        img_size=img_size,
    )
    rules = [
        Rule("params/class_token", "cls_token", as_is),
        Rule("params/positions", "pos_embed", as_is),
        Rule("params/patches/kernel", "patch_embed.proj.weight", conv),
        Rule("params/patches/bias", "patch_embed.proj.bias", as_is),
        Rule("params/norm/scale", "norm.weight", as_is),
        Rule("params/norm/bias", "norm.bias", as_is),
        Rule(r"params/block_(\d+)/(norm\d)/scale", "blocks.{0}.{1}.weight", as_is),
        Rule(r"params/block_(\d+)/(norm\d)/bias", "blocks.{0}.{1}.bias", as_is),
        Rule(r"params/block_(\d+)/(\w+)/kernel", _dense("weight"), linear),
        Rule(r"params/block_(\d+)/(\w+)/bias", _dense("bias"), as_is),
    ]
    found = read(f"DINO's {network}", expected, rules, state_dict, _HEAD)
    variables = jax.tree.map(jnp.asarray, found)
    return Imported(module, variables, variables["params"], {})


def build(
    network: str = "vits16",
    *,
    embed_dim: int | None = None,
    num_heads: int | None = None,
    depth: int = 12,
    patch_size: int = PATCH,
    img_size: int = SIDE,
) -> tuple[VisionTransformer, dict[str, Any]]:
    """The module of such weights, and its variables as shapes."""
    if network not in NETWORKS:
        raise UserError(f"network must be {' or '.join(NETWORKS)}, got {network!r}")
    size = NETWORKS[network]
    width, heads = embed_dim or size.width, num_heads or size.heads
    if width % heads:
        raise UserError(f"num_heads must divide embed_dim {width}, got {heads}")
    module = VisionTransformer(width, heads, depth, patch_size)
    image = jax.ShapeDtypeStruct((1, img_size, img_size, 3), jnp.float32)
    return module, structure(module, image)


def _dense(part: str) -> Callable[[str, str], str]:
    return lambda block, layer: f"blocks.{block}.{_PLACES[layer]}.{part}"
