"""Advice on devices too small, by a compiler made up here."""

from __future__ import annotations

import runpy
from pathlib import Path

import jax
import pytest

from gan_jax.plan.advise import advise, changed
from gan_jax.plan.chips import Chip
from gan_jax.plan.compiled import Measured, TooLarge, compile_for
from gan_jax.plan.measure import Memory
from gan_jax.plan.program import Part
from gan_jax.plan.topology import Topology

CONFIGS = Path(__file__).parents[2] / "configs"
STATE = 100


def tiny(memory, devices=4):
    chip = Chip("tiny", "Tiny", 1, {"float32": 1.0}, memory, 1.0, 1.0)
    return Topology("tiny", (None,) * devices, chip, devices, 1)


def config(batch=64, **model):
    made = runpy.run_path(str(CONFIGS / "sngan.py"))["get_config"]("smoke")
    made.train.batch_size = batch
    with made.unlocked():
        made.model.update(model)
    return made


def compiler(calls, *, refuses=False, sliced=True):
    """State, which can be sharded, and 40 bytes for each row of a device's slice, or of its
    batch where slices do not help.
    """

    def compile_one(given, topology):
        train = given.train
        rows = train.batch_size // len(topology.devices)
        live = 40 * rows // (train.microbatches if sliced else 1)
        kept = STATE // len(topology.devices) if given.parallel.fsdp_min_size else STATE
        calls.append((train.batch_size, train.microbatches))
        parts = (Part("generator/params", kept, 1),)
        if refuses and kept + live > topology.chip.memory:
            return TooLarge(given, topology, parts, live, "too much", (0.0, 0.0))
        memory = Memory(kept, 0, 0, live, 0, topology.chip.memory)
        empty = dict.fromkeys(Measured._fields)
        return Measured(
            **empty | {"config": given, "topology": topology, "memory": memory,
                       "parts": parts}
        )  # fmt: skip

    return compile_one


def advised(given, topology, calls, **options):
    compile_one = compiler(calls, **options)
    result = compile_one(given, topology)
    calls.clear()
    return advise(given, topology, result, compile_one)


def test_what_fits_needs_no_advice():
    calls = []
    assert advised(config(), tiny(STATE + 640), calls) == ()
    assert calls == []


@pytest.mark.parametrize("refuses", [False, True])
def test_the_first_number_of_micro_batches_that_may_fit_is_tried_first(refuses):
    calls = []
    # 16 rows a device are 640 bytes; a quarter of them fits beside the state, a half not.
    trials = advised(config(), tiny(STATE + 180), calls, refuses=refuses)
    assert [dict(t.changes) for t in trials] == [{"train.microbatches": 4}]
    assert trials[-1].fits
    assert calls == [(64, 4)]
    assert trials[-1].result.memory.peak == STATE + 160


def test_micro_batches_divide_the_rows_of_a_device():
    # 9 rows a device, 360 bytes, divide by 3 and 9 alone.
    trials = advised(config(batch=36), tiny(STATE + 200), [])
    assert [dict(t.changes) for t in trials] == [{"train.microbatches": 3}]


def test_a_state_of_more_than_half_of_the_memory_is_sharded_first():
    trials = advised(config(), tiny(STATE + 50), [])
    assert [dict(t.changes) for t in trials[:2]] == [
        {"parallel.fsdp_min_size": 2**16},
        {"train.microbatches": 16},
    ]
    assert [t.fits for t in trials] == [False, True]


def test_smaller_batches_come_last():
    trials = advised(config(), tiny(STATE + 180), [], sliced=False)
    tried = [dict(t.changes) for t in trials]
    sliced = [{"train.microbatches": 4}, {"train.microbatches": 8}]
    assert tried[:2] == sliced
    assert {"parallel.fsdp_min_size": 2**16} in tried[2:]
    assert tried[-2:] == [{"train.batch_size": 32}, {"train.batch_size": 16}]
    assert [t.fits for t in trials] == [False] * (len(trials) - 1) + [True]


def test_no_more_is_tried_than_allowed():
    calls = []
    compile_one = compiler(calls)
    given = config(batch=1024)
    topology = tiny(1)
    trials = advise(given, topology, compile_one(given, topology), compile_one, limit=3)
    assert len(trials) == 3
    assert not any(trial.fits for trial in trials)


def test_a_changed_config_is_a_copy():
    given = config()
    other = changed(given, {"train.microbatches": 8, "model.remat": True})
    assert (other.train.microbatches, other.model.remat) == (8, True)
    assert (given.train.microbatches, given.model.get("remat")) == (1, None)


def test_advice_by_the_compiler_itself():
    """A ring's memory on a chip a little smaller than its batch needs."""
    given = runpy.run_path(str(CONFIGS / "ring.py"))["get_config"]("smoke")
    given.train.batch_size, given.train.steps_per_dispatch = 4096, 1
    devices = tuple(jax.devices())
    large = Topology("local", devices, tiny(2**40).chip, 8, 1)
    result = compile_for(given, large)
    halved = changed(given, {"train.microbatches": 2})
    room = (result.memory.peak + compile_for(halved, large).memory.peak) // 2
    small = large._replace(chip=tiny(room).chip)
    result = result._replace(topology=small, memory=result.memory._replace(capacity=room))
    trials = advise(given, small, result, compile_for)
    assert dict(trials[-1].changes)["train.microbatches"] in (2, 4)
    assert trials[-1].fits
    assert trials[-1].result.memory.peak <= room
