"""Reads the text of a compiled program: its instructions, and how often each runs.

XLA's own `cost_analysis` counts the body of a loop once. Here a body counts as often as the
loop turns: known from XLA's annotation on CPU and GPU, from the loop's condition on TPU.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from gan_jax.plan.flops import taken

_BITS = {"pred": 8, "token": 0, "opaque": 0}
_ARRAY = re.compile(r"\b([a-z]+[0-9a-z]*)\[([0-9,<=]*)\](\{[^{}]*\})?")
_COMMENT = re.compile(r"/\*.*?\*/")
_HEAD = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$")
_LINE = re.compile(r"^\s+(ROOT )?%?([\w.\-]+) = ")
_NAME = re.compile(r"%([\w.\-]+)")
_CALLED = re.compile(
    r"\b(calls|body|condition|to_apply|true_computation|false_computation|"
    r"branch_computations|called_computations)=(\{[^}]*\}|%[\w.\-]+)"
)
_RUNS = {"fusion", "call", "while", "conditional", "custom-call", "async-start"}
"""Instructions whose computations are work; others apply theirs to single elements."""


class Array(NamedTuple):
    """An array of the program.

    Attributes:
        dtype: as XLA calls it, such as "f32".
        shape: on one device.
        on_chip: whether it lies in a memory nearer than the device's main one.
    """

    dtype: str
    shape: tuple[int, ...]
    on_chip: bool = False

    @property
    def size(self) -> int:
        """Number of elements."""
        count = 1
        for length in self.shape:
            count *= length
        return count

    @property
    def bytes(self) -> int:
        """Without padding."""
        digits = re.search(r"\d+", self.dtype)
        bits = _BITS.get(self.dtype, int(digits[0]) if digits else 8)
        return -(-self.size * bits // 8)


@dataclass
class Instruction:
    """One line of a computation.

    Attributes:
        name: unique in the program.
        opcode: such as "fusion".
        outputs: the arrays of the result, of a tuple in order.
        operands: names of instructions.
        text: everything after the operands.
        value: the operands as written, for constants.
        root: whether it is its computation's result.
    """

    name: str
    opcode: str
    outputs: tuple[Array, ...]
    operands: tuple[str, ...]
    text: str
    value: str
    root: bool

    @cached_property
    def called(self) -> Mapping[str, tuple[str, ...]]:
        """`{attribute: computations}`."""
        found = _CALLED.findall(self.text)
        return {key: tuple(_NAME.findall(names)) for key, names in found}

    @cached_property
    def op_name(self) -> str:
        """Where it comes from, as the tracer named it; "" if unknown."""
        found = re.search(r'op_name="([^"]*)"', self.text)
        return found[1] if found else ""

    @cached_property
    def cycles(self) -> int:
        """The compiler's estimate of cycles, where it gives one."""
        found = re.search(r'"estimated_cycles":"(\d+)"', self.text)
        return int(found[1]) if found else 0

    def number(self, attribute: str) -> int | None:
        """A whole number among the attributes."""
        found = re.search(rf"\b{attribute}=(\d+)", self.text)
        return int(found[1]) if found else None

    def numbers(self, attribute: str) -> tuple[int, ...]:
        """Whole numbers in braces among the attributes."""
        found = re.search(rf"\b{attribute}=\{{([\d,]*)\}}", self.text)
        return tuple(int(n) for n in found[1].split(",") if n) if found else ()


@dataclass
class Computation:
    """Instructions in the order of the schedule.

    Attributes:
        name: unique in the program.
        instructions: by name.
    """

    name: str
    instructions: dict[str, Instruction] = field(default_factory=dict)

    @property
    def root(self) -> Instruction:
        """The instruction whose result is the computation's."""
        return next(i for i in self.instructions.values() if i.root)

    def operands(self, instruction: Instruction) -> list[Instruction]:
        """The instructions whose results an instruction uses."""
        return [
            self.instructions[n] for n in instruction.operands if n in self.instructions
        ]


class Executed(NamedTuple):
    """An instruction in its place.

    Attributes:
        instruction: the instruction.
        computation: what it stands in.
        times: how often a run of the program executes it.
        fused: whether it is a part of a larger instruction.
        path: names of the instructions around it, from the outermost.
    """

    instruction: Instruction
    computation: Computation
    times: float
    fused: bool
    path: tuple[Instruction, ...]


