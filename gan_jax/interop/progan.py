"""Weights of the two common ports of ProGAN, both networks.

https://github.com/akanimax/pro_gan_pytorch, called "pro_gan_pytorch" here, and
https://github.com/facebookresearch/pytorch_GAN_zoo, called "pytorch_GAN_zoo". Both have an
equalised learning rate with He's constant in every layer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen

from gan_jax import trees
from gan_jax.errors import UserError
from gan_jax.interop.progan_keys import (
    gan_zoo_discriminator,
    gan_zoo_generator,
    pro_gan_pytorch_discriminator,
    pro_gan_pytorch_generator,
)
from gan_jax.interop.progan_variants import (
    GANZooDiscriminator,
    GANZooGenerator,
    GANZooStddev,
    ProGANPyTorchGenerator,
    rectified_projection,
)
from gan_jax.interop.state_dict import Imported, Rule, StateDict, read, structure
from gan_jax.networks.growing import side_of
from gan_jax.networks.progan import ProGANDiscriminator, ProGANPlan
from gan_jax.transforms import equalized_lr
from gan_jax.types import Params

_HE = equalized_lr(gain=math.sqrt(2.0))
_NETWORKS = ("generator", "discriminator")
_PYTORCH, _ZOO = "pro_gan_pytorch", "pytorch_GAN_zoo"
_ONLY_PYTORCH = {"depth", "num_channels", "latent_size", "use_eql", "num_classes"}


class _Built(NamedTuple):
    """What the arguments of a constructor come to.

    Attributes:
        module: the network.
        inputs: shapes that it is called with.
        rules: where its variables come from.
        equalized: whether kernels are scaled in the forward pass.
        biases: whether biases are scaled with them.
    """

    module: linen.Module
    inputs: tuple[jax.ShapeDtypeStruct, ...]
    rules: Sequence[Rule]
    equalized: bool
    biases: bool = False


def import_state_dict(
    state_dict: StateDict, network: str, *, port: str | None = None, **architecture: Any
) -> Imported:
    """Weights of a port of ProGAN as a network of this library.

    Args:
        state_dict: numpy arrays under the original keys.
        network: "generator" or "discriminator".
        port: "pro_gan_pytorch" or "pytorch_GAN_zoo"; None tells it by the arguments, or by
            the keys.
        **architecture: arguments of the original constructor. For pro_gan_pytorch `depth`,
            `num_channels`, `latent_size`, `use_eql` and `num_classes`. For pytorch_GAN_zoo
            those of `GNet` and `DNet`, or a whole training configuration, with
            `depthOtherScales`, the channels of the scales that were added, told by the
            weights where it is left out, and `alpha`, the weight of the coarser scale.
            Channels of pro_gan_pytorch are told by the weights.

    Returns:
        See `Imported`. `params` are for `transforms.equalized_lr(gain=sqrt(2))`. Modules
        are called with `stage=` and `alpha=` too: the original's depth less 2, and the
        weight of the finest stage, which is 1 less pytorch_GAN_zoo's `alpha`.

    Raises:
        UserError: the network, the port or an argument's value is not known, or these are
            not its weights; lists every key that does not fit.
    """
    if network not in _NETWORKS:
        raise UserError(f"network must be {' or '.join(_NETWORKS)}, got {network!r}")
    chosen = _recognised(state_dict, architecture) if port is None else port
    if chosen not in (_PYTORCH, _ZOO):
        raise UserError(f"port must be {_PYTORCH} or {_ZOO}, got {port!r}")
    built = _BUILDERS[chosen, network](state_dict, **architecture)
    found = read(
        f"{chosen}'s {network}",
        structure(built.module, *built.inputs),
        built.rules,
        state_dict,
    )
    params = jax.tree.map(jnp.asarray, found["params"])
    if not built.equalized:
        return Imported(built.module, {"params": params}, params, {})
    if built.biases:
        params = _with_scaled_biases(params)
    return Imported(built.module, {"params": _HE.apply(params, ())}, params, {})


def _recognised(state_dict: StateDict, architecture: Mapping[str, Any]) -> str:
    """The port that has such arguments or, where none says, such keys."""
    if _ONLY_PYTORCH & architecture.keys():
        return _PYTORCH
    if architecture:
        return _ZOO
    return _PYTORCH if any(key.startswith("layers.") for key in state_dict) else _ZOO


def _with_scaled_biases(params: Params) -> Params:
    """Biases times the constants of their layers' kernels."""
    kernels = dict(trees.leaves_with_path(params))

    def one(path: str, leaf: Any) -> Any:
        if not path.endswith("bias"):
            return leaf
        owner = "project/kernel" if path == "bias" else path.removesuffix("bias") + "kernel"
        fan_in = math.prod(kernels[owner].shape[:-1])
        return leaf * math.sqrt(2.0 / fan_in)

    return trees.map_with_path(one, params)


# pro_gan_pytorch.


def _pytorch_generator(
    given: StateDict,
    *,
    depth: int = 10,
    num_channels: int = 3,
    latent_size: int = 512,
    use_eql: bool = True,
) -> _Built:
    keys = [f"layers.{stage}.conv_2.bias" for stage in range(_stages(depth))]
    module = ProGANPyTorchGenerator(
        ProGANPlan(_pytorch_features(given, keys), latent_size), num_channels
    )
    return _Built(module, (_latents(latent_size),), pro_gan_pytorch_generator(), use_eql)


