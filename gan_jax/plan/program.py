"""The training step of a config as a program for given devices; nothing is allocated."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from ml_collections import ConfigDict

from gan_jax import parallel, registry, trees
from gan_jax.errors import UserError
from gan_jax.game import Game, Stage, rounds
from gan_jax.plan.flops import Flops, count_flops
from gan_jax.session import (
    abstract_batch,
    abstract_state,
    check_batch,
    config_algorithm,
    config_mesh,
    config_step,
    example_shape,
    with_shardings,
)
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
        game: what is played in the stage.
        span: the steps of a run at which the stage begins and ends.
        mesh: the devices.
        lowered: the program, ready to compile.
        steps: training steps in one run of it.
        flops: of its convolutions and products of matrices, over all devices and `steps`;
            those of lazy phases by their share of the steps.
        parts: what it is given: state by player and kind, and the batch.
        parameters: `{player: number of its parameters}`.
        statistics: elements of the largest array of batch statistics; 0 without any.
        seconds: that tracing and lowering took.
    """

    game: Game
    span: tuple[int, int]
    mesh: Mesh
    lowered: jax.stages.Lowered
    steps: int
    flops: Flops
    parts: tuple[Part, ...]
    parameters: Mapping[str, int]
    statistics: int
    seconds: float


def count_stages(config: ConfigDict) -> int:
    """How many stages of its program a run of the config comes to.

    Raises:
        UserError: the config is wrong.
    """
    program = registry.resolve(config, example_shape(config)).program
    return len(_played(program, config.train.steps))


def trace_step(
    config: ConfigDict, devices: Sequence[jax.Device], stage: int = -1
) -> Program:
    """The step that `gan_jax.session` would compile for the config on these devices.

    Args:
        config: from `default_config`, changed.
        devices: in the order of the mesh; real ones, or those of a topology.
        stage: of the stages that a run comes to; the last, where a method that grows costs
            most.

    Raises:
        UserError: the config is wrong, or does not fit the devices.
    """
    begin = time.monotonic()
    run = registry.resolve(config, example_shape(config))
    played, span = _played(run.program, config.train.steps)[stage]
    game, size = played.game, config.train.batch_size
    mesh = config_mesh(config, devices)
    check_batch(config, mesh)
    _check_mode(config)
    algorithm = config_algorithm(config, game)
    state = with_shardings(config, abstract_state(config, algorithm), mesh)
    steps = config.train.steps_per_dispatch
    rows = (steps * rounds(game), size)
    batch = abstract_batch(run.data, rows, parallel.batch_sharding(mesh))
    step: Any = config_step(config, algorithm, mesh, state)
    traced = step.trace(state, batch)
    flops = count_flops(traced.jaxpr, shares(game))
    lowered = traced.lower()
    players = state.players.values()
    return Program(
        game=game,
        span=span,
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


def _played(program: Sequence[Stage], steps: int) -> list[tuple[Stage, tuple[int, int]]]:
    """The stages that begin within so many steps, with when they begin and end."""
    found, begin = [], 0
    for stage in program:
        end = steps if stage.until is None else min(stage.until, steps)
        if begin < steps:
            found.append((stage, (begin, end)))
        begin = end
    return found


def shares(game: Game) -> dict[str, float]:
    """`{phase: share of the steps it runs on}`."""
    return {phase.name: 1.0 / phase.every for phase in game.phases}


def _check_mode(config: ConfigDict) -> None:
    mode = config.parallel.mode
    if mode not in ("jit", "shard_map"):
        raise UserError(
            f"parallel.mode={mode!r} cannot be planned; plan 'jit', which gives the same "
            "numbers"
        )


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
    count = math.prod(leaf.sharding.shard_shape(leaf.shape))
    return count * int(leaf.dtype.itemsize)
