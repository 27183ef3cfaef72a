"""Programs read from their text: loops, branches, shapes, operations, traffic, messages."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from gan_jax import parallel
from gan_jax.plan.hlo import Array, arrays, parse
from gan_jax.plan.measure import costs, memory_asked, part_of
from gan_jax.plan.timeline import timeline
from gan_jax.plan.work import group_size, memory_traffic, message, operations

# What a TPU's compiler writes, in small: a loop whose bound is carried, with a product
# fused in its body; a copy between memories. And calls of libraries on GPUs.
TPU = (Path(__file__).parent / "tpu.hlo").read_text()


def executed(module, name):
    return next(step for step in module.executed() if step.instruction.name == name)


def test_shapes_with_layouts_memories_and_tuples():
    text = "(f32[2,3]{1,0:T(8,128)S(1)}, pred[4]{0}, bf16[]{:T(256)}, s4[3]{0}, token[])"
    assert arrays(text) == (
        Array("f32", (2, 3), on_chip=True),
        Array("pred", (4,)),
        Array("bf16", ()),
        Array("s4", (3,)),
        Array("token", ()),
    )
    assert [a.bytes for a in arrays(text)] == [24, 4, 2, 2, 0]


def test_a_loop_runs_as_often_as_its_carried_bound_says():
    module = parse(TPU)
    assert module.entry.name == "main"
    loop = executed(module, "while")
    assert module.trips(loop.instruction, loop.computation) == 5
    assert (executed(module, "convolution.1").times, loop.times) == (5.0, 1.0)
    assert executed(module, "convolution.1").fused
    assert [i.name for i in executed(module, "convolution.1").path] == ["while", "fusion.1"]


def test_a_loop_of_unknown_length_counts_once():
    module = parse(TPU.replace("constant(5)", "constant({5, 6})"))
    loop = executed(module, "while")
    assert module.trips(loop.instruction, loop.computation) is None
    assert executed(module, "convolution.1").times == 1.0


def test_what_single_instructions_cost():
    module = parse(TPU)
    product = executed(module, "convolution.1")
    assert operations(product) == ("bfloat16", 2.0 * 8 * 16 * 4)
    assert operations(executed(module, "negate")) == ("", 0.0)
    # The second factor is on the chip already.
    assert memory_traffic(executed(module, "fusion.1"), module) == 2 * (8 * 16 + 8 * 4)
    assert memory_traffic(product, module) == 0
    # A copy onto the chip reads the main memory, and does not write it.
    assert memory_traffic(executed(module, "copy-start"), module) == 2 * 8 * 4
    assert memory_traffic(executed(module, "copy-done"), module) == 0
    assert memory_traffic(executed(module, "negate"), module) == 2 * 8 * 4
    sent = message(executed(module, "all-reduce.1"), devices=8)
    assert (sent.kind, sent.arrays, sent.group) == (
        "all-reduce",
        (Array("bf16", (8, 4)),),
        4,
    )
    assert sent.sent == 2 * 64 * 3 / 4


def test_costs_go_to_phases_and_nets():
    found = list(costs(parse(TPU), {"disc": 1.0, "gen": 1.0}, devices=8))
    by_name = {(c.phase, c.part): c for c in found if c.cycles or c.message}
    assert set(by_name) == {
        ("disc", "Net forward"), ("disc", "Net backward"), ("gen", "update"),
    }  # fmt: skip
    forward = by_name["disc", "Net forward"]
    assert (forward.times, forward.cycles) == (5.0, 1000)
    assert forward.flops == {"bfloat16": 1024.0}
    assert by_name["gen", "update"].cycles == 70


def test_live_bytes_are_those_between_making_and_last_use():
    held = {entry.phase: entry for entry in timeline(parse(TPU), {"disc": 1.0, "gen": 1.0})}
    # In the loop: its start (64 bytes), the bound and the counter, the product, its sum.
    assert held["disc"].bytes == 64 + 4 + 4 + 64 + 64
    # At the end the result alone: what came out of the loop was copied onto the chip.
    assert held["gen"].bytes == 64


@pytest.mark.parametrize(
    ("groups", "size"),
    [
        ("replica_groups={{0,1,2},{3,4,5}}", 3),
        ("replica_groups=[2,4]<=[8]", 4),
        ("replica_groups=[4,2]<=[2,4]T(1,0)", 2),
        ("replica_groups=mesh['a'=4,'b'=2] {'a','b'}", 8),
        ("replica_groups={}", 16),
    ],
)
def test_groups_in_every_notation(groups, size):
    line = f"  ROOT %r = f32[4]{{0}} all-reduce(%p), {groups}, to_apply=%sum"
    module = parse(
        "ENTRY %main (p: f32[4]) -> f32[4] {\n  %p = f32[4]{0} parameter(0)\n"
        + line
        + "\n}"
    )
    assert group_size(module.entry.root, devices=16) == size


GPU = (Path(__file__).parent / "gpu.hlo").read_text()


def test_calls_of_gpu_libraries_count_as_what_they_compute():
    module = parse(GPU)
    counted = {
        name: operations(executed(module, name))[1] for name in ("gemm", "conv", "dx", "dk")
    }
    # Five windows of three taps on an axis of 9, the outer two with one tap on padding.
    convolution = 2.0 * 2 * 3 * 5 * 13 * 13
    assert counted == {
        "gemm": 2.0 * 8 * 16 * 4, "conv": convolution, "dx": convolution, "dk": convolution,
    }  # fmt: skip


# A program that XLA compiled here, for eight devices.


@pytest.fixture(scope="module")
def compiled():
    """Three steps of descent on 8 devices, with a branch in a lazy one; two weights."""
    mesh = parallel.make_mesh()

    def step(weights, x):
        def sometimes():
            one, two = weights["a"] @ weights["b"], jnp.ones((8, 4))
            return jax.lax.cond(
                x[0, 1] > 0.0, lambda: jnp.sum(one @ two), lambda: jnp.sum(one)
            )

        with jax.named_scope("train"):
            loss = lambda w: jnp.mean(jnp.square(jnp.tanh(x @ w["a"]) @ w["b"]))  # noqa: E731
            grads = jax.grad(loss)(weights)
        with jax.named_scope("lazy"):
            scale = jax.lax.cond(x[0, 0] > 0.0, sometimes, lambda: 0.0)
        return jax.tree.map(lambda w, g: w - scale * g, weights, grads), None

    shapes = {"a": (32, 16), "b": (16, 8)}
    whole, rows = NamedSharding(mesh, P()), NamedSharding(mesh, P(None, "data"))
    weights = {n: jax.ShapeDtypeStruct(s, jnp.float32) for n, s in shapes.items()}
    data = jax.ShapeDtypeStruct((3, 64, 32), jnp.float32)
    run = jax.jit(
        lambda w, xs: jax.lax.scan(step, w, xs)[0],
        in_shardings=(whole, rows), out_shardings=whole,
    )  # fmt: skip
    return parse(run.lower(weights, data).compile().as_text())


def test_products_of_a_compiled_loop(compiled):
    counted = sum(operations(s)[1] * s.times for s in compiled.executed({"lazy": 0.25}))
    rows = 64 // 8
    # Forward two, backward two for the weights and one between; the branches a quarter.
    lazy = 2.0 * (32 * 16 * 8 + 32 * 8 * 4)
    turn = 2.0 * rows * (2 * 32 * 16 + 3 * 16 * 8) + 0.25 * lazy
    np.testing.assert_allclose(counted, 3 * turn, rtol=1e-12)


def test_messages_of_a_compiled_loop_are_the_gradients(compiled):
    sent = [
        (m, step.times)
        for step in compiled.executed()
        if (m := message(step, 8)) is not None
    ]
    gradients = [(m, times) for m, times in sent if sum(a.size for a in m.arrays) > 1]
    assert {m.kind for m, _ in gradients} == {"all-reduce"}
    assert {times for _, times in gradients} == {3.0}
    assert sorted(a.size for m, _ in gradients for a in m.arrays if a.size > 1) == [
        128,
        512,
    ]
    assert {a.dtype for m, _ in gradients for a in m.arrays} == {"f32"}


# Words.


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("disc/while/body/closed_call/jvp(ResNet)/block_0/add", "ResNet forward"),
        ("gen/transpose(jvp(ResNet))/conv/dot_general", "ResNet backward"),
        ("gen/transpose(jvp(Net))/rematted_computation/x", "Net forward again"),
        ("gen/jvp(Net)/attention/checkpoint/dot_general", "Net forward"),
        ("gen/transpose(jvp(Net))/jvp(Net)/checkpoint/mul", "Net backward"),
        ("gen/jvp()/reduce_sum", "losses forward"),
        ("gen/transpose(jvp())/mul", "losses backward"),
        ("gen/sqrt", "update"),
        ("", "update"),
    ],
)
def test_names_tell_net_and_direction(name, part):
    assert part_of(name) == part


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (
            "RESOURCE_EXHAUSTED: Ran out of memory on HBM, the total memory required for "
            "HLO temporaries (320.00G) exceeds available HBM (30.75G).",
            320 * 2**30,
        ),
        (
            "RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 17.50G of "
            "15.75G hbm. Exceeded hbm capacity by 1.75G.",
            int(17.5 * 2**30),
        ),
        ("INVALID_ARGUMENT: no such thing", None),
        ("RESOURCE_EXHAUSTED: too many registers", None),
    ],
)
def test_what_a_compiler_asked_for(error, asked):
    assert memory_asked(error) == asked
