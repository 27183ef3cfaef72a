"""The training step of a config as a program for given devices; nothing is allocated."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from ml_collections import ConfigDict

from gan_jax import parallel, registry, trees
from gan_jax.engine import Algorithm, compile_game
from gan_jax.errors import UserError
from gan_jax.game import Game, rounds
from gan_jax.plan.flops import Flops, count_flops
from gan_jax.session import abstract_state, example_shape
from gan_jax.types import PyTree


class Part(NamedTuple):
    """A share of what a program is given.

    Attributes:
        name: such as "generator/params" or "batch".
        bytes: on one device.
        elements: in all, over all devices.
    """

    name: str
    bytes: int
    elements: int


class Program(NamedTuple):
    """A training step, traced for its devices.

    Attributes:
        game: what is played: the last stage of the config's program.
        mesh: the devices.
        lowered: the program, ready to compile.
        steps: training steps in one run of it.
        flops: of its convolutions and products of matrices, over all devices and `steps`.
        parts: what it is given: state by player and kind, and the batch.
        parameters: `{player: number of its parameters}`.
        statistics: elements of the largest array of batch statistics; 0 without any.
        seconds: that tracing and lowering took.
    """

    game: Game
    mesh: Mesh
    lowered: jax.stages.Lowered
    steps: int
    flops: Flops
    parts: tuple[Part, ...]
    parameters: Mapping[str, int]
    statistics: int
    seconds: float


def trace_step(config: ConfigDict, devices: Sequence[jax.Device]) -> Program:
    """The step that `gan_jax.session` would compile for the config on these devices.

    Args:
        config: from `default_config`, changed.
        devices: in the order of the mesh; real ones, or those of a topology.

    Raises:
        UserError: the config is wrong, or does not fit the devices.
    """
    begin = time.monotonic()
    run = registry.resolve(config, example_shape(config))
    game, size = run.program[-1].game, config.train.batch_size
    mesh = _mesh(config, devices)
    _check_batch(config, mesh)
    axis = None if config.parallel.mode == "jit" else parallel.DATA_AXIS
    algorithm = compile_game(game, axis_name=axis, microbatches=config.train.microbatches)
    state = _state(config, algorithm, mesh)
    steps = config.train.steps_per_dispatch
    batch = _batch(
        mesh, (steps * rounds(game), size), run.data.image_shape, run.data.num_classes
    )
    traced = _step(config, algorithm, mesh, state).trace(state, batch)
    flops = count_flops(traced.jaxpr)
    lowered = traced.lower()
    players = state.players.values()
    return Program(
        game=game,
        mesh=mesh,
        lowered=lowered,
        steps=steps,
        flops=flops,
        parts=_parts(state, batch),
        parameters={n: trees.count(p.params) for n, p in state.players.items()},
        statistics=max(
            (leaf.size for p in players for leaf in jax.tree.leaves(p.stats)), default=0
        ),
        seconds=time.monotonic() - begin,
    )


def _mesh(config: ConfigDict, devices: Sequence[jax.Device]) -> Mesh:
    count = config.parallel.devices
    shape = None if count is None else {parallel.DATA_AXIS: count}
    return parallel.make_mesh(devices, shape)


def _check_batch(config: ConfigDict, mesh: Mesh) -> None:
    size, slices = config.train.batch_size, config.train.microbatches
    parallel.check_batch(mesh, size)
    whole = size if config.parallel.mode == "jit" else size // mesh.size
    if whole % slices:
        raise UserError(
            f"{whole} examples cannot be split into train.microbatches ({slices}) equal "
            "parts; choose a divisor"
        )


def _state(config: ConfigDict, algorithm: Algorithm, mesh: Mesh) -> PyTree:
    """Shapes and shardings of the state."""
    state = abstract_state(config, algorithm)
    size = config.parallel.fsdp_min_size
    rules = () if size is None else (parallel.fsdp(min_elements=size),)
    shardings = parallel.state_shardings(mesh, state, rules)
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(
            leaf.shape, leaf.dtype, sharding=sharding
        ),
        state,
        shardings,
    )


def _batch(
    mesh: Mesh, rows: tuple[int, int], image: tuple[int, ...], classes: int | None
) -> PyTree:
    sharding = parallel.batch_sharding(mesh)
    batch = {"image": jax.ShapeDtypeStruct((*rows, *image), jnp.float32, sharding=sharding)}
    if classes is not None:
        batch["label"] = jax.ShapeDtypeStruct(rows, jnp.int32, sharding=sharding)
    return batch


def _step(config: ConfigDict, algorithm: Algorithm, mesh: Mesh, state: PyTree) -> Any:
    """As a run compiles it."""
    mode, per_call = config.parallel.mode, config.train.steps_per_dispatch
    if mode == "jit":
        shardings = jax.tree.map(lambda leaf: leaf.sharding, state)
        return parallel.jit_step(algorithm, mesh, shardings, steps_per_call=per_call)
    if mode != "shard_map":
        raise UserError(
            f"parallel.mode={mode!r} cannot be planned; plan 'jit', which gives the same "
            "numbers"
        )
    if config.parallel.fsdp_min_size is not None:
        raise UserError(
            "parallel.fsdp_min_size needs parallel.mode='jit': the mapped modes replicate"
        )
    return parallel.shard_map_step(algorithm, mesh, steps_per_call=per_call)


def _parts(state: PyTree, batch: PyTree) -> tuple[Part, ...]:
    """The arguments by owner and kind, the largest first."""
    named = {"step and key": (state.step, state.key), "memory": state.memory}
    for name, player in state.players.items():
        named |= {
            f"{name}/params": player.params,
            f"{name}/optimizer": player.opt,
            f"{name}/average": player.ema,
            f"{name}/statistics": (player.stats, player.transform),
        }
    named["batch"] = batch
    parts = [
        Part(name, sum(map(_local_bytes, leaves)), sum(leaf.size for leaf in leaves))
        for name, leaves in ((name, jax.tree.leaves(tree)) for name, tree in named.items())
    ]
    return tuple(sorted((p for p in parts if p.elements), key=lambda p: -p.bytes))


def _local_bytes(leaf: Any) -> int:
    """Bytes of a leaf on one device."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        data = jax.eval_shape(jax.random.key_data, leaf)
        return int(data.size) * data.dtype.itemsize
    shape = leaf.sharding.shard_shape(leaf.shape)
    count = 1
    for size in shape:
        count *= size
    return count * int(leaf.dtype.itemsize)
