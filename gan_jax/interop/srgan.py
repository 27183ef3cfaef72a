"""Weights of the two common ports of SRGAN, both networks.

https://github.com/Lornatang/SRGAN-PyTorch, called "SRGAN-PyTorch" here, which publishes
SRResNet and SRGAN of 16 blocks trained on ImageNet, and
https://github.com/leftthomas/SRGAN, called "leftthomas", whose generator has 5. Generators
of both map images in [0, 1] to images in [0, 1].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from gan_jax.errors import UserError
from gan_jax.interop.state_dict import (
    Imported,
    Rule,
    StateDict,
    as_is,
    channels_last,
    conv,
    linear,
    then,
)
from gan_jax.interop.torch_layers import affine, import_layers, tracked_norm
from gan_jax.networks.srresnet import SRGANDiscriminator, SRResNet
from gan_jax.types import Array

_PORTS = ("SRGAN-PyTorch", "leftthomas")
_NETWORKS = ("generator", "discriminator")
_FACTORS = (2, 4, 8)
_BLOCKS = 5
_WIDTH = 64
_SIDE = 96
_MARKS = ("block1.", "net.")
"""How keys of leftthomas's start that the other port does not have."""

_COMPILED = "_orig_mod."
"""What torch.compile leaves before the keys of SRGAN-PyTorch's."""


def import_state_dict(
    state_dict: StateDict, network: str, *, port: str | None = None, **architecture: Any
) -> Imported:
    """Weights of a port of SRGAN as a network of this library.

    Args:
        state_dict: numpy arrays under the original keys.
        network: "generator" or "discriminator".
        port: "SRGAN-PyTorch" or "leftthomas"; None tells it by the keys.
        **architecture: arguments of the original constructor. For SRGAN-PyTorch's generator
            `in_channels`, `out_channels`, `channels`, `num_rcb` and `upscale`, which once
            was called `upscale_factor`, and for its discriminator the first three of these;
            its first versions had none, and the default values. For leftthomas's generator
            `scale_factor`, for its discriminator none.

    Returns:
        See `Imported`. Discriminators give logits (B,), also where the original ends with a
        sigmoid.

    Raises:
        UserError: the network, the port or an argument's value is not known, or these are
            not its weights; lists every key that does not fit.
    """
    if network not in _NETWORKS:
        raise UserError(f"network must be {' or '.join(_NETWORKS)}, got {network!r}")
    state_dict = {key.removeprefix(_COMPILED): x for key, x in state_dict.items()}
    if port is None:
        port = _PORTS[any(key.startswith(_MARKS) for key in state_dict)]
    if port not in _PORTS:
        raise UserError(f"port must be {' or '.join(_PORTS)}, got {port!r}")
    return _BUILDERS[port, network](state_dict, **architecture)


def _clipped(x: Array) -> Array:
    """The images of SRGAN-PyTorch."""
    return jnp.clip(x, 0.0, 1.0)


def _unit_tanh(x: Array) -> Array:
    """The images of leftthomas's."""
    return (jnp.tanh(x) + 1.0) / 2.0


def _generator(
    given: StateDict,
    *,
    in_channels: int = 3,
    out_channels: int = 3,
    channels: int = 64,
    num_rcb: int = 16,
    upscale: int | None = None,
    upscale_factor: int = 4,
) -> Imported:
    factor = _checked("upscale", upscale_factor if upscale is None else upscale)
    module = SRResNet(factor, out_channels, channels, num_rcb, out_activation=_clipped)
    # The first versions of the code have other names.
    name = "conv_block" if any(key.startswith("conv_block") for key in given) else "conv"
    rules = [*affine("stem", f"{name}1.0"), _slope("stem_prelu", f"{name}1.1")]
    for index in range(num_rcb):
        inner = f"trunk.{index}.rcb"
        rules += [
            *_block(f"block_{index}", inner, ("0", "1"), ("3", "4")),
            _slope(f"block_{index}/prelu", f"{inner}.2"),
        ]
    rules += [*affine("fusion", f"{name}2.0"), *tracked_norm("fusion_norm", f"{name}2.1")]
    for index in range(factor.bit_length() - 1):
        inner = f"upsampling.{index}.upsample_block"
        rules += affine(f"up_{index}", f"{inner}.0")
        rules += [_slope(f"up_{index}_prelu", f"{inner}.2")]
    rules += affine("image", f"{name}3")
    shape = (1, 8, 8, in_channels)
    return import_layers("SRGAN-PyTorch's generator", module, [shape], rules, given)