def _pytorch_discriminator(
    given: StateDict,
    *,
    depth: int = 7,
    num_channels: int = 3,
    latent_size: int = 512,
    use_eql: bool = True,
    num_classes: int | None = None,
) -> _Built:
    stages = _stages(depth)
    keys = [f"from_rgb.{stages - 1 - stage}.0.bias" for stage in range(stages)]
    module = ProGANDiscriminator(
        ProGANPlan(_pytorch_features(given, keys), latent_size),
        num_classes,
        head=rectified_projection,
    )
    labels = () if num_classes is None else (jax.ShapeDtypeStruct((1,), jnp.int32),)
    inputs = (_images(stages, num_channels), *labels)
    return _Built(module, inputs, pro_gan_pytorch_discriminator(stages), use_eql)


def _stages(depth: int) -> int:
    """Depth 2 is 4 x 4 images."""
    if depth < 2:
        raise UserError(f"depth must be at least 2, for images of 4 x 4; got {depth}")
    return depth - 1


def _pytorch_features(given: StateDict, biases: Sequence[str]) -> tuple[int, ...]:
    """Channels of the stages by their biases, as the code is used with others than its
    own; its own where a bias is missing.
    """
    return tuple(
        _size(given, key, min(2**14 >> (stage + 1), 512))
        for stage, key in enumerate(biases)
    )


def _size(given: StateDict, key: str, default: int) -> int:
    """Number of values under a key."""
    return int(np.size(given[key])) if key in given else default


# pytorch_GAN_zoo.


def _zoo_generator(
    given: StateDict,
    *,
    dimLatent: int | None = None,
    dimLatentVector: int = 512,
    depthScale0: int = 512,
    depthOtherScales: Sequence[int] | None = None,
    leakyReluLeak: float | None = None,
    leakyness: float = 0.2,
    normalization: bool | None = None,
    perChannelNormalization: bool = True,
    generationActivation: Any = None,
    lossMode: str = "WGANGP",
    dimOutput: int = 3,
    equalizedlR: bool = True,
    alpha: float = 0.0,
    **unused: Any,
) -> _Built:
    del unused
    if not (perChannelNormalization if normalization is None else normalization):
        raise UserError("normalization must be True: the original cannot run without")
    if generationActivation is not None and "tanh" not in str(generationActivation):
        raise UserError(
            f"generationActivation must be None or tanh, got {generationActivation!r}"
        )
    features = _zoo_features(given, depthScale0, depthOtherScales)
    latent = dimLatentVector if dimLatent is None else dimLatent
    module = GANZooGenerator(
        ProGANPlan(features, depthScale0),
        dimOutput,
        slope=leakyness if leakyReluLeak is None else leakyReluLeak,
        coarser=_coarser(alpha),
        squashed=generationActivation is not None or lossMode in ("MSE", "DCGAN"),
    )
    rules = gan_zoo_generator(depthScale0)
    return _Built(module, (_latents(latent),), rules, equalizedlR, equalizedlR)


def _zoo_discriminator(
    given: StateDict,
    *,
    depthScale0: int = 512,
    depthOtherScales: Sequence[int] | None = None,
    leakyReluLeak: float | None = None,
    leakyness: float = 0.2,
    sizeDecisionLayer: int = 1,
    miniBatchNormalization: bool | None = None,
    miniBatchStdDev: bool = False,
    dimInput: int | None = None,
    dimOutput: int = 3,
    equalizedlR: bool = True,
    alpha: float = 0.0,
    **unused: Any,
) -> _Built:
    del unused
    if sizeDecisionLayer != 1:
        raise UserError(
            f"sizeDecisionLayer must be 1, a logit for each image; got {sizeDecisionLayer}"
        )
    if miniBatchNormalization is None:
        miniBatchNormalization = miniBatchStdDev
    features = _zoo_features(given, depthScale0, depthOtherScales)
    module = GANZooDiscriminator(
        ProGANPlan(features, depthScale0),
        minibatch=GANZooStddev if miniBatchNormalization else None,
        slope=leakyness if leakyReluLeak is None else leakyReluLeak,
        coarser=_coarser(alpha),
    )
    images = _images(len(features), dimOutput if dimInput is None else dimInput)
    rules = gan_zoo_discriminator(depthScale0)
    return _Built(module, (images,), rules, equalizedlR, equalizedlR)


def _zoo_features(
    given: StateDict, first: int, others: Sequence[int] | None
) -> tuple[int, ...]:
    """Channels of the scales, of those that were added by the biases of their first
    convolutions, unless they are given.
    """
    if others is not None:
        return (first, *others)
    matches = [re.match(r"scaleLayers\.(\d+)\.", key) for key in given]
    count = max((int(match[1]) + 1 for match in matches if match), default=0)
    keys = [f"scaleLayers.{scale}.0.module.bias" for scale in range(count)]
    return (first, *(_size(given, key, first) for key in keys))


def _coarser(alpha: float) -> float:
    if not 0.0 <= alpha <= 1.0:
        raise UserError(f"alpha must lie between 0 and 1, got {alpha}")
    return float(alpha)


# Both.


def _latents(size: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((1, size), jnp.float32)


def _images(stages: int, channels: int) -> jax.ShapeDtypeStruct:
    side = side_of(stages - 1)
    return jax.ShapeDtypeStruct((1, side, side, channels), jnp.float32)


_BUILDERS: dict[tuple[str, str], Callable[..., _Built]] = {
    (_PYTORCH, "generator"): _pytorch_generator,
    (_PYTORCH, "discriminator"): _pytorch_discriminator,
    (_ZOO, "generator"): _zoo_generator,
    (_ZOO, "discriminator"): _zoo_discriminator,
}
