"""How full a device's memory is as a step goes on, from the schedule of its program.

An estimate: arrays live from the instruction that makes them to the last that uses them, as
in XLA's own assignment, but without its padding, alignment and reuse in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from gan_jax.plan.hlo import Computation, Executed, Instruction, Module, total_bytes
from gan_jax.plan.measure import OTHER, place

_VIEWS = {
    "after-all", "bitcast", "constant", "copy-done", "get-tuple-element", "opt-barrier",
    "optimization-barrier", "parameter", "tuple", "while", "conditional", "call",
}  # fmt: skip
"""Instructions whose results lie where their operands do."""


class Held(NamedTuple):
    """A phase's fullest moment.

    Attributes:
        phase: of the game.
        bytes: of temporaries that live then.
        part: what runs then.
    """

    phase: str
    bytes: int
    part: str


def timeline(module: Module, phases: Mapping[str, float]) -> tuple[Held, ...]:
    """The fullest moment of every phase, in order of their size.

    Args:
        module: the compiled program.
        phases: the names of the game's phases.
    """
    best: dict[str, Held] = {}
    phase = OTHER
    for step, live in _moments(module, module.entry, 0, ()):
        found, part = place(step, module, phases)
        phase = phase if found == OTHER else found
        if phase not in best or live > best[phase].bytes:
            best[phase] = Held(phase, live, part)
    return tuple(sorted(best.values(), key=lambda held: -held.bytes))


def _moments(
    module: Module, computation: Computation, outside: int, path: tuple[Instruction, ...]
) -> Iterator[tuple[Executed, int]]:
    """Every instruction, with the bytes that live while it runs."""
    order = list(computation.instructions.values())
    ends = _last_uses(order)
    live = outside
    for index, instruction in enumerate(order):
        live += _made(instruction)
        step = Executed(instruction, computation, 1.0, False, path)
        yield step, live
        for name in _inside(instruction):
            inner = module.computations[name]
            yield from _moments(module, inner, live, (*path, instruction))
        live -= sum(_made(computation.instructions[name]) for name in ends.get(index, ()))


def _inside(instruction: Instruction) -> Iterable[str]:
    if instruction.opcode == "while":
        return instruction.called["body"]
    if instruction.opcode in ("conditional", "call"):
        return [name for names in instruction.called.values() for name in names]
    return ()


def _made(instruction: Instruction) -> int:
    """Bytes of a result that lies in a place of its own."""
    if instruction.opcode in _VIEWS or instruction.opcode.endswith("-done"):
        return 0
    if instruction.opcode == "copy-start":
        return total_bytes(instruction.outputs[:1])
    return total_bytes(instruction.outputs)


def _last_uses(order: list[Instruction]) -> dict[int, list[str]]:
    """`{index: names of those that are used there for the last time}`; views prolong what
    they view.
    """
    source: dict[str, frozenset[str]] = {}
    last: dict[str, int] = {}
    for index, instruction in enumerate(order):
        seen = frozenset[str]()
        for name in instruction.operands:
            seen |= source.get(name, frozenset())
        for name in seen:
            last[name] = index
        own = frozenset([instruction.name]) if _made(instruction) else frozenset()
        views = instruction.opcode in _VIEWS or instruction.opcode.endswith("-done")
        source[instruction.name] = (seen if views else frozenset()) | own
        if own:
            last[instruction.name] = index
        if instruction.root:
            for name in source[instruction.name] | seen:
                last[name] = len(order)
    ends: dict[int, list[str]] = {}
    for name, index in last.items():
        ends.setdefault(index, []).append(name)
    return ends
