"""Compiles a config's step for a topology, and measures it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
from ml_collections import ConfigDict

from gan_jax.errors import UserError
from gan_jax.plan import hlo
from gan_jax.plan.chips import Chip
from gan_jax.plan.flops import total_flops
from gan_jax.plan.measure import (
    Cost,
    Memory,
    costs,
    memory_asked,
    read_memory,
    seconds_at_peak,
    speed,
)
from gan_jax.plan.program import Part, Program, shares, trace_step
from gan_jax.plan.timeline import Held, timeline
from gan_jax.plan.topology import Topology


class Row(NamedTuple):
    """A phase's work on one net, per step and device.

    Attributes:
        phase: of the game, "ema" or "other".
        part: net and direction.
        flops: operations of products and convolutions.
        bytes: of the main memory.
        seconds: estimate, without messages.
        messages: estimate of the seconds that its messages take.
    """

    phase: str
    part: str
    flops: float
    bytes: float
    seconds: float
    messages: float


class Slow(NamedTuple):
    """An instruction that takes long.

    Attributes:
        phase: where it runs.
        name: what it computes.
        times: how often it runs in a step.
        seconds: of all times, an estimate.
        flop_use: share of the peak rate.
        memory_use: share of the bandwidth of the memory.
    """

    phase: str
    name: str
    times: float
    seconds: float
    flop_use: float
    memory_use: float


class Collective(NamedTuple):
    """Messages of one kind, per step.

    Attributes:
        phase: where they are sent.
        kind: such as "all-reduce".
        dtypes: of the arrays.
        group: devices that take part together.
        sends: messages.
        elements: of all arrays of all messages, on one device.
        bytes: likewise.
        largest: elements of the largest array.
        large: elements in arrays larger than any batch statistics: gradients.
    """

    phase: str
    kind: str
    dtypes: str
    group: int
    sends: float
    elements: float
    bytes: float
    largest: int
    large: float


class Time(NamedTuple):
    """Seconds of a step; every one an estimate.

    Attributes:
        schedule: the compiler's cycles, summed over the instructions; None where the
            compiler gives none, or was not asked to look for the best ones.
        optimal: XLA's "optimal_seconds", with loops as often as they turn; None where there
            is none. It is the operations at the peak rate and, one after the other, the
            bytes at the memory's bandwidth.
        bound: the roofline bound: every instruction at the peak rate or at the bandwidth of
            the memory, the slower of the two.
        messages: of all messages over the links, as if nothing hid them.
    """

    schedule: float | None
    optimal: float | None
    bound: float
    messages: float

    @property
    def step(self) -> float:
        """The estimate that everything else follows from."""
        if self.schedule is not None:
            return self.schedule + self.messages
        return (self.bound if self.optimal is None else self.optimal) + self.messages

    @property
    def basis(self) -> str:
        """Where `step` comes from, in words."""
        if self.schedule is not None:
            return "estimate: the compiler's cycles and messages"
        if self.optimal is not None:
            return "estimate: the compiler's optimal_seconds and messages"
        return "estimate: roofline bound and messages"


class Measured(NamedTuple):
    """A step, compiled.

    Attributes:
        config: what was compiled.
        topology: what for.
        span: the steps of a run that are like it, from the first to one past the last.
        devices: devices of its mesh.
        memory: on a device.
        parts: what of the arguments belongs to whom.
        held: live bytes at the fullest moment of every phase, an estimate.
        flops: per step and device, `{dtype: operations}`, as compiled.
        needed: per step and device, as the method asks for, without any duplication.
        bytes: per step and device.
        rows: work by phase and net.
        slowest: the instructions that take longest; empty on unknown chips.
        collectives: messages by phase and kind.
        time: of a step; None if the table of chips does not have the device.
        utilisation: FLOP utilisation by `time.step`; None likewise.
        utilisation_optimal: by `time.optimal`.
        phases: `{phase: (updates per step, parameters that move)}`.
        seconds: that tracing and compiling took.
    """

    config: ConfigDict
    topology: Topology
    span: tuple[int, int]
    devices: int
    memory: Memory
    parts: tuple[Part, ...]
    held: tuple[Held, ...]
    flops: Mapping[str, float]
    needed: float
    bytes: float
    rows: tuple[Row, ...]
    slowest: tuple[Slow, ...]
    collectives: tuple[Collective, ...]
    time: Time | None
    utilisation: float | None
    utilisation_optimal: float | None
    phases: Mapping[str, tuple[float, int]]
    seconds: tuple[float, float]


class TooLarge(NamedTuple):
    """A step that the compiler refused for want of memory.

    Attributes:
        config: what was to be compiled.
        topology: what for.
        parts: what of the arguments belongs to whom.
        asked: bytes the compiler said it needs; None if it did not say.
        reason: its words.
        seconds: that tracing and compiling took.
    """

    config: ConfigDict
    topology: Topology
    parts: tuple[Part, ...]
    asked: int | None
    reason: str
    seconds: tuple[float, float]


Compile = Callable[[ConfigDict, Topology], Measured | TooLarge]

_QUICK: Any = {"exec_time_optimization_effort": -1.0}
"""Compiler options that leave out the search for each operation's fastest tiling, most of
the work of compiling for a TPU. What is computed, kept and sent stays the same; only the
cycles then mean nothing."""


def compile_for(
    config: ConfigDict, topology: Topology, stage: int = -1, *, thorough: bool = False
) -> Measured | TooLarge:
    """Compiles the step of a config for a topology.

    Args:
        config: of a run.
        topology: the devices.
        stage: see `trace_step`.
        thorough: whether TPU compilers look for the fastest tilings too, as in a run, which
            takes many times as long, and tell their cycles.

    Raises:
        UserError: the config is wrong, or cannot be split over the devices.
    """
    program = trace_step(config, topology.devices, stage)
    begin = time.monotonic()
    chip = topology.chip
    options = None
    if chip is not None and chip.clock is not None and not thorough:
        options = _QUICK
        topology = topology._replace(chip=chip._replace(clock=None))
    try:
        compiled = program.lowered.compile(options)
    except jax.errors.JaxRuntimeError as error:
        text = " ".join(str(error).split())
        if "RESOURCE_EXHAUSTED" not in text:
            raise UserError(
                f"the compiler cannot compile this for {topology.name}: {text[:500]}"
            ) from error
        spent = (program.seconds, time.monotonic() - begin)
        asked = memory_asked(text)
        return TooLarge(config, topology, program.parts, asked, text[:500], spent)
    spent = (program.seconds, time.monotonic() - begin)
    return _measure(config, topology, program, compiled, spent)


def _measure(
    config: ConfigDict,
    topology: Topology,
    program: Program,
    compiled: jax.stages.Compiled,
    spent: tuple[float, float],
) -> Measured:
    module = hlo.parse(compiled.as_text() or "")
    phases = shares(program.game)
    devices, chip = program.mesh.size, topology.chip
    found = list(costs(module, phases, devices))
    flops = _flops(found, program.steps)
    optimal = _optimal(compiled, found, chip, program.steps)
    spans = _time(found, topology, optimal, program.steps)
    at_peak = None if chip is None else seconds_at_peak(flops, chip)
    return Measured(
        config=config,
        topology=topology,
        span=program.span,
        devices=devices,
        memory=read_memory(compiled.memory_analysis(), _capacity(topology)),
        parts=program.parts,
        held=timeline(module, phases),
        flops=flops,
        needed=total_flops(program.flops) / devices / program.steps,
        bytes=sum(cost.bytes * cost.times for cost in found) / program.steps,
        rows=_rows(found, topology, program.steps),
        slowest=_slowest(found, topology, program.steps),
        collectives=_collectives(found, program),
        time=spans,
        utilisation=None if spans is None or at_peak is None else at_peak / spans.step,
        utilisation_optimal=(
            None if at_peak is None or optimal is None else at_peak / optimal
        ),
        phases=_updates(program),
        seconds=spent,
    )


def _capacity(topology: Topology) -> int | None:
    return None if topology.chip is None else topology.chip.memory


def _per_host(topology: Topology) -> int:
    return len(topology.devices) // topology.hosts


def _rows(found: list[Cost], topology: Topology, steps: int) -> tuple[Row, ...]:
    """Costs by phase and part, the longest first."""
    rows: dict[tuple[str, str], Row] = {}
    for cost in found:
        key = (cost.phase, cost.part)
        row = rows.get(key, Row(*key, 0.0, 0.0, 0.0, 0.0))
        times, seconds, messages = cost.times / steps, 0.0, 0.0
        if topology.chip is not None:
            taken = speed(cost, topology.chip, _per_host(topology))
            seconds, messages = taken.compute, taken.messages
        rows[key] = row._replace(
            flops=row.flops + times * sum(cost.flops.values()),
            bytes=row.bytes + times * cost.bytes,
            seconds=row.seconds + times * seconds,
            messages=row.messages + times * messages,
        )
    kept = [row for row in rows.values() if row.flops + row.bytes + row.messages > 0.0]
    return tuple(sorted(kept, key=lambda row: (-row.seconds, -row.flops)))


def _slowest(found: list[Cost], topology: Topology, steps: int) -> tuple[Slow, ...]:
    """The ten instructions that take longest."""
    chip = topology.chip
    if chip is None:
        return ()
    slow = []
    for cost in found:
        taken = speed(cost, chip, _per_host(topology))
        if taken.compute > 0.0:
            times = cost.times / steps
            slow.append(
                Slow(
                    cost.phase,
                    cost.name,
                    times,
                    times * taken.compute,
                    taken.at_peak / taken.compute,
                    cost.bytes / chip.bandwidth / taken.compute,
                )
            )
    return tuple(sorted(slow, key=lambda item: -item.seconds)[:10])


def _flops(found: list[Cost], steps: int) -> dict[str, float]:
    flops: dict[str, float] = {}
    for cost in found:
        for dtype, count in cost.flops.items():
            flops[dtype] = flops.get(dtype, 0.0) + count * cost.times / steps
    return flops


def _optimal(
    compiled: jax.stages.Compiled, found: list[Cost], chip: Chip | None, steps: int
) -> float | None:
    """XLA's estimate counts a loop's body once; its share of the work says how much of the
    time that is.
    """
    analysis: Any = compiled.cost_analysis() or {}
    seconds = analysis.get("optimal_seconds", 0.0)
    if seconds <= 0.0 or chip is None:
        return None
    once = [(c, seconds_at_peak(c.flops, chip) + c.bytes / chip.bandwidth) for c in found]
    looped = sum(spent * cost.times for cost, spent in once)
    return float(seconds) * looped / sum(spent for _, spent in once) / steps


def _time(
    found: list[Cost], topology: Topology, optimal: float | None, steps: int
) -> Time | None:
    chip = topology.chip
    if chip is None:
        return None
    taken = [(c.times / steps, speed(c, chip, _per_host(topology))) for c in found]
    schedule = sum(times * seconds.compute for times, seconds in taken)
    return Time(
        schedule if chip.clock is not None else None,
        optimal,
        sum(times * seconds.bound for times, seconds in taken),
        sum(times * seconds.messages for times, seconds in taken),
    )


def _collectives(found: list[Cost], program: Program) -> tuple[Collective, ...]:
    """Messages by phase, kind, types and group, the largest first."""
    groups: dict[tuple[str, str, str, int], Collective] = {}
    for cost in found:
        sent, times = cost.message, cost.times / program.steps
        if sent is None:
            continue
        dtypes = ", ".join(sorted({array.dtype for array in sent.arrays}))
        key = (cost.phase, sent.kind, dtypes, sent.group)
        old = groups.get(key, Collective(*key, 0.0, 0.0, 0.0, 0, 0.0))
        sizes = [array.size for array in sent.arrays]
        gradients = [size for size in sizes if size > max(program.statistics, 1)]
        groups[key] = old._replace(
            sends=old.sends + times,
            elements=old.elements + times * sum(sizes),
            bytes=old.bytes + times * sent.bytes,
            largest=max(old.largest, *sizes),
            large=old.large + times * sum(gradients),
        )
    return tuple(sorted(groups.values(), key=lambda group: -group.bytes))


def _updates(program: Program) -> dict[str, tuple[float, int]]:
    return {
        phase.name: (
            phase.repeat / phase.every,
            sum(program.parameters[mover] for mover in phase.movers),
        )
        for phase in program.game.phases
    }
