"""Weights of Hugging Face's port of the published BigGAN-deep generators.

https://github.com/huggingface/pytorch-pretrained-BigGAN, at 128, 256 and 512 pixels. There
is no discriminator, and the moments of the batch norms are stored, one set for each of many
truncations: training mode neither uses those of its batch nor changes them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.errors import UserError
from gan_jax.interop.state_dict import (
    Imported,
    Layout,
    Rule,
    StateDict,
    as_is,
    conv,
    linear,
    scalar,
    structure,
)
from gan_jax.interop.torch_spectral_norm import import_network
from gan_jax.networks.biggan_deep import BigGANDeepGenerator, BigGANDeepPlan
from gan_jax.nn.norm import BatchNorm
from gan_jax.types import Array

_PARTS = {
    "query": "snconv1x1_theta",
    "key": "snconv1x1_phi",
    "value": "snconv1x1_g",
    "output": "snconv1x1_o_conv",
}


class _Stored(BatchNorm):
    """Batch normalisation by stored moments, as the original's is in training mode too."""

    def _moments(self, x: Array, train: bool) -> tuple[Array, Array]:
        del train
        return super()._moments(x, False)


class Config(NamedTuple):
    """The original's `BigGANConfig`, by default that of the 128-pixel network.

    Attributes:
        output_dim: side of the images. Not used by the original either: `layers` tell.
        z_dim: length of the latent and of the class embedding.
        class_embed_dim: not used by the original either.
        channel_width: channels of a multiple of 1, and outputs of the last convolution.
        num_classes: number of classes.
        layers: of each block whether it doubles the resolution, and its inputs and outputs
            in widths.
        attention_layer_position: number of blocks before the attention; none where there
            are not so many.
        eps: of batch norms and spectral norms.
        n_stats: number of truncations, from 0 to 1, that there are statistics for.
    """

    output_dim: int = 128
    z_dim: int = 128
    class_embed_dim: int = 128
    channel_width: int = 128
    num_classes: int = 1000
    layers: tuple[tuple[bool, int, int], ...] = (
        (False, 16, 16), (True, 16, 16), (False, 16, 16), (True, 16, 8), (False, 8, 8),
        (True, 8, 4), (False, 4, 4), (True, 4, 2), (False, 2, 2), (True, 2, 1),
    )  # fmt: skip
    attention_layer_position: int = 8
    eps: float = 1e-4
    n_stats: int = 51


def import_state_dict(
    state_dict: StateDict,
    network: str = "generator",
    *,
    config: Mapping[str, Any] | None = None,
    truncation: float = 1.0,
) -> Imported:
    """A published BigGAN-deep generator as a network of this library.

    Args:
        state_dict: numpy arrays under the original keys.
        network: "generator".
        config: fields of the original's configuration, as in its config.json; None is that
            of the 128-pixel network.
        truncation: of the latents that the generator will see, in (0, 1]: chooses the
            statistics. Truncating the latents is the caller's.

    Returns:
        See `Imported`. The generator is called `(z, y)` with integer labels.

    Raises:
        UserError: the network, the configuration or the truncation is not possible, or the
            weights are of another architecture; lists every key that does not fit.
    """
    if network != "generator":
        raise UserError(f"only the generator was published, there is no {network!r}")
    if not 0.0 < truncation <= 1.0:
        raise UserError(f"truncation must be above 0 and at most 1, got {truncation}")
    known = _checked(config or {})
    module = BigGANDeepGenerator(
        _plan(known),
        known.channel_width,
        num_classes=known.num_classes,
        embedding=known.z_dim,
        latent_first=True,
        image_features=known.channel_width,
        norm=partial(_Stored, epsilon=known.eps),
    )
    expected = structure(
        module,
        jax.ShapeDtypeStruct((1, known.z_dim), jnp.float32),
        jax.ShapeDtypeStruct((1,), jnp.int32),
    )
    rules = _rules(known, _at(truncation, known.n_stats))
    what = "Hugging Face's BigGAN-deep generator"
    return import_network(what, module, expected, rules, state_dict)


