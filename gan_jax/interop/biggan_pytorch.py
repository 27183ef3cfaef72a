"""Weights of BigGAN-PyTorch: BigGAN and BigGAN-deep, both networks and the average.

https://github.com/ajbrock/BigGAN-PyTorch. Its spectral norm makes one power iteration in
every forward pass, from vectors that only training mode stores.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen

from gan_jax import trees
from gan_jax.errors import UserError
from gan_jax.interop.state_dict import (
    Imported,
    Rule,
    StateDict,
    as_is,
    channels_last,
    conv,
    key_of,
    linear,
    read,
    scalar,
    structure,
    then,
)
from gan_jax.networks.biggan import (
    BigGANDiscriminator,
    BigGANGenerator,
    BigGANPlan,
    biggan_plan,
)
from gan_jax.networks.biggan_deep import (
    BigGANDeepDiscriminator,
    BigGANDeepGenerator,
    biggan_deep_plan,
)
from gan_jax.nn.norm import BatchNorm, ConditionalBatchNorm, NormFactory
from gan_jax.transforms import spectral_norm
from gan_jax.transforms.base import last_name

_SKIPPED = (
    r".*\.sv\d+",
    r".*\.u\d+",
    r".*\.accumulation_counter",
    r".*\.num_batches_tracked",
    "optim.*",
)


def import_state_dict(state_dict: StateDict, network: str, **architecture: Any) -> Imported:
    """BigGAN-PyTorch's weights as networks of this library.

    Args:
        state_dict: numpy arrays under the original keys.
        network: "generator" or "discriminator".
        **architecture: arguments of the original constructor; `G_depth` or `D_depth` means
            BigGAN-deep. Those of optimizers and initialisation are not used.

    Returns:
        See `Imported`. Generators are called `(z, y)` with integer labels.

    Raises:
        UserError: the network or an argument's value is not known, or the weights are of
            another architecture; lists every key that does not fit.
    """
    if network == "generator":
        module, inputs, rules, normed = _generator(state_dict, **architecture)
    elif network == "discriminator":
        module, inputs, rules, normed = _discriminator(**architecture)
    else:
        raise UserError(f"network must be generator or discriminator, got {network!r}")
    expected = structure(module, *inputs)
    what = f"a BigGAN-PyTorch {network}"
    variables = read(what, expected, rules, state_dict, _SKIPPED)
    if not normed:
        return Imported(module, variables, variables["params"], {})
    return _with_spectral_norm(module, variables, rules, state_dict)


def _with_spectral_norm(
    module: linen.Module, variables: dict[str, Any], rules: list[Rule], given: StateDict
) -> Imported:
    """The stored vectors as a transform's state, and evaluation after one iteration."""
    params, state = variables["params"], {}
    for path, leaf in trees.leaves_with_path(params):
        prefix = key_of(f"params/{path}", rules).removesuffix(".weight")
        if f"{prefix}.u0" not in given:
            continue
        u = np.asarray(given[f"{prefix}.u0"], np.float32).reshape(-1)
        if path == "project/kernel":
            u = channels_last(_project_channels(module))(u)
        matrix = (
            leaf if last_name(path) == "embedding" else leaf.reshape(-1, leaf.shape[-1]).T
        )
        v = matrix.T @ u
        state[path] = {"u": jnp.asarray(u), "v": jnp.asarray(v / np.linalg.norm(v))}
    transform = spectral_norm(where=lambda path, leaf: path in state)
    params = jax.tree.map(jnp.asarray, params)
    seen = transform.apply(params, transform.update(params, state))
    return Imported(module, {**variables, "params": seen}, params, state)


def _project_channels(module: Any) -> int:
    return int(module.plan.generator[0] * module.width)


def _generator(
    given: StateDict,
    *,
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
    mybn: bool = False,
    BN_eps: float = 1e-5,
    G_param: str = "SN",
    norm_style: str = "bn",
    **unused: Any,
) -> tuple[linen.Module, tuple[jax.ShapeDtypeStruct, ...], list[Rule], bool]:
    del unused
    if norm_style != "bn":
        raise UserError(f"norm_style {norm_style!r} is not supported: only 'bn' is")
    deep = G_depth is not None
    hier = deep if hier is None else hier
    if deep and not (hier and G_shared):
        raise UserError("a BigGAN-deep generator needs hier=True and G_shared=True")
    embedding = (shared_dim or dim_z) if G_shared else None
    norm = partial(_batch_norm, BN_eps)
    base = (bottom_width, bottom_width)
    module: Any
    if G_depth is not None:
        plan = biggan_deep_plan(resolution, resolution, depth=G_depth, attention=())
        after = (G_depth * (i + 1) - 1 for i in _attended(resolution, G_attn))
        module = BigGANDeepGenerator(
            plan._replace(base=base, generator_attention=tuple(after)),
            G_ch,
            num_classes=n_classes,
            embedding=embedding or 0,
            # 128 in some versions of the code, of which three are the image.
            image_features=len(given.get("output_layer.2.bias", "RGB")),
            norm=norm,
        )
    else:
        shallow = biggan_plan(resolution, resolution, attention=())
        module = _Generator(
            shallow._replace(base=base, generator_attention=_attended(resolution, G_attn)),
            G_ch,
            num_classes=n_classes,
            embedding=embedding,
            hierarchical=hier,
            norm=norm,
            epsilon=BN_eps,
        )
        slots = len(shallow.generator)
        dim_z = dim_z // slots * slots if hier else dim_z
    inputs = _latents(dim_z), _labels()
    moments = ("bn.running_mean", "bn.running_var") if cross_replica else None
    moments = moments or (("bn.stored_mean", "bn.stored_var") if mybn else None)
    rules = _generator_rules(
        _project_channels(module), G_shared, moments or ("stored_mean", "stored_var")
    )
    return module, inputs, rules, G_param == "SN"


