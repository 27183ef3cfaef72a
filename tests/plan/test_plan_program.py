"""The planned step is the run's own; its memory and messages, over 8 virtual devices."""

from __future__ import annotations

import runpy
from pathlib import Path

import jax
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.errors import UserError
from gan_jax.game import rounds
from gan_jax.plan.compiled import compile_for
from gan_jax.plan.program import count_stages, trace_step
from gan_jax.plan.topology import open_topology, parse
from gan_jax.session import open_session

CONFIGS = Path(__file__).parents[2] / "configs"


def load(name, variant, **changes):
    config = runpy.run_path(str(CONFIGS / f"{name}.py"))["get_config"](variant)
    for path, value in changes.items():
        group, field = path.split("__")
        config[group][field] = value
    return config


def ring(**changes):
    return load("ring", "smoke", **({"train__steps_per_dispatch": 1} | changes))


@pytest.mark.parametrize(
    "config",
    [
        ring(train__steps_per_dispatch=4, train__microbatches=2),
        ring(parallel__mode="shard_map"),
        ring(parallel__fsdp_min_size=64),
        ring(parallel__devices=4),
        ring(data__labelled=16),
    ],
    ids=["several steps", "shard_map", "sharded", "fewer devices", "labelled"],
)
def test_the_program_is_the_text_of_the_runs_own(config):
    session = open_session(config)
    turns = config.train.steps_per_dispatch * rounds(session.program[-1].game)
    batch = session.pipeline.rounds(0, turns)
    own = session.steps[-1].lower(session.abstract, batch)
    planned = trace_step(config, jax.devices())
    assert planned.mesh == session.mesh
    assert planned.lowered.as_text() == own.as_text()


def test_the_last_stage_that_a_run_comes_to_is_planned():
    config = ring(train__steps=10)
    config.stages = ({"until": 4, "d_steps": 3}, {"until": 8, "d_steps": 2})
    found = [trace_step(config, jax.devices(), n) for n in (-1, 0, 1, 2)]
    assert [p.span for p in found] == [(8, 10), (0, 4), (4, 8), (8, 10)]
    assert [rounds(p.game) for p in found] == [1, 3, 2, 1]
    config.train.steps = 5
    assert count_stages(config) == 2
    assert trace_step(config, jax.devices()).span == (4, 5)


def test_nothing_is_allocated():
    before = {id(array) for array in jax.live_arrays()}
    program = trace_step(load("sngan", "smoke", train__batch_size=32), jax.devices())
    new = [a for a in jax.live_arrays() if id(a) not in before]
    assert sum(array.size for array in new) < 64  # a key or two
    assert program.parameters == {"generator": 21355, "discriminator": 4505}
    # Batch norm of width 8, with parameters' own statistics apart.
    assert program.statistics == 8


def size_of(tree):
    """Bytes of a tree of replicated leaves; a typed key is two words."""
    return sum(
        8 if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        else leaf.size * leaf.dtype.itemsize
        for leaf in jax.tree.leaves(tree)
    )  # fmt: skip


def test_arguments_are_the_state_and_the_rows_of_a_device():
    config = ring()
    program = trace_step(config, jax.devices())
    state = open_session(config).abstract
    parts = {part.name: part.bytes for part in program.parts}
    rows = config.train.batch_size // 8
    assert parts["batch"] == rows * 2 * 4
    assert parts["generator/params"] == size_of(state.players["generator"].params)
    assert parts["generator/optimizer"] == size_of(state.players["generator"].opt)
    assert parts["generator/average"] == size_of(state.players["generator"].ema)
    assert sum(parts.values()) == size_of(state) + parts["batch"]


def test_labelled_examples_are_a_part_of_the_batch():
    config = ring(data__labelled=16)
    parts = {part.name: part.bytes for part in trace_step(config, jax.devices()).parts}
    # A point of the main stream, a point and a label of the other.
    assert parts["batch"] == config.train.batch_size // 8 * (2 * 4 + 2 * 4 + 4)