def _checked(config: Mapping[str, Any]) -> Config:
    """The configuration of a network that the original can build."""
    strange = sorted(config.keys() - set(Config._fields))
    if strange:
        raise UserError(
            f"config has no field {strange[0]!r}; there are: {', '.join(Config._fields)}"
        )
    known = Config(**config)
    outputs = [16, *(layer[2] for layer in known.layers)]
    if [layer[1] for layer in known.layers] != outputs[:-1] or outputs[-1] != 1:
        raise UserError(
            "layers must go from 16 widths to 1, each with the outputs before it as inputs"
        )
    if any(outputs not in (inputs, inputs // 2) for _, inputs, outputs in known.layers):
        raise UserError("layers must keep their widths or halve them")
    if known.attention_layer_position == 0:
        raise UserError("attention_layer_position must be 1 or more: it follows a block")
    if known.n_stats < 2:
        raise UserError(f"n_stats must be 2 or more, got {known.n_stats}")
    if known.attention_layer_position < 0:
        return known._replace(attention_layer_position=len(known.layers))
    return known


def _plan(config: Config) -> BigGANDeepPlan:
    position = config.attention_layer_position
    return BigGANDeepPlan(
        base=(4, 4),
        generator=(16, *(layer[2] for layer in config.layers)),
        up=tuple(bool(layer[0]) for layer in config.layers),
        discriminator=(),
        down=(),
        generator_attention=(position - 1,) if position < len(config.layers) else (),
    )


def _at(truncation: float, count: int) -> Layout:
    """Rows of statistics (count, C) to those of a truncation.

    Between two rows the original gives each the weight of the other; that is kept.
    """
    weight, whole = math.modf(truncation / (1.0 / (count - 1)))
    index = int(whole)

    def layout(x: np.ndarray) -> np.ndarray:
        if x.shape[:1] != (count,):
            raise ValueError(f"statistics of {count} truncations have another shape")
        if weight == 0.0:
            return x[index]
        # Rounding can take the quotient of 1 a little beyond the last row.
        following = x[min(index + 1, count - 1)]
        return x[index] * weight + following * (1.0 - weight)

    return layout


def _rules(config: Config, at: Layout) -> list[Rule]:
    position = config.attention_layer_position

    def layer(number: str) -> str:
        block = int(number)
        return f"generator.layers.{block + (block >= position)}"

    def normed(number: str, conv: str) -> str:
        return f"{layer(number)}.{conv}.weight_orig"

    def modulated(number: str, norm: str, part: str) -> str:
        name = "scale" if part == "gain" else "offset"
        return f"{layer(number)}.bn_{norm}.{name}.weight_orig"

    def attention(part: str) -> str:
        return f"generator.layers.{position}.{_PARTS[part]}.weight_orig"

    rules = [
        Rule("params/shared_embed/embedding", "embeddings.weight", linear),
        Rule("params/project/kernel", "generator.gen_z.weight_orig", linear),
        Rule("params/project/bias", "generator.gen_z.bias", as_is),
        Rule("params/norm/scale", "generator.bn.weight", as_is),
        Rule("params/norm/bias", "generator.bn.bias", as_is),
        Rule("params/image/kernel", "generator.conv_to_rgb.weight_orig", conv),
        Rule("params/image/bias", "generator.conv_to_rgb.bias", as_is),
        Rule(r"params/block_(\d+)/(conv_\d)/kernel", normed, conv),
        Rule(
            r"params/block_(\d+)/(conv_\d)/bias",
            lambda number, conv: f"{layer(number)}.{conv}.bias",
            as_is,
        ),
        Rule(r"params/block_(\d+)/norm_(\d)/(gain|bias)/kernel", modulated, linear),
        Rule(r"params/attention_\d+/(\w+)/kernel", attention, conv),
        Rule(r"params/attention_\d+/gamma", f"generator.layers.{position}.gamma", scalar),
    ]
    for ours, theirs in (("mean", "running_means"), ("var", "running_vars")):
        rules += [
            Rule(f"batch_stats/norm/{ours}", f"generator.bn.{theirs}", at),
            Rule(
                rf"batch_stats/block_(\d+)/norm_(\d)/norm/{ours}",
                partial(_moments, layer, theirs),
                at,
            ),
        ]
    return rules


def _moments(layer: Any, name: str, number: str, norm: str) -> str:
    return f"{layer(number)}.bn_{norm}.{name}"
