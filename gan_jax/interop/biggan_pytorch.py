"""Weights of BigGAN-PyTorch: BigGAN and BigGAN-deep, both networks and the average.

https://github.com/ajbrock/BigGAN-PyTorch. Its spectral norm makes one power iteration in
every forward pass, from vectors that only training mode stores.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen

from gan_jax import trees
from gan_jax.errors import UserError
from gan_jax.interop.biggan_pytorch_keys import (
    discriminator_rules,
    generator_rules,
    vectors,
)
from gan_jax.interop.biggan_pytorch_norms import block_norm, last_norm
from gan_jax.interop.state_dict import Imported, Rule, StateDict, channels_last, structure
from gan_jax.interop.torch_spectral_norm import import_network
from gan_jax.networks.biggan import (
    BigGANDiscriminator,
    BigGANGenerator,
    BigGANPlan,
    biggan_plan,
)
from gan_jax.networks.biggan_deep import (
    BigGANDeepDiscriminator,
    BigGANDeepGenerator,
    BigGANDeepPlan,
    biggan_deep_plan,
)
from gan_jax.nn.norm import BatchNorm, NormFactory
from gan_jax.transforms import kernels, matrices

_SMALLEST = 32
_RELUS = ("relu", "inplace_relu", "ir")
_MODELS = ("BigGAN", "BigGANdeep")
_ONLY_DEEP = "blocks.0.0.conv4.weight"
_OTHER_VECTORS = (r".*\.sv\d+", r".*\.u[1-9]\d*")


class _Network(NamedTuple):
    """What the arguments of a constructor come to.

    Attributes:
        module: the network.
        inputs: shapes that it is called with.
        rules: where its variables come from.
        normed: which of its parameters have a spectral norm.
        base: channels of its first feature map; 1 for a discriminator.
        ignored: regular expressions of keys that are rightly not used.
        epsilon: of the spectral norm.
    """

    module: linen.Module
    inputs: tuple[jax.ShapeDtypeStruct, ...]
    rules: list[Rule]
    normed: trees.Where
    base: int
    ignored: tuple[str, ...]
    epsilon: float


def import_state_dict(state_dict: StateDict, network: str, **architecture: Any) -> Imported:
    """BigGAN-PyTorch's weights as networks of this library.

    Training mode makes `num_G_SV_itrs` or `num_D_SV_itrs` power iterations of the first
    singular vector; evaluation makes one, whatever they are.

    Args:
        state_dict: numpy arrays under the original keys.
        network: "generator" or "discriminator".
        **architecture: arguments of the original constructor, or its whole configuration.
            `model` says which of the two networks it is; without it BigGAN-deep is told by
            `G_depth` or `D_depth`, or by the keys. `replicas`, 1 by default, is how many
            devices trained a generator with `cross_replica`: that norm adds its gain on
            one device, and multiplies by it on several. Arguments of optimizers,
            initialisation and precision are not used.

    Returns:
        See `Imported`. Generators are called `(z, y)` with integer labels.

    Raises:
        UserError: the network or an argument's value is not known, or one that the original
            cannot run either; or the weights are of another architecture; lists every key
            that does not fit.
    """
    if network == "generator":
        found = _generator(state_dict, **architecture)
    elif network == "discriminator":
        found = _discriminator(state_dict, **architecture)
    else:
        raise UserError(f"network must be generator or discriminator, got {network!r}")
    expected = structure(found.module, *found.inputs)
    return import_network(
        f"a BigGAN-PyTorch {network}",
        found.module,
        expected,
        found.rules,
        state_dict,
        projected=channels_last(found.base),
        iterated=vectors(expected["params"], found.rules, found.normed),
        ignored=found.ignored,
        epsilon=found.epsilon,
    )


def _generator(
    given: StateDict,
    *,
    model: str | None = None,
    G_ch: int = 64,
    G_depth: int | None = None,
    dim_z: int = 128,
    bottom_width: int = 4,
    resolution: int = 128,
    G_attn: str = "64",
    n_classes: int = 1000,
    G_shared: bool = True,
    shared_dim: int = 0,
    hier: bool | None = None,
    cross_replica: bool = False,
    replicas: int = 1,
    mybn: bool = False,
    G_activation: Any = "relu",
    BN_eps: float = 1e-5,
    SN_eps: float = 1e-12,
    G_param: str = "SN",
    norm_style: str = "bn",
    **unused: Any,
) -> _Network:
    del unused
    _check_activation("G_activation", G_activation)
    deep = _is_deep(given, model, G_depth)
    _check_resolution("generator", resolution, 256 if deep else 512)
    hier = deep if hier is None else hier
    if deep and not (hier and G_shared):
        raise UserError("a BigGAN-deep generator needs hier=True and G_shared=True")
    if hier and not G_shared:
        raise UserError("hier=True needs G_shared=True, in the original as here")
    added = cross_replica and replicas == 1
    embedding, attended = shared_dim or dim_z, _attended(resolution, G_attn)
    options: dict[str, Any] = {
        "num_classes": n_classes,
        "norm": last_norm(added=added),
        "blocks_norm": block_norm(
            # The two batch norms with a name come before the style in the original.
            "bn" if cross_replica or mybn else norm_style,
            epsilon=BN_eps,
            num_classes=None if G_shared else n_classes,
            added=added,
        ),
    }
    module: _Generator | _DeepGenerator
    if deep:
        plan = _deep_plan(resolution, 2 if G_depth is None else G_depth, attended)
        # 128 in some versions of the code, of which three are the image.
        features = len(given.get("output_layer.2.bias", "RGB"))
        options |= {"embedding": embedding, "image_features": features}
        module = _DeepGenerator(plan._replace(base=(bottom_width,) * 2), G_ch, **options)
    else:
        shallow = _plan(resolution)._replace(
            base=(bottom_width,) * 2, generator_attention=attended
        )
        options |= {"embedding": embedding if G_shared else None, "hierarchical": hier}
        module = _Generator(shallow, G_ch, **options)
        slots = len(shallow.generator)
        dim_z = dim_z // slots * slots if hier else dim_z
    channels, normed = module.plan.generator[0] * G_ch, G_param == "SN"
    moments, counters = _moments(cross_replica, mybn)
    return _Network(
        module,
        (jax.ShapeDtypeStruct((1, dim_z), jnp.float32), _labels()),
        generator_rules(channels, moments),
        kernels if normed else _none,
        channels,
        (*counters, *(_OTHER_VECTORS if normed else ())),
        SN_eps,
    )


def _deep_plan(resolution: int, depth: int, attended: tuple[int, ...]) -> BigGANDeepPlan:
    """The plan of a deep generator, with attention after some resolutions.

    Raises:
        UserError: the original cannot run it: it needs two blocks where channels change.
    """
    if depth < 1 or (depth != 2 and resolution > _SMALLEST):
        raise UserError(f"BigGAN-deep at {resolution} needs G_depth=2, got {depth}")
    plan = biggan_deep_plan(resolution, resolution, depth=depth, attention=())
    after = tuple(depth * (i + 1) - 1 for i in attended)
    return plan._replace(generator_attention=after)


def _moments(cross_replica: bool, mybn: bool) -> tuple[str, tuple[str, ...]]:
    """How the names of running moments begin, and what else is kept of batches."""
    if cross_replica:
        return "bn.running_", (r".*\.num_batches_tracked",)
    if mybn:
        return "bn.stored_", (r".*\.accumulation_counter",)
    return "stored_", ()


class _Generator(BigGANGenerator):
    """BigGAN with any normalisation in the blocks.

    Attributes:
        blocks_norm: its factory.
    """

    blocks_norm: NormFactory = BatchNorm

    def _norm(self) -> NormFactory:
        return self.blocks_norm


class _DeepGenerator(BigGANDeepGenerator):
    """BigGAN-deep with any normalisation in the blocks.

    Attributes:
        blocks_norm: its factory.
    """

    blocks_norm: NormFactory = BatchNorm

    def _norm(self) -> NormFactory:
        return self.blocks_norm


def _attended(resolution: int, attention: str) -> tuple[int, ...]:
    """Blocks of a generator whose output has one of the sides in "32_64"."""
    sides = [8 << index for index in range(resolution.bit_length() - 3)]
    return tuple(
        i for i, side in enumerate(sides) if str(side) in str(attention).split("_")
    )


def _discriminator(
    given: StateDict,
    *,
    model: str | None = None,
    D_ch: int = 64,
    D_depth: int | None = None,
    D_wide: bool = True,
    resolution: int = 128,
    D_attn: str = "64",
    n_classes: int = 1000,
    D_activation: Any = "relu",
    SN_eps: float = 1e-12,
    output_dim: int = 1,
    D_param: str = "SN",
    **unused: Any,
) -> _Network:
    del unused
    _check_activation("D_activation", D_activation)
    _check_resolution("discriminator", resolution, 256)
    if D_param != "SN":
        raise UserError(f"D_param must be 'SN', the original has no other; got {D_param!r}")
    if output_dim != 1:
        raise UserError(f"output_dim must be 1, a logit for each image; got {output_dim}")
    shallow, depth = _plan(resolution), 1
    module: linen.Module
    if _is_deep(given, model, D_depth):
        depth = 2 if D_depth is None else D_depth
        if depth < 1:
            raise UserError(f"BigGAN-deep needs D_depth of 1 or more, got {depth}")
        plan = biggan_deep_plan(resolution, resolution, depth=depth, attention=())
        # The stem is none of the deep blocks, so that there is a stage less.
        last = len(shallow.down) - 1
        after = (depth * (i + 1) - 1 for i in _watched(shallow, D_attn) if i < last)
        module = BigGANDeepDiscriminator(
            plan._replace(discriminator_attention=tuple(after)), D_ch, n_classes
        )
    else:
        module = BigGANDiscriminator(
            shallow._replace(discriminator_attention=_watched(shallow, D_attn)),
            D_ch,
            n_classes,
            wide=D_wide,
        )
    images = jax.ShapeDtypeStruct((1, resolution, resolution, 3), jnp.float32)
    return _Network(
        module,
        (images, _labels()),
        discriminator_rules(depth),
        matrices,
        1,
        _OTHER_VECTORS,
        SN_eps,
    )


def _plan(resolution: int) -> BigGANPlan:
    """The published plan, without attention."""
    return biggan_plan(resolution, resolution, attention=())


def _watched(plan: BigGANPlan, attention: str) -> tuple[int, ...]:
    """Blocks of a discriminator that attention follows. At 32 pixels the original counts
    the sides of all four blocks as 16.
    """
    wanted = str(attention).split("_")
    side = plan.base[0] << (len(plan.generator) - 1)
    sides = []
    for down in plan.down:
        side = side // 2 if down else side
        sides.append(16 if len(plan.generator) == 4 else side)
    return tuple(index for index, side in enumerate(sides) if str(side) in wanted)


def _is_deep(given: StateDict, model: str | None, depth: int | None) -> bool:
    """Whether it is BigGAN-deep; BigGAN's configurations hold depths too."""
    if model is None:
        return depth is not None or _ONLY_DEEP in given
    if model not in _MODELS:
        raise UserError(f"model must be one of {', '.join(_MODELS)}, got {model!r}")
    return model == _MODELS[1]


def _check_resolution(network: str, resolution: int, most: int) -> None:
    sides = [side for side in (32, 64, 128, 256, 512) if side <= most]
    if resolution not in sides:
        raise UserError(
            f"the original has no such {network} for resolution={resolution!r}, only for "
            f"{', '.join(map(str, sides))}"
        )


def _check_activation(name: str, value: Any) -> None:
    """Accepts the original's names of a ReLU, and PyTorch's module by how it is printed."""
    if str(value).split("(")[0].lower() not in _RELUS:
        raise UserError(f"{name} must be a ReLU ({', '.join(_RELUS)}), got {value}")


def _none(path: str, leaf: Any) -> bool:
    del path, leaf
    return False


def _labels() -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((1,), jnp.int32)