def test_a_sharded_state_lies_in_parts():
    whole = {p.name: p for p in trace_step(ring(), jax.devices()).parts}
    split = {
        p.name: p
        for p in trace_step(ring(parallel__fsdp_min_size=2**14), jax.devices()).parts
    }
    # Of each player one kernel, 128 x 128, has so many elements.
    saved = 4 * 128 * 128 * 7 // 8
    for player in ("generator", "discriminator"):
        name = f"{player}/params"
        assert split[name].bytes == whole[name].bytes - saved
        assert split[name].elements == whole[name].elements


@pytest.fixture(scope="module")
def measured():
    return compile_for(ring(parallel__mode="shard_map"), open_topology(parse("local")))


def test_memory_as_the_compiler_tells_it(measured):
    memory = measured.memory
    assert memory.arguments == sum(part.bytes for part in measured.parts)
    # The state is donated; the metrics are new.
    state = memory.arguments - {p.name: p.bytes for p in measured.parts}["batch"]
    assert memory.aliased == state
    new = memory.outputs - memory.aliased
    assert memory.peak == memory.arguments + new + memory.temporaries + memory.code
    assert memory.capacity is None
    assert memory.fits is None


def test_every_update_sends_its_gradients_once_in_float32(measured):
    sent = {c.phase: c for c in measured.collectives}
    assert set(sent) == {"disc", "gen"}
    for phase, (updates, parameters) in measured.phases.items():
        own = sent[phase]
        assert (own.kind, own.dtypes, own.group) == ("all-reduce", "f32", 8)
        assert (own.sends, updates) == (1.0, 1.0)
        # The rest are means: the loss and what else is logged.
        assert 0 < own.elements - parameters < 8
        assert own.bytes == 4 * own.elements
    assert measured.phases["disc"][1] == 2 * 128 + 128 + 128 * 128 + 128 + 128 + 1
    assert measured.phases["gen"][1] == 2 * 128 + 128 + 128 * 128 + 128 + 128 * 2 + 2


def test_operations_are_those_the_method_asks_for(measured):
    assert set(measured.flops) == {"float32"}
    np.testing.assert_allclose(measured.flops["float32"], measured.needed, rtol=0.02)
    by_row = sum(row.flops for row in measured.rows)
    np.testing.assert_allclose(by_row, measured.flops["float32"], rtol=1e-12)
    assert {row.phase for row in measured.rows} == {"disc", "gen", "ema"}


def test_a_dispatch_of_several_steps_is_told_per_step(measured):
    several = compile_for(
        ring(parallel__mode="shard_map", train__steps_per_dispatch=5),
        open_topology(parse("local")),
    )
    assert several.flops == pytest.approx(measured.flops, rel=1e-12)
    assert several.needed == pytest.approx(measured.needed, rel=1e-12)
    assert [c.elements for c in several.collectives] == [
        c.elements for c in measured.collectives
    ]


def test_parameters_are_those_of_the_state():
    state = open_session(ring()).abstract
    program = trace_step(ring(), jax.devices())
    assert program.parameters == {
        name: trees.count(player.params) for name, player in state.players.items()
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"train__batch_size": 20},
            "a global batch of 20 cannot be split over 8 devices; use 16 or 24, or another "
            "number of devices",
        ),
        (
            {"train__batch_size": 24, "train__microbatches": 5},
            "the 3 examples of a device cannot be split into train.microbatches (5) equal "
            "parts; choose a divisor",
        ),
        (
            {"parallel__mode": "pmap"},
            "parallel.mode='pmap' cannot be planned; plan 'jit', which gives the same "
            "numbers",
        ),
        (
            {"parallel__mode": "shard_map", "parallel__fsdp_min_size": 8},
            "parallel.fsdp_min_size needs parallel.mode='jit': the mapped modes replicate",
        ),
        (
            {"parallel__devices": 16},
            "the mesh {'data': 16} asks for 16 devices, but 8 are present",
        ),
    ],
)
def test_a_config_that_does_not_fit_the_devices(changes, said):
    with pytest.raises(UserError) as caught:
        trace_step(ring(**changes), jax.devices())
    assert str(caught.value) == said
