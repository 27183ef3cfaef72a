"""Weights of pytorch-CycleGAN-and-pix2pix: both generators and both discriminators.

https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix. Convolutions before a normalisation
have biases with instance normalisation alone, so the weights tell which one it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from gan_jax.errors import UserError
from gan_jax.interop.state_dict import Imported, Rule, StateDict
from gan_jax.interop.torch_layers import (
    COUNTERS,
    affine,
    conv_transpose,
    import_layers,
    tracked_norm,
)
from gan_jax.networks.translation import (
    PatchDiscriminator,
    PixelDiscriminator,
    ResNetTranslator,
    UNetGenerator,
)
from gan_jax.nn.norm import BatchNorm, InstanceNorm, NormFactory

_CLASSES = {
    "generator": ("ResnetGenerator", "UnetGenerator"),
    "discriminator": ("NLayerDiscriminator", "PixelDiscriminator"),
}
_INSTANCE = partial(InstanceNorm, affine=False)
_OLD_STATISTICS = r".*\.running_(mean|var)"
_DROPOUT = 0.5
_LEAST_LEVELS = 5


def import_state_dict(
    state_dict: StateDict, network: str, *, cls: str | None = None, **architecture: Any
) -> Imported:
    """Weights of pytorch-CycleGAN-and-pix2pix as a network of this library.

    Args:
        state_dict: numpy arrays under the original keys.
        network: "generator" or "discriminator".
        cls: the original class: "ResnetGenerator", "UnetGenerator", "NLayerDiscriminator"
            or "PixelDiscriminator"; None tells it by the keys.
        **architecture: arguments of the original constructor. `norm_layer` is "batch",
            "instance" or "none", and None, the default, tells it by the weights; the number
            of channels of images is 3 unless given, and `num_downs` 8.

    Returns:
        See `Imported`. Discriminators give logits (B, h, w), whatever `use_sigmoid` is.

    Raises:
        UserError: the network, the class or an argument's value is not known, or these are
            not its weights; lists every key that does not fit.
    """
    if network not in _CLASSES:
        raise UserError(f"network must be generator or discriminator, got {network!r}")
    plain, other = _CLASSES[network]
    if cls is None:
        marks = "model.model." if network == "generator" else "net."
        cls = other if any(key.startswith(marks) for key in state_dict) else plain
    if cls not in _CLASSES[network]:
        raise UserError(f"the {network} must be {plain} or {other}, got {cls!r}")
    return _BUILDERS[cls](state_dict, **architecture)


class _Norm(NamedTuple):
    """What the kind of normalisation decides.

    Attributes:
        factory: of our normalisation.
        use_bias: whether convolutions before it have biases.
        ignored: keys that are rightly not used; instance normalisation had statistics
            before PyTorch 0.4, and did not use them.
    """

    factory: NormFactory | None
    use_bias: bool
    ignored: tuple[str, ...]


_NORMS = {
    "batch": _Norm(BatchNorm, False, (COUNTERS,)),
    "instance": _Norm(_INSTANCE, True, (COUNTERS, _OLD_STATISTICS)),
    "none": _Norm(None, False, ()),
}


def _norm(state_dict: StateDict, given: Any) -> _Norm:
    """The normalisation by its name or that of its class, or by the weights."""
    if given is not None:
        for name, norm in _NORMS.items():
            if name in str(given).lower():
                return norm
        raise UserError(f"norm_layer must be batch, instance or none, got {given!r}")
    kernels = {k for k, x in state_dict.items() if k.endswith("weight") and np.ndim(x) == 4}
    gains = {k for k, x in state_dict.items() if k.endswith("weight") and np.ndim(x) == 1}
    if gains:
        return _NORMS["batch"]
    biased = all(f"{key.removesuffix('weight')}bias" in state_dict for key in kernels)
    return _NORMS["instance" if biased else "none"]


def _resnet(
    given: StateDict,
    *,
    input_nc: int = 3,
    output_nc: int = 3,
    ngf: int = 64,
    norm_layer: Any = None,
    use_dropout: bool = False,
    n_blocks: int = 6,
    padding_type: str = "reflect",
) -> Imported:
    norm = _norm(given, norm_layer)
    module = ResNetTranslator(
        output_nc,
        ngf,
        n_blocks,
        norm.factory,
        norm.use_bias,
        padding_type,
        _DROPOUT if use_dropout else 0.0,
    )
    rules = _normed("stem", "model", 1)
    for index in range(2):
        rules += _normed(f"down_{index}", "model", 4 + 3 * index)
    # A block has a padding layer before each convolution, unless it pads with zeros.
    pad = int(padding_type != "zero")
    second = pad + 3 + int(use_dropout) + pad
    for index in range(n_blocks):
        inner = f"model.{10 + index}.conv_block"
        for conv, place in enumerate((pad, second)):
            rules += affine(f"block_{index}/conv_{conv}", f"{inner}.{place}")
            rules += tracked_norm(f"block_{index}/norm_{conv}", f"{inner}.{place + 1}")
    for index in range(2):
        place = 10 + n_blocks + 3 * index
        rules += _normed(f"up_{index}", "model", place, transposed=True)
    rules += affine("image", f"model.{10 + n_blocks + 7}")
    what, shape = "CycleGAN's ResnetGenerator", (1, 16, 16, input_nc)
    return import_layers(what, module, [shape], rules, given, norm.ignored)


def _unet(
    given: StateDict,
    *,
    input_nc: int = 3,
    output_nc: int = 3,
    num_downs: int = 8,
    ngf: int = 64,
    norm_layer: Any = None,
    use_dropout: bool = False,
) -> Imported:
    if num_downs < _LEAST_LEVELS:
        raise UserError(
            f"num_downs must be at least {_LEAST_LEVELS}, which is what the original "
            f"builds for less; got {num_downs}"
        )
    norm = _norm(given, norm_layer)
    module = UNetGenerator(
        num_downs,
        output_nc,
        ngf,
        norm.factory,
        norm.use_bias,
        _DROPOUT if use_dropout else 0.0,
        tuple(range(1, num_downs - 4)),
    )
    # Each level holds the next one; the outermost has one layer less in front of it, and
    # the innermost none between.
    rules, prefix = [*affine("down_0", "model.model.0")], "model.model"
    rules += affine("image", f"{prefix}.3", conv_transpose)
    prefix = f"{prefix}.1.model"
    for level in range(1, num_downs):
        innermost = level == num_downs - 1
        rules += affine(f"down_{level}", f"{prefix}.1")
        rules += [] if innermost else tracked_norm(f"down_{level}_norm", f"{prefix}.2")
        rules += _normed(f"up_{level}", prefix, 3 if innermost else 5, transposed=True)
        prefix = f"{prefix}.3.model"
    what, side = "pix2pix's UnetGenerator", 2**num_downs
    return import_layers(
        what, module, [(1, side, side, input_nc)], rules, given, norm.ignored
    )


def _patches(
    given: StateDict,
    *,
    input_nc: int = 3,
    ndf: int = 64,
    n_layers: int = 3,
    norm_layer: Any = None,
    use_sigmoid: bool = False,
) -> Imported:
    del use_sigmoid
    if n_layers < 1:
        raise UserError(f"n_layers must be at least 1, got {n_layers}")
    norm = _norm(given, norm_layer)
    module = PatchDiscriminator(n_layers, ndf, norm.factory, norm.use_bias)
    rules = affine("conv_0", "model.0")
    for index in range(1, n_layers + 1):
        rules += _normed(f"conv_{index}", "model", 3 * index - 1)
    rules += affine("logit", f"model.{3 * n_layers + 2}")
    what, side = "CycleGAN's NLayerDiscriminator", 4 << n_layers
    return import_layers(
        what, module, [(1, side, side, input_nc)], rules, given, norm.ignored
    )


def _pixels(
    given: StateDict,
    *,
    input_nc: int = 3,
    ndf: int = 64,
    norm_layer: Any = None,
    use_sigmoid: bool = False,
) -> Imported:
    del use_sigmoid
    norm = _norm(given, norm_layer)
    module = PixelDiscriminator(ndf, norm.factory, norm.use_bias)
    rules = [*affine("conv_0", "net.0"), *_normed("conv_1", "net", 2)]
    rules += affine("logit", "net.5")
    what, shape = "CycleGAN's PixelDiscriminator", (1, 8, 8, input_nc)
    return import_layers(what, module, [shape], rules, given, norm.ignored)


def _normed(path: str, prefix: str, place: int, *, transposed: bool = False) -> list[Rule]:
    """A convolution and the normalisation after it."""
    key, norm = f"{prefix}.{place}", f"{prefix}.{place + 1}"
    rules = affine(path, key, conv_transpose) if transposed else affine(path, key)
    return rules + tracked_norm(f"{path}_norm", norm)


_BUILDERS: dict[str, Callable[..., Imported]] = {
    "ResnetGenerator": _resnet,
    "UnetGenerator": _unet,
    "NLayerDiscriminator": _patches,
    "PixelDiscriminator": _pixels,
}
