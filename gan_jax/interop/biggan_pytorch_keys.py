"""Keys of BigGAN-PyTorch's networks: where each of our variables comes from."""

from __future__ import annotations

from functools import partial

from gan_jax import trees
from gan_jax.interop.state_dict import (
    Rule,
    as_is,
    channels_last,
    conv,
    key_of,
    linear,
    scalar,
    then,
)
from gan_jax.types import PyTree

_ATTENTION = {"query": "theta", "key": "phi", "value": "g", "output": "o"}


def generator_rules(channels: int, moments: str) -> list[Rule]:
    """Rules of a generator.

    Args:
        channels: of its first feature map.
        moments: what precedes "mean" and "var" in the names of running moments.
    """
    spatial = channels_last(channels)

    def norm(name: str, block: str, index: str) -> str:
        return f"blocks.{block}.0.bn{int(index) + 1}.{name}"

    def style(block: str, index: str, part: str) -> str:
        return norm(f"{part}.weight", block, index)

    within = r"block_(\d+)/norm_(\d)"
    rules = [
        Rule("params/shared_embed/embedding", "shared.weight", as_is),
        Rule("params/project/kernel", "linear.weight", then(spatial, linear)),
        Rule("params/project/bias", "linear.bias", spatial),
        Rule("params/norm/scale", "output_layer.0.gain", as_is),
        Rule("params/norm/bias", "output_layer.0.bias", as_is),
        Rule("params/image/kernel", "output_layer.2.weight", conv),
        Rule("params/image/bias", "output_layer.2.bias", as_is),
        *_block_rules(1),
        Rule(rf"params/{within}/(gain|bias)/kernel", style, linear),
        Rule(rf"params/{within}/(gain|bias)/embedding", style, as_is),
    ]
    for name in ("mean", "var"):
        running = f"{moments}{name}"
        rules += [
            Rule(f"batch_stats/norm/{name}", f"output_layer.0.{running}", as_is),
            Rule(rf"batch_stats/{within}/(?:norm/)?{name}", partial(norm, running), as_is),
        ]
    return rules


def discriminator_rules(depth: int) -> list[Rule]:
    """Rules of a discriminator, with so many blocks in each list of the original's."""
    return [
        Rule("params/image/kernel", "input_conv.weight", conv),
        Rule("params/image/bias", "input_conv.bias", as_is),
        Rule("params/logit/kernel", "linear.weight", linear),
        Rule("params/logit/bias", "linear.bias", as_is),
        Rule("params/embed/embedding", "embed.weight", as_is),
        *_block_rules(depth),
    ]


def _block_rules(depth: int) -> list[Rule]:
    """Convolutions and attention of blocks that are listed by so many."""

    def block(number: str) -> str:
        return "blocks.{}.{}".format(*divmod(int(number), depth))

    def convolution(number: str, conv: str, part: str) -> str:
        name = "conv_sc" if conv == "shortcut" else f"conv{int(conv[-1]) + 1}"
        return f"{block(number)}.{name}.{'weight' if part == 'kernel' else part}"

    def attention(number: str, part: str) -> str:
        # It stands after the blocks that it follows.
        return f"blocks.{int(number) // depth}.{depth}.{part}"

    convs = r"params/block_(\d+)/(conv_\d|shortcut)"
    return [
        Rule(rf"{convs}/(kernel)", convolution, conv),
        Rule(rf"{convs}/(bias)", convolution, as_is),
        Rule(
            r"params/attention_(\d+)/(query|key|value|output)/kernel",
            lambda number, part: attention(number, f"{_ATTENTION[part]}.weight"),
            conv,
        ),
        Rule(r"params/attention_(\d+)/(gamma)", attention, scalar),
    ]


def vectors(params: PyTree, rules: list[Rule], where: trees.Where) -> dict[str, str]:
    """Keys of the first left singular vectors, by the path of their kernel.

    Args:
        params: structure of the parameters.
        rules: where they come from.
        where: which of them have a spectral norm.
    """
    keys = {
        path: key_of(f"params/{path}", rules)
        for path, leaf in trees.leaves_with_path(params)
        if where(path, leaf)
    }
    return {path: f"{key.removesuffix('.weight')}.u0" for path, key in keys.items()}
