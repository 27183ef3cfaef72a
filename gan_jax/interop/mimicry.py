"""Weights of mimicry: SNGAN, cGAN-PD (projection cGAN) and SAGAN, both networks.

https://github.com/kwotsin/mimicry. It doubles resolutions bilinearly, and as its ReLUs act
in place, the shortcuts of discriminators see rectified inputs.
"""

from __future__ import annotations

import re
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.errors import UserError
from gan_jax.interop.state_dict import (
    Imported,
    Rule,
    StateDict,
    as_is,
    channels_last,
    conv,
    linear,
    scalar,
    structure,
    then,
)
from gan_jax.interop.torch_spectral_norm import import_network
from gan_jax.networks.resnet import (
    DiscriminatorPlan,
    GeneratorPlan,
    ResNetDiscriminator,
    ResNetGenerator,
)
from gan_jax.nn.conv import BILINEAR

_IGNORED = (r".*\.num_batches_tracked", r".*\.sn_sigma")
_CONVS = {"conv_0": "c1", "conv_1": "c2", "shortcut": "c_sc"}
_PARTS = {"query": "theta", "key": "phi", "value": "g", "output": "o"}
_NORMED, _PLAIN = "weight_orig", "weight"


class _Layers(NamedTuple):
    """What the resolution decides.

    Attributes:
        g_shifts: binary logarithms of the generator's first channels over those of a block.
        d_shifts: those of the discriminator's last channels over those of a block.
        down: whether each block of the discriminator halves the resolution.
        last: number in the names of the last layers.
        ngf: the generator's first channels, unless given.
        ndf: SNGAN's last channels in the discriminator, unless given; the others have 128.
        bottom_width: side of the generator's first feature map, unless given.
        attention: block that the attention of SAGAN's generator follows.
    """

    g_shifts: tuple[int, ...]
    d_shifts: tuple[int, ...]
    down: tuple[bool, ...]
    last: int
    ngf: int = 1024
    ndf: int = 1024
    bottom_width: int = 4
    attention: int = 2


_LAYERS = {
    32: _Layers(
        (0, 0, 0), (0, 0, 0, 0), (True, True, False, False), 5, 256, 128, attention=1
    ),
    48: _Layers((1, 2, 3), (4, 3, 2, 1, 0), (True,) * 4 + (False,), 5, 512, bottom_width=6),
    64: _Layers((1, 2, 3, 4), (4, 3, 2, 1, 0), (True,) * 5, 6),
    128: _Layers((0, 1, 2, 3, 4), (4, 3, 2, 1, 0, 0), (True,) * 5 + (False,), 7),
}
_CLASSES = {
    f"{family}{network.capitalize()}{resolution}": (family, network, resolution)
    for family, resolutions in (
        ("SNGAN", (32, 48, 64, 128)), ("CGANPD", (32, 128)), ("SAGAN", (32, 128))
    )
    for network in ("generator", "discriminator")
    for resolution in resolutions
}  # fmt: skip