class _Generator(BigGANGenerator):
    """BigGAN with another epsilon in the norms by class.

    Attributes:
        epsilon: theirs; that of the last norm is `norm`'s, as with a shared embedding.
    """

    epsilon: float = 1e-5

    def _norm(self) -> NormFactory | None:
        if self.embedding is not None or self.num_classes is None:
            return super()._norm()
        return partial(
            ConditionalBatchNorm, num_classes=self.num_classes, epsilon=self.epsilon
        )


def _batch_norm(epsilon: float, *, affine: bool = True, **options: Any) -> BatchNorm:
    """The epsilon is that of the blocks alone, whose gains come from elsewhere; the last
    norm, with a gain of its own, keeps the original's default.
    """
    return BatchNorm(epsilon=1e-5 if affine else epsilon, affine=affine, **options)


def _attended(resolution: int, attention: str) -> tuple[int, ...]:
    """Blocks of a generator whose output has one of the sides in "32_64"."""
    sides = [8 << index for index in range(resolution.bit_length() - 3)]
    return tuple(
        i for i, side in enumerate(sides) if str(side) in str(attention).split("_")
    )


def _generator_rules(channels: int, shared: bool, moments: tuple[str, str]) -> list[Rule]:
    spatial = channels_last(channels)
    style, name = (linear, "kernel") if shared else (as_is, "embedding")
    rules = [
        Rule("params/shared_embed/embedding", "shared.weight", as_is),
        Rule("params/project/kernel", "linear.weight", then(spatial, linear)),
        Rule("params/project/bias", "linear.bias", spatial),
        Rule("params/norm/scale", "output_layer.0.gain", as_is),
        Rule("params/norm/bias", "output_layer.0.bias", as_is),
        Rule("params/image/kernel", "output_layer.2.weight", conv),
        Rule("params/image/bias", "output_layer.2.bias", as_is),
        *_block_rules(),
        Rule(
            rf"params/block_(\d+)/norm_(\d)/(gain|bias)/{name}",
            lambda block, norm, part: f"blocks.{block}.0.bn{int(norm) + 1}.{part}.weight",
            style,
        ),
    ]
    for ours, theirs in zip(("mean", "var"), moments, strict=True):
        rules += [
            Rule(f"batch_stats/norm/{ours}", f"output_layer.0.{theirs}", as_is),
            Rule(
                rf"batch_stats/block_(\d+)/norm_(\d)/(?:norm/)?{ours}",
                partial(_moment_key, theirs),
                as_is,
            ),
        ]
    return rules


def _moment_key(name: str, block: str, norm: str) -> str:
    return f"blocks.{block}.0.bn{int(norm) + 1}.{name}"


def _block_rules(depth: int = 1) -> list[Rule]:
    """Convolutions and attention of blocks that are listed by so many."""

    def block(number: str) -> str:
        return "blocks.{}.{}".format(*divmod(int(number), depth))

    def convolution(number: str, conv: str, part: str) -> str:
        name = "conv_sc" if conv == "shortcut" else f"conv{int(conv[-1]) + 1}"
        return f"{block(number)}.{name}.{'weight' if part == 'kernel' else part}"

    def attention(number: str, part: str) -> str:
        # It stands after the blocks that it follows.
        return f"blocks.{int(number) // depth}.{depth}.{part}"

    names = {"query": "theta", "key": "phi", "value": "g", "output": "o"}
    convs = r"params/block_(\d+)/(conv_\d|shortcut)"
    return [
        Rule(rf"{convs}/(kernel)", convolution, conv),
        Rule(rf"{convs}/(bias)", convolution, as_is),
        Rule(
            r"params/attention_(\d+)/(query|key|value|output)/kernel",
            lambda number, part: attention(number, f"{names[part]}.weight"),
            conv,
        ),
        Rule(r"params/attention_(\d+)/(gamma)", attention, scalar),
    ]


def _discriminator(
    *,
    D_ch: int = 64,
    D_depth: int | None = None,
    D_wide: bool = True,
    resolution: int = 128,
    D_attn: str = "64",
    n_classes: int = 1000,
    D_param: str = "SN",
    **unused: Any,
) -> tuple[linen.Module, tuple[jax.ShapeDtypeStruct, ...], list[Rule], bool]:
    del unused
    module: Any
    if D_depth is not None:
        plan = biggan_deep_plan(resolution, resolution, depth=D_depth, attention=())
        watched = _watched(_plan(resolution), D_attn)
        # The stem is none of the deep blocks, so that there is a stage less.
        last = len(_plan(resolution).down) - 1
        after = (D_depth * (i + 1) - 1 for i in watched if i < last)
        module = BigGANDeepDiscriminator(
            plan._replace(discriminator_attention=tuple(after)), D_ch, n_classes
        )
    else:
        shallow = _plan(resolution)
        module = BigGANDiscriminator(
            shallow._replace(discriminator_attention=_watched(shallow, D_attn)),
            D_ch,
            n_classes,
            wide=D_wide,
        )
    rules = [
        Rule("params/image/kernel", "input_conv.weight", conv),
        Rule("params/image/bias", "input_conv.bias", as_is),
        Rule("params/logit/kernel", "linear.weight", linear),
        Rule("params/logit/bias", "linear.bias", as_is),
        Rule("params/embed/embedding", "embed.weight", as_is),
        *_block_rules(D_depth or 1),
    ]
    images = jax.ShapeDtypeStruct((1, resolution, resolution, 3), jnp.float32)
    return module, (images, _labels()), rules, D_param == "SN"


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


def _latents(dim: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((1, dim), jnp.float32)


def _labels() -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((1,), jnp.int32)