@dataclass
class Module:
    """A program.

    Attributes:
        computations: by name.
        entry: where it begins.
    """

    computations: dict[str, Computation]
    entry: Computation

    def executed(self, shares: Mapping[str, float] | None = None) -> Iterator[Executed]:
        """All instructions, with how often each runs.

        Args:
            shares: `{scope: share}`, how often a branch in a named scope is taken; 1
                elsewhere, and then for the longest branch alone.
        """
        yield from self._walk(self.entry, 1.0, False, (), shares or {})

    def _walk(
        self,
        computation: Computation,
        times: float,
        fused: bool,
        path: tuple[Instruction, ...],
        shares: Mapping[str, float],
    ) -> Iterator[Executed]:
        for instruction in computation.instructions.values():
            yield Executed(instruction, computation, times, fused, path)
            if instruction.opcode not in _RUNS:
                continue
            inside = fused or instruction.opcode in ("fusion", "custom-call")
            share, rest = 1.0, shares
            if instruction.opcode == "conditional":
                share, rest = taken(instruction.op_name.split("/"), shares)
            for name, often in self._bodies(instruction, computation):
                inner, deeper = self.computations[name], (*path, instruction)
                each = times * share * often
                yield from self._walk(inner, each, inside, deeper, rest)

    def _bodies(
        self, instruction: Instruction, around: Computation
    ) -> list[tuple[str, float]]:
        """Computations that an instruction runs, and how often where it runs."""
        called = instruction.called
        if instruction.opcode == "while":
            return [(called["body"][0], float(self.trips(instruction, around) or 1))]
        if instruction.opcode == "conditional":
            names = called.get("branch_computations") or (
                *called["true_computation"],
                *called["false_computation"],
            )
            return [(max(names, key=self.length), 1.0)]
        return [(name, 1.0) for names in called.values() for name in names]

    def length(self, name: str) -> int:
        """Number of instructions in a computation and those it runs, each counted once."""
        total = 0
        for instruction in self.computations[name].instructions.values():
            total += 1
            if instruction.opcode in _RUNS:
                inner = [n for names in instruction.called.values() for n in names]
                total += sum(self.length(n) for n in inner)
        return total

    def trips(self, loop: Instruction, around: Computation) -> int | None:
        """Turns of a loop that counts up from 0; None if that cannot be seen."""
        known = re.search(r'"known_trip_count":\{"n":"(\d+)"\}', loop.text)
        if known:
            return int(known[1])
        condition = self.computations[loop.called["condition"][0]]
        bounds = [
            bound
            for end in condition.operands(condition.root)
            if (bound := self._bound(end, loop, around)) is not None
        ]
        return bounds[0] if len(bounds) == 1 else None

    def _bound(
        self, end: Instruction, loop: Instruction, around: Computation
    ) -> int | None:
        """The number an operand of the condition stands for: a constant, there or among
        what the loop carries unchanged.
        """
        if end.opcode == "constant":
            return int(end.value)
        index = end.number("index") if end.opcode == "get-tuple-element" else None
        body = self.computations[loop.called["body"][0]]
        if index is None or body.root.opcode != "tuple":
            return None
        kept = body.instructions.get(body.root.operands[index])
        if kept is None or kept.opcode != "get-tuple-element":
            return None
        (start,) = around.operands(loop)
        if kept.number("index") != index or start.opcode != "tuple":
            return None
        return _constant(around, start.operands[index])


def _constant(computation: Computation, name: str) -> int | None:
    """The whole number an instruction copies; None if it is none."""
    instruction = computation.instructions.get(name)
    while instruction is not None and instruction.opcode == "copy":
        instruction = computation.instructions.get(instruction.operands[0])
    if instruction is None or instruction.opcode != "constant":
        return None
    return int(instruction.value) if re.fullmatch(r"-?\d+", instruction.value) else None


def parse(text: str) -> Module:
    """Parses `Compiled.as_text()`.

    Raises:
        ValueError: the text has no entry computation.
    """
    computations: dict[str, Computation] = {}
    entry = current = None
    for line in text.splitlines():
        if line.endswith("{") and (head := _HEAD.match(line)):
            current = computations[head[2]] = Computation(head[2])
            entry = current if head[1] else entry
        elif current is not None and (match := _LINE.match(line)):
            instruction = _instruction(line[match.end() :], match[2], bool(match[1]))
            current.instructions[instruction.name] = instruction
    if entry is None:
        raise ValueError("the text of the program has no ENTRY computation")
    return Module(computations, entry)


def _instruction(line: str, name: str, root: bool) -> Instruction:
    line = _COMMENT.sub("", line)
    end = _closing(line, 0) if line.startswith("(") else line.index(" ")
    begin = line.index("(", end)
    close = _closing(line, begin)
    operands = line[begin + 1 : close - 1]
    return Instruction(
        name,
        line[end:begin].strip(),
        arrays(line[:end]),
        tuple(_NAME.findall(operands)),
        line[close:],
        operands,
        root,
    )


def _closing(text: str, begin: int) -> int:
    """The place after the parenthesis that closes the one at `begin`."""
    depth = 0
    for match in re.compile(r"[()]").finditer(text, begin):
        depth += 1 if match[0] == "(" else -1
        if depth == 0:
            return match.end()
    raise ValueError(f"unbalanced parentheses in {text[begin : begin + 80]!r}")


def arrays(text: str) -> tuple[Array, ...]:
    """The arrays of a shape as XLA writes it."""
    return tuple(
        Array(
            dtype,
            tuple(int(n.lstrip("<=")) for n in dims.split(",") if n),
            on_chip=re.search(r"S\([1-9]\d*\)", layout or "") is not None,
        )
        for dtype, dims, layout in _ARRAY.findall(text)
    )


def total_bytes(items: Sequence[Array]) -> int:
    """Bytes of arrays in the device's main memory."""
    return sum(array.bytes for array in items if not array.on_chip)