def import_state_dict(
    state_dict: StateDict,
    network: str,
    *,
    cls: str | None = None,
    nz: int = 128,
    ngf: int | None = None,
    ndf: int | None = None,
    bottom_width: int | None = None,
    num_classes: int | None = None,
    loss_type: str = "hinge",
) -> Imported:
    """Weights of mimicry's as networks of this library.

    Args:
        state_dict: numpy arrays under the original keys.
        network: "generator" or "discriminator".
        cls: the original class, such as "SNGANGenerator32"; None tells it by the keys.
        nz: length of the latent.
        ngf: channels of the generator's first feature map; None for the class's default.
        ndf: channels of the discriminator's last one; None for the class's default.
        bottom_width: side of the generator's first feature map; None for the default.
        num_classes: number of classes; None for SNGAN, which has none.
        loss_type: as in the original, where it is no part of the network.

    Returns:
        See `Imported`. Networks of cGAN-PD and SAGAN are called with integer labels.

    Raises:
        UserError: the network or the class is not known, or needs classes or has none; or
            the weights are of another architecture; lists every key that does not fit.
    """
    del loss_type
    if network not in ("generator", "discriminator"):
        raise UserError(f"network must be generator or discriminator, got {network!r}")
    name = _recognised(state_dict, network) if cls is None else cls
    family, what, resolution = _CLASSES.get(name, (None, None, 0))
    if family is None or what != network:
        known = [key for key, value in _CLASSES.items() if value[1] == network]
        raise UserError(f"{name!r} is no {network} of mimicry's; there are: {known}")
    if (num_classes is None) is not (family == "SNGAN"):
        asked = "has no classes" if family == "SNGAN" else "needs classes"
        raise UserError(f"{name} {asked}, got num_classes={num_classes}")
    layers = _LAYERS[resolution]
    if network == "generator":
        ngf = layers.ngf if ngf is None else ngf
        base = layers.bottom_width if bottom_width is None else bottom_width
        return _generator(state_dict, name, layers, nz, ngf, base, num_classes)
    if ndf is None:
        ndf = layers.ndf if family == "SNGAN" else 128
    return _discriminator(state_dict, name, resolution, ndf, num_classes)


def _recognised(state_dict: StateDict, network: str) -> str:
    """The class whose weights these most likely are."""
    conditional = any(key.startswith(("l_y.", "block2.b1.embed.")) for key in state_dict)
    family = "CGANPD" if conditional else "SNGAN"
    if any(key.startswith("attn_block.") for key in state_dict):
        family = "SAGAN"
    blocks = {key.partition(".")[0] for key in state_dict if re.match(r"block\d+\.", key)}

    def likeness(name: str) -> tuple[bool, int, bool]:
        one, _, resolution = _CLASSES[name]
        layers = _LAYERS[resolution]
        shifts = layers.g_shifts if network == "generator" else layers.d_shifts
        fits = _fits(state_dict, network, layers)
        return one == family, -abs(len(shifts) - len(blocks)), fits

    return max((x for x in _CLASSES if _CLASSES[x][1] == network), key=likeness)


def _fits(state_dict: StateDict, network: str, layers: _Layers) -> bool:
    """Tells classes of as many blocks apart: generators for 32 and 48 by the channels of
    their first block, discriminators for 48 and 64 by the number of the last layer.
    """
    if network == "discriminator":
        return f"l{layers.last}.bias" in state_dict
    kernels = (state_dict.get(f"block2.c1.{weight}") for weight in (_PLAIN, _NORMED))
    shapes = [kernel.shape for kernel in kernels if kernel is not None]
    return any(shape[0] == shape[1] >> layers.g_shifts[0] for shape in shapes if shape[1:])


def _generator(
    state_dict: StateDict,
    name: str,
    layers: _Layers,
    nz: int,
    ngf: int,
    bottom_width: int,
    num_classes: int | None,
) -> Imported:
    attended = name.startswith("SAGAN")
    features = tuple(ngf >> shift for shift in layers.g_shifts)
    module = ResNetGenerator(
        GeneratorPlan((bottom_width, bottom_width, ngf), features),
        num_classes=num_classes,
        attention=(layers.attention,) if attended else (),
        upsampling=BILINEAR,
        use_bias=True,
    )
    latents = jax.ShapeDtypeStruct((1, nz), jnp.float32)
    # The only generator with spectral norms is the one with attention.
    weight, spatial = _NORMED if attended else _PLAIN, channels_last(ngf)
    rules = [
        Rule("params/project/kernel", f"l1.{weight}", then(spatial, linear)),
        Rule("params/project/bias", "l1.bias", spatial),
        *_norm_rules(layers.last, conditional=num_classes is not None),
        Rule("params/image/kernel", f"c{layers.last}.{weight}", conv),
        Rule("params/image/bias", f"c{layers.last}.bias", as_is),
        *_block_rules(2, weight),
    ]
    return import_network(
        f"mimicry's {name}",
        module,
        structure(module, latents, *_labels(num_classes)),
        rules,
        state_dict,
        projected=spatial,
        ignored=_IGNORED,
    )