def _discriminator(
    given: StateDict, *, in_channels: int = 3, out_channels: int = 1, channels: int = 64
) -> Imported:
    if out_channels != 1:
        raise UserError(
            f"out_channels must be 1, a logit for each image; got {out_channels}"
        )
    module = SRGANDiscriminator(channels)
    rows = then(linear, channels_last(8 * channels))
    rules = [
        *_convolutions("features"),
        *affine("hidden", "classifier.0", rows),
        *affine("logit", "classifier.2", linear),
    ]
    shape = (1, _SIDE, _SIDE, in_channels)
    return import_layers("SRGAN-PyTorch's discriminator", module, [shape], rules, given)


def _leftthomas_generator(given: StateDict, *, scale_factor: int = 4) -> Imported:
    factor = _checked("scale_factor", scale_factor)
    module = SRResNet(factor, 3, _WIDTH, _BLOCKS, use_bias=True, out_activation=_unit_tanh)
    rules = [*affine("stem", "block1.0"), _slope("stem_prelu", "block1.1")]
    for index in range(_BLOCKS):
        inner = f"block{index + 2}"
        rules += [
            *_block(f"block_{index}", inner, ("conv1", "bn1"), ("conv2", "bn2")),
            _slope(f"block_{index}/prelu", f"{inner}.prelu"),
        ]
    rules += [*affine("fusion", "block7.0"), *tracked_norm("fusion_norm", "block7.1")]
    steps = factor.bit_length() - 1
    for index in range(steps):
        rules += affine(f"up_{index}", f"block8.{index}.conv")
        rules += [_slope(f"up_{index}_prelu", f"block8.{index}.prelu")]
    rules += affine("image", f"block8.{steps}")
    return import_layers("leftthomas's generator", module, [(1, 8, 8, 3)], rules, given)


def _leftthomas_discriminator(given: StateDict) -> Imported:
    module = SRGANDiscriminator(_WIDTH, pooled=True, use_bias=True)

    def dense(x: Any) -> Any:
        """A 1 x 1 convolution of one pixel, (O, I, 1, 1), to (I, O)."""
        return conv(x)[0, 0]

    rules = [
        *_convolutions("net"),
        *affine("hidden", "net.24", dense),
        *affine("logit", "net.26", dense),
    ]
    return import_layers(
        "leftthomas's discriminator", module, [(1, 32, 32, 3)], rules, given
    )


def _checked(name: str, factor: int) -> int:
    if factor not in _FACTORS:
        raise UserError(f"{name} must be 2, 4 or 8, which the original can; got {factor}")
    return factor


def _slope(path: str, key: str) -> Rule:
    """The slope of a trained rectifier."""
    return Rule(f"params/{path}/slope", f"{key}.weight", as_is)


def _block(path: str, inner: str, *layers: tuple[str, str]) -> list[Rule]:
    """Convolutions and normalisations of a residual block, by their names."""
    rules = []
    for index, (convolution, norm) in enumerate(layers):
        rules += affine(f"{path}/conv_{index}", f"{inner}.{convolution}")
        rules += tracked_norm(f"{path}/norm_{index}", f"{inner}.{norm}")
    return rules


def _convolutions(prefix: str) -> list[Rule]:
    """The eight convolutions of the discriminators; the first has no normalisation."""
    rules = affine("conv_0", f"{prefix}.0")
    for index in range(1, 8):
        place = 3 * index - 1
        rules += affine(f"conv_{index}", f"{prefix}.{place}")
        rules += tracked_norm(f"conv_{index}_norm", f"{prefix}.{place + 1}")
    return rules


_BUILDERS: dict[tuple[str, str], Callable[..., Imported]] = {
    ("SRGAN-PyTorch", "generator"): _generator,
    ("SRGAN-PyTorch", "discriminator"): _discriminator,
    ("leftthomas", "generator"): _leftthomas_generator,
    ("leftthomas", "discriminator"): _leftthomas_discriminator,
}
