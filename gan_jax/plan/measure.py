"""What a compiled step costs a device: memory, operations, traffic, messages, time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gan_jax.plan.chips import Chip
from gan_jax.plan.hlo import Executed, Module
from gan_jax.plan.work import Message, memory_traffic, message, operations

OTHER = "other"
"""The phase of what comes before all phases."""


class Memory(NamedTuple):
    """Bytes on one device, of a program that runs.

    Attributes:
        arguments: state and batch.
        outputs: new state and metrics.
        aliased: outputs that take the place of arguments.
        temporaries: everything in between, at its largest.
        code: the program itself, where it lies in the same memory.
        capacity: what a program may use; None if unknown.
    """

    arguments: int
    outputs: int
    aliased: int
    temporaries: int
    code: int
    capacity: int | None

    @property
    def peak(self) -> int:
        """Bytes needed at once."""
        held = self.arguments + self.outputs - self.aliased
        return held + self.temporaries + self.code

    @property
    def fits(self) -> bool | None:
        """Whether the device has so much; None if that is unknown."""
        return None if self.capacity is None else self.peak <= self.capacity


def read_memory(stats: Any, capacity: int | None) -> Memory:
    """From `Compiled.memory_analysis()`."""
    return Memory(
        stats.argument_size_in_bytes,
        stats.output_size_in_bytes,
        stats.alias_size_in_bytes,
        stats.temp_size_in_bytes,
        stats.generated_code_size_in_bytes,
        capacity,
    )


_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def memory_asked(error: str) -> int | None:
    """Bytes that a compiler said it would need when it gave up; None if it did not say.

    Args:
        error: its message.
    """
    found = re.search(r"(?:[Uu]sed|required[^(]*\(|allocate) ?([\d.]+) ?([KMGT]?)", error)
    if "RESOURCE_EXHAUSTED" not in error:
        return None
    return int(float(found[1]) * _UNITS[found[2]]) if found else None


@dataclass
class Cost:
    """One instruction and all that is fused into it.

    Attributes:
        name: what it computes, as the tracer named it, or else as the compiler does.
        phase: of the game, "ema" or `OTHER`.
        part: net and direction, such as "Generator backward"; "update" for the rest.
        times: how often it runs in a run of the program.
        flops: `{dtype: operations}`, once.
        bytes: of the main memory, once.
        cycles: by the compiler's estimate, once; 0 where it gives none.
        message: what it sends, if anything.
    """

    name: str
    phase: str
    part: str
    times: float
    bytes: int
    cycles: int
    message: Message | None
    flops: dict[str, float] = field(default_factory=dict)


def costs(module: Module, phases: Mapping[str, float], devices: int) -> Iterator[Cost]:
    """Costs of all instructions, in the order of the schedule. What carries no phase's name
    belongs to the phase before it.

    Args:
        module: the compiled program.
        phases: `{phase: share of the steps it runs on}`.
        devices: number of devices of the program.
    """
    current: Cost | None = None
    phase = OTHER
    for step in module.executed({p: share for p, share in phases.items() if share < 1.0}):
        sent = message(step, devices)
        if current is None or not step.fused or sent is not None:
            if current is not None:
                yield current
            named, part = place(step, module, phases)
            phase = phase if named == OTHER else named
            current = Cost(
                step.instruction.op_name or step.instruction.name,
                phase,
                part,
                step.times,
                memory_traffic(step, module),
                0 if step.fused else step.instruction.cycles,
                sent,
            )
        dtype, count = operations(step)
        if count:
            times = step.times / current.times
            current.flops[dtype] = current.flops.get(dtype, 0.0) + count * times
    if current is not None:
        yield current


def place(step: Executed, module: Module, phases: Iterable[str]) -> tuple[str, str]:
    """Phase and part of an instruction: by its own name, those of what is fused into it,
    or of what it stands in.
    """
    names = [step.instruction.op_name]
    for called in step.instruction.called.get("calls", ()):
        inside = module.computations[called].instructions.values()
        names += [instruction.op_name for instruction in inside if instruction.op_name]
    names += [around.op_name for around in reversed(step.path)]
    known = {*phases, "ema"}
    phase = next((p for n in names for p in n.split("/") if p in known), OTHER)
    part = next((p for n in names if n and (p := part_of(n)) != "update"), "update")
    return phase, part if names[0] == "" else part_of(names[0])


def part_of(op_name: str) -> str:
    """Net and direction of an operation, by the name it was traced under."""
    again = " again" if "rematted_computation" in op_name else ""
    for scope in op_name.split("/"):
        if not scope.startswith(("jvp(", "transpose(")):
            continue
        nets = re.findall(r"[A-Z]\w*", scope)
        net = nets[0] if nets else "losses"
        if scope.startswith("transpose(") and not again:
            return f"{net} backward"
        return f"{net} forward{again}"
    return "update"


class Speed(NamedTuple):
    """Seconds that costs take on a chip, each an estimate.

    Attributes:
        compute: by the compiler's cycles where it gives them, else as `bound`.
        bound: every instruction at the peak rate or the memory's bandwidth, the slower.
        messages: every message over the links, none of it hidden behind work.
        at_peak: the operations alone, at the peak rate.
    """

    compute: float
    bound: float
    messages: float
    at_peak: float


def speed(cost: Cost, chip: Chip, per_host: int) -> Speed:
    """Seconds of one execution.

    Args:
        cost: of an instruction.
        chip: the device.
        per_host: devices on a host, beyond which messages take the network.
    """
    at_peak = seconds_at_peak(cost.flops, chip)
    bound = max(at_peak, cost.bytes / chip.bandwidth)
    compute = bound
    if chip.clock is not None:
        compute = cost.cycles / chip.clock
    if cost.message is None:
        return Speed(compute, bound, 0.0, at_peak)
    return Speed(0.0, 0.0, cost.message.sent / _rate(cost.message, chip, per_host), 0.0)


def seconds_at_peak(flops: Mapping[str, float], chip: Chip) -> float:
    """Seconds that operations take at least, `{dtype of the factors: operations}`."""
    rates = chip.flops
    return sum(n / rates.get(dtype, rates["float32"]) for dtype, n in flops.items())


def _rate(message: Message, chip: Chip, per_host: int) -> float:
    if chip.network is not None and message.group > per_host:
        return chip.network
    return chip.links
