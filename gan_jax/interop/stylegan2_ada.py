"""Weights of StyleGAN2-ADA: generators, discriminators, and the halves of generators.

https://github.com/NVlabs/stylegan2-ada-pytorch. Its files are pickles, which run code, and
are not read here: the code that wrote them can save a network's state_dict.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen

from gan_jax.errors import UserError
from gan_jax.interop.state_dict import Imported, Rule, StateDict, read, structure
from gan_jax.interop.stylegan2_ada_keys import (
    FILTERS,
    check_filters,
    discriminator_rules,
    mapping_rules,
    synthesis_rules,
)
from gan_jax.networks.stylegan2 import SynthesisNetwork, num_styles, width_at
from gan_jax.networks.stylegan2_discriminator import StyleGAN2Discriminator
from gan_jax.networks.stylegan2_layers import Taps
from gan_jax.networks.stylegan2_mapping import MappingNetwork, StyledGenerator
from gan_jax.nn.bias_act import NONLINEARITIES, Nonlinearity
from gan_jax.nn.minibatch import MinibatchStddev
from gan_jax.nn.upfirdn import BINOMIAL

_Inputs = tuple[jax.ShapeDtypeStruct | None, ...]


class _Built(NamedTuple):
    """A network of an architecture.

    Attributes:
        module: the network.
        inputs: shapes of what it is called with.
        rules: where its variables are published.
        taps: its low-pass filter; None of a network without.
        side: of its images; None of a network without.
    """

    module: linen.Module
    inputs: _Inputs
    rules: Sequence[Rule]
    taps: Taps | None
    side: int | None


def import_state_dict(state_dict: StateDict, network: str, **architecture: Any) -> Imported:
    """Weights of StyleGAN2-ADA as networks of this library.

    Args:
        state_dict: numpy arrays under the original keys, of one network (G_ema, G or D).
        network: "generator", "discriminator", or "mapping" or "synthesis", the two halves
            of a generator, with keys that begin within them.
        **architecture: the arguments of the original constructors `Generator`,
            `Discriminator`, `MappingNetwork` or `SynthesisNetwork`, those for their parts
            in the dicts that the original takes. Everything is computed in float32.

    Returns:
        See `Imported`. A generator is called with latents, and labels (B,) or weights of
        the classes (B, c_dim) if it has classes; with `truncation=` and `layers=`; and with
        the noise that it keeps, unless told otherwise by `noise=`.

    Raises:
        UserError: another network or argument, images of another resolution, or these are
            not its weights; lists every key that does not fit.
    """
    if network not in _BUILDERS:
        raise UserError(f"network must be one of {', '.join(_BUILDERS)}; got {network!r}")
    what = f"StyleGAN2-ADA's {network}"
    built = _called(what, _BUILDERS[network], architecture)
    _check_side(what, built.side, state_dict)
    expected = structure(built.module, *built.inputs)
    if built.taps is not None:
        check_filters(what, built.taps, state_dict)
    found = read(what, expected, built.rules, state_dict, (FILTERS,))
    variables = jax.tree.map(jnp.asarray, found)
    return Imported(built.module, variables, variables["params"], {})


def _check_side(what: str, side: int | None, state_dict: StateDict) -> None:
    """Refuses weights of images of another resolution, by the names of their blocks."""
    blocks = [re.match(r"(?:synthesis\.)?b(\d+)\.", key) for key in state_dict]
    found = max((int(match[1]) for match in blocks if match), default=side)
    if side is not None and found != side:
        raise UserError(
            f"{what}: these weights are of images of {found} pixels, not of {side}; ask "
            f"for img_resolution={found}"
        )


def _called(what: str, builder: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    """`builder(**options)`, with one line about arguments that it does not take.

    Raises:
        UserError: some are unknown or missing.
    """
    try:
        inspect.signature(builder).bind(**options)
    except TypeError as error:
        raise UserError(f"{what}: {error}") from None
    return builder(**options)


def _mapping(
    *,
    z_dim: int,
    c_dim: int,
    w_dim: int,
    num_ws: int | None,
    num_layers: int = 8,
    embed_features: int | None = None,
    layer_features: int | None = None,
    activation: str = "lrelu",
    lr_multiplier: float = 0.01,
    w_avg_beta: float | None = 0.995,
) -> _Built:
    if z_dim == 0 and c_dim == 0:
        raise UserError("a mapping network needs latents or classes: set z_dim or c_dim")
    module = MappingNetwork(
        w_dim,
        num_ws,
        c_dim or None,
        num_layers,
        layer_features,
        embed_features,
        _activation(activation),
        lr_multiplier,
        None if num_ws is None else w_avg_beta,
    )
    return _Built(module, (_latents(z_dim), *_labels(c_dim)), mapping_rules(), None, None)


def _synthesis(
    *,
    w_dim: int,
    img_resolution: int,
    img_channels: int,
    channel_base: int = 32768,
    channel_max: int = 512,
    num_fp16_res: int = 0,
    architecture: str = "skip",
    resample_filter: Any = BINOMIAL,
    conv_clamp: float | None = None,
    fp16_channels_last: bool = False,
    use_noise: bool = True,
    activation: str = "lrelu",
) -> _Built:
    del num_fp16_res, fp16_channels_last
    module = SynthesisNetwork(
        img_resolution,
        img_channels,
        channel_base,
        channel_max,
        architecture,
        _activation(activation),
        _taps(resample_filter),
        conv_clamp,
        use_noise,
    )
    shape = (1, _num_ws(img_resolution), w_dim)
    styles = jax.ShapeDtypeStruct(shape, jnp.float32)
    return _Built(module, (styles,), synthesis_rules(), module.taps, img_resolution)


def _generator(
    *,
    z_dim: int,
    c_dim: int,
    w_dim: int,
    img_resolution: int,
    img_channels: int,
    mapping_kwargs: Mapping[str, Any] | None = None,
    synthesis_kwargs: Mapping[str, Any] | None = None,
) -> _Built:
    first = {"z_dim": z_dim, "c_dim": c_dim, "w_dim": w_dim}
    first["num_ws"] = _num_ws(img_resolution)
    mapping = _called("mapping_kwargs", _mapping, first | dict(mapping_kwargs or {}))
    second = {"w_dim": w_dim, "img_resolution": img_resolution}
    second["img_channels"] = img_channels
    synthesis = _called(
        "synthesis_kwargs", _synthesis, second | dict(synthesis_kwargs or {})
    )
    rules = [*mapping_rules("mapping"), *synthesis_rules("synthesis")]
    module = StyledGenerator(mapping.module, synthesis.module)
    return _Built(module, mapping.inputs, rules, synthesis.taps, img_resolution)


def _discriminator(
    *,
    c_dim: int,
    img_resolution: int,
    img_channels: int,
    architecture: str = "resnet",
    channel_base: int = 32768,
    channel_max: int = 512,
    num_fp16_res: int = 0,
    conv_clamp: float | None = None,
    cmap_dim: int | None = None,
    block_kwargs: Mapping[str, Any] | None = None,
    mapping_kwargs: Mapping[str, Any] | None = None,
    epilogue_kwargs: Mapping[str, Any] | None = None,
) -> _Built:
    del num_fp16_res
    width = width_at(4, channel_base, channel_max)
    activation, taps = _called("block_kwargs", _block, dict(block_kwargs or {}))
    last, minibatch = _called("epilogue_kwargs", _epilogue, dict(epilogue_kwargs or {}))
    if last != activation:
        raise UserError(
            "block_kwargs and epilogue_kwargs must name the same activation, got "
            f"{activation!r} and {last!r}"
        )
    mapping = None
    if c_dim:
        features = width if cmap_dim is None else cmap_dim
        sizes = {"z_dim": 0, "c_dim": c_dim, "w_dim": features, "num_ws": None}
        mapping = _called("mapping_kwargs", _mapping, sizes | dict(mapping_kwargs or {}))
    module = StyleGAN2Discriminator(
        img_resolution,
        channel_base,
        channel_max,
        architecture,
        None if mapping is None else mapping.module,
        _activation(activation),
        minibatch,
        taps,
        conv_clamp,
    )
    shape = (1, img_resolution, img_resolution, img_channels)
    inputs = (jax.ShapeDtypeStruct(shape, jnp.float32), *_labels(c_dim))
    return _Built(module, inputs, discriminator_rules(width), taps, img_resolution)


def _block(
    *,
    activation: str = "lrelu",
    resample_filter: Any = BINOMIAL,
    fp16_channels_last: bool = False,
    freeze_layers: int = 0,
) -> tuple[str, Taps]:
    """What the blocks of a discriminator are told that is part of the network."""
    del fp16_channels_last, freeze_layers
    return activation, _taps(resample_filter)


def _epilogue(
    *,
    mbstd_group_size: int | None = 4,
    mbstd_num_channels: int = 1,
    activation: str = "lrelu",
) -> tuple[str, Callable[..., linen.Module] | None]:
    """The same of what a discriminator has at 4 x 4."""
    if mbstd_num_channels == 0:
        return activation, None
    return activation, partial(
        MinibatchStddev, group_size=mbstd_group_size, num_channels=mbstd_num_channels
    )


_BUILDERS: Mapping[str, Callable[..., _Built]] = {
    "generator": _generator,
    "discriminator": _discriminator,
    "mapping": _mapping,
    "synthesis": _synthesis,
}


def _activation(name: str) -> Nonlinearity:
    if name not in NONLINEARITIES:
        raise UserError(
            f"activation must be one of {', '.join(NONLINEARITIES)}; got {name!r}"
        )
    return NONLINEARITIES[name]


def _taps(resample_filter: Any) -> Taps:
    """A filter of the original as a module's attribute."""
    if resample_filter is None:
        return (1.0,)
    if not isinstance(resample_filter[0], Sequence):
        return tuple(float(tap) for tap in resample_filter)
    return tuple(tuple(float(tap) for tap in row) for row in resample_filter)


def _num_ws(img_resolution: int) -> int:
    try:
        return num_styles(img_resolution)
    except ValueError as error:
        raise UserError(f"img_resolution: {error}") from None


def _latents(z_dim: int) -> jax.ShapeDtypeStruct | None:
    return jax.ShapeDtypeStruct((1, z_dim), jnp.float32) if z_dim else None


def _labels(c_dim: int) -> _Inputs:
    return (jax.ShapeDtypeStruct((1,), jnp.int32),) if c_dim else ()