def _discriminator(
    state_dict: StateDict, name: str, resolution: int, ndf: int, num_classes: int | None
) -> Imported:
    layers = _LAYERS[resolution]
    module = ResNetDiscriminator(
        DiscriminatorPlan(tuple(ndf >> shift for shift in layers.d_shifts), layers.down),
        num_classes=num_classes,
        attention=(1,) if name.startswith("SAGAN") else (),
        rectified_shortcut=True,
    )
    images = jax.ShapeDtypeStruct((1, resolution, resolution, 3), jnp.float32)
    # Two layers of this class have the spectral norm of mimicry's own, by the order of its
    # imports; later weights could have PyTorch's.
    own = name == "CGANPDDiscriminator32" and f"l5.{_NORMED}" not in state_dict
    weight = _PLAIN if own else _NORMED
    iterated = {"logit/kernel": "l5.sn_u", "embed/embedding": "l_y.sn_u"} if own else {}
    rules = [
        Rule("params/logit/kernel", f"l{layers.last}.{weight}", linear),
        Rule("params/logit/bias", f"l{layers.last}.bias", as_is),
        Rule("params/embed/embedding", f"l_y.{weight}", as_is),
        *_block_rules(1, _NORMED),
    ]
    return import_network(
        f"mimicry's {name}",
        module,
        structure(module, images, *_labels(num_classes)),
        rules,
        state_dict,
        iterated=iterated,
        ignored=_IGNORED,
    )


def _labels(num_classes: int | None) -> tuple[jax.ShapeDtypeStruct, ...]:
    return () if num_classes is None else (jax.ShapeDtypeStruct((1,), jnp.int32),)


def _block_rules(first: int, weight: str) -> list[Rule]:
    """Convolutions and attention; the original counts blocks from `first`."""

    def convolution(name: str, block: str, layer: str) -> str:
        return f"block{int(block) + first}.{_CONVS[layer]}.{name}"

    convs = r"params/block_(\d+)/(conv_\d|shortcut)"
    return [
        Rule(f"{convs}/kernel", partial(convolution, weight), conv),
        Rule(f"{convs}/bias", partial(convolution, "bias"), as_is),
        Rule(
            r"params/attention_\d+/(\w+)/kernel",
            lambda part: f"attn_block.{_PARTS[part]}.{weight}",
            conv,
        ),
        Rule(r"params/attention_\d+/gamma", "attn_block.gamma", scalar),
    ]


def _norm_rules(last: int, *, conditional: bool) -> list[Rule]:
    """Batch norms, by class in the blocks of conditional generators."""

    def norm(name: str, block: str, index: str) -> str:
        return f"block{int(block) + 2}.b{int(index) + 1}.{name}"

    within = r"block_(\d+)/norm_(\d)"
    rules = [
        Rule(f"params/{within}/gain/embedding", partial(norm, "embed.weight"), _gains),
        Rule(f"params/{within}/bias/embedding", partial(norm, "embed.weight"), _biases),
    ]
    for ours, theirs in (("scale", "weight"), ("bias", "bias")):
        rules += [
            Rule(f"params/norm/{ours}", f"b{last}.{theirs}", as_is),
            Rule(f"params/{within}/{ours}", partial(norm, theirs), as_is),
        ]
    inner = "bn.running" if conditional else "running"
    for ours in ("mean", "var"):
        running = partial(norm, f"{inner}_{ours}")
        rules += [
            Rule(f"batch_stats/norm/{ours}", f"b{last}.running_{ours}", as_is),
            Rule(f"batch_stats/{within}/{ours}", running, as_is),
        ]
    return rules


def _gains(embedding: np.ndarray) -> np.ndarray:
    """The first half of (classes, 2 C), which is not centred on 1 as ours is."""
    return _halves(embedding)[:, 0] - 1


def _biases(embedding: np.ndarray) -> np.ndarray:
    return _halves(embedding)[:, 1]


def _halves(embedding: np.ndarray) -> np.ndarray:
    return embedding.reshape(*embedding.shape[:1], 2, -1)
