"""What single instructions of a compiled program cost: operations, bytes, messages."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from gan_jax.plan.flops import valid_taps
from gan_jax.plan.hlo import Array, Computation, Executed, Instruction, Module, total_bytes

_DTYPES = {"bf16": "bfloat16", "f16": "float16", "f32": "float32", "f64": "float64"}
_FREE = {
    "after-all", "async-start", "async-update", "bitcast", "call", "conditional",
    "constant", "copy-done", "domain", "get-tuple-element", "iota", "opt-barrier",
    "optimization-barrier", "parameter", "partition-id", "replica-id", "tuple", "while",
}  # fmt: skip
"""Instructions that move nothing by themselves."""

COLLECTIVES = (
    "all-gather", "all-reduce", "all-to-all", "collective-broadcast", "collective-permute",
    "ragged-all-to-all", "reduce-scatter",
)  # fmt: skip
"""Kinds of messages between devices."""


# Operations.


def operations(step: Executed) -> tuple[str, float]:
    """Dtype of the factors, and operations, of one product or convolution; else 0."""
    instruction, computation = step.instruction, step.computation
    if instruction.opcode not in ("dot", "convolution", "custom-call"):
        return "", 0.0
    operands = [i.outputs[0] for i in computation.operands(instruction) if i.outputs]
    if len(operands) < 2 or not instruction.outputs:
        return "", 0.0
    lhs, rhs, out = operands[0], operands[1], instruction.outputs[0]
    dtype = _DTYPES.get(lhs.dtype, lhs.dtype)
    if instruction.opcode == "dot":
        return dtype, _product(lhs, out, instruction.numbers("lhs_contracting_dims"))
    if instruction.opcode == "convolution":
        return dtype, _convolution(instruction, lhs, rhs, out)
    return dtype, _library_call(instruction, lhs, rhs, out)


def _product(lhs: Array, out: Array, contracted: Sequence[int]) -> float:
    return 2.0 * out.size * math.prod(lhs.shape[axis] for axis in contracted)


def _library_call(instruction: Instruction, lhs: Array, rhs: Array, out: Array) -> float:
    """Calls of cuBLAS and cuDNN."""
    target = re.search(r'custom_call_target="([^"]*)"', instruction.text)
    name = target[1] if target else ""
    if "gemm" in name or "cublas" in name:
        found = re.search(r'"lhs_contracting_dimensions":\[([^\]]*)\]', instruction.text)
        axes = [int(n) for n in re.findall(r"\d+", found[1])] if found else []
        return _product(lhs, out, axes)
    if "convBackwardInput" in name:
        return _convolution(instruction, out, rhs, lhs)
    if "convBackwardFilter" in name:
        return _convolution(instruction, lhs, out, rhs)
    return _convolution(instruction, lhs, rhs, out) if "conv" in name else 0.0


def _convolution(instruction: Instruction, lhs: Array, rhs: Array, out: Array) -> float:
    """Of a convolution of `lhs` with the kernel `rhs`."""
    labels = re.search(r"dim_labels=(\w+)_(\w+)->(\w+)", instruction.text)
    if labels is None:
        return 0.0
    of_lhs, of_rhs, of_out = labels.groups()
    window = _window(instruction)
    taps = 1
    for axis in (c for c in of_lhs if c.isdigit()):
        place = int(axis)
        taps *= valid_taps(
            lhs.shape[of_lhs.index(axis)],
            rhs.shape[of_rhs.index(axis)],
            out.shape[of_out.index(axis)],
            window.get("stride", ())[place] if "stride" in window else 1,
            window["pad"][place] if "pad" in window else 0,
            window["lhs_dilate"][place] if "lhs_dilate" in window else 1,
            window["rhs_dilate"][place] if "rhs_dilate" in window else 1,
        )
    features = rhs.shape[of_rhs.index("i")] * rhs.shape[of_rhs.index("o")]
    groups = instruction.number("batch_group_count") or 1
    return 2.0 * (lhs.shape[of_lhs.index("b")] // groups) * features * taps


def _window(instruction: Instruction) -> dict[str, tuple[int, ...]]:
    """`{size, stride, pad, ...: value per axis}`, of padding the lower end."""
    found = re.search(r"window=\{([^}]*)\}", instruction.text)
    entries = (word.split("=") for word in found[1].split()) if found else ()
    return {
        key: tuple(int(part.split("_")[0]) for part in value.split("x"))
        for key, value in entries
    }


# Bytes.


def memory_traffic(step: Executed, module: Module) -> int:
    """Bytes that an instruction reads from and writes to the main memory, once.

    Of an operand that is only sliced, the slices are read; of a result that is updated in
    place, the update is written.
    """
    instruction = step.instruction
    if step.fused or instruction.opcode in _FREE:
        return 0
    if instruction.opcode.endswith("-done"):
        return 0
    if instruction.opcode == "copy-start":
        return total_bytes(instruction.outputs[:2])
    operands = step.computation.operands(instruction)
    if instruction.opcode in ("dynamic-slice", "slice", "gather"):
        return 2 * total_bytes(instruction.outputs)
    if instruction.opcode == "dynamic-update-slice":
        return 2 * total_bytes(operands[1].outputs)
    if instruction.opcode != "fusion" or "calls" not in instruction.called:
        read = sum(total_bytes(operand.outputs) for operand in operands)
        return read + total_bytes(instruction.outputs)
    inside = module.computations[instruction.called["calls"][0]]
    return _fusion_traffic(instruction, operands, inside)


def _fusion_traffic(
    fusion: Instruction, operands: Sequence[Instruction], inside: Computation
) -> int:
    users: dict[str, list[Instruction]] = {}
    parameters: dict[int, str] = {}
    for instruction in inside.instructions.values():
        if instruction.opcode == "parameter":
            parameters[int(instruction.value)] = instruction.name
        for name in instruction.operands:
            users.setdefault(name, []).append(instruction)
    read = 0
    for place, operand in enumerate(operands):
        uses = users.get(parameters.get(place, ""), [])
        whole = total_bytes(operand.outputs)
        parts = [_part_read(use, parameters[place]) for use in uses]
        if uses and all(part is not None for part in parts):
            whole = min(whole, sum(part for part in parts if part is not None))
        read += whole
    return read + _written(fusion, inside)


def _part_read(use: Instruction, operand: str) -> int | None:
    """Bytes that a use reads of an operand; None for all of them."""
    if use.opcode in ("dynamic-slice", "slice", "gather"):
        return sum(array.bytes for array in use.outputs)
    if use.opcode == "dynamic-update-slice" and use.operands[0] == operand:
        return 0
    return None


def _written(fusion: Instruction, inside: Computation) -> int:
    root = inside.root
    if root.opcode == "dynamic-update-slice":
        return total_bytes(inside.operands(root)[1].outputs)
    return total_bytes(fusion.outputs)


# Messages.


class Message(NamedTuple):
    """A collective.

    Attributes:
        kind: one of `COLLECTIVES`.
        arrays: what each device contributes, or receives where that is more.
        group: number of devices that take part together.
    """

    kind: str
    arrays: tuple[Array, ...]
    group: int

    @property
    def bytes(self) -> int:
        """Bytes of `arrays`."""
        return sum(array.bytes for array in self.arrays)

    @property
    def sent(self) -> float:
        """Bytes that each device sends, by the ring algorithm."""
        if self.kind == "all-reduce":
            return 2.0 * self.bytes * (self.group - 1) / self.group
        if self.kind in ("collective-permute", "collective-broadcast"):
            return float(self.bytes)
        return self.bytes * (self.group - 1) / self.group


def message(step: Executed, devices: int) -> Message | None:
    """The collective an instruction begins; None if it is none.

    Args:
        step: the instruction.
        devices: number of devices of the program, which is the group where none is named.
    """
    instruction = step.instruction
    kind = instruction.opcode.removesuffix("-start")
    if kind not in COLLECTIVES:
        return None
    given = tuple(
        array for i in step.computation.operands(instruction) for array in i.outputs
    )
    received = instruction.outputs
    if kind == "all-gather" and instruction.opcode.endswith("-start"):
        received = received[len(received) // 2 :]
    if kind == "all-gather":
        return Message(kind, received, group_size(instruction, devices))
    return Message(kind, given, group_size(instruction, devices))


def group_size(instruction: Instruction, devices: int) -> int:
    """Devices that take part in a collective together."""
    mesh = re.search(r"replica_groups=mesh\[([^\]]*)\] \{([^}]*)\}", instruction.text)
    if mesh:
        sizes = dict(re.findall(r"'([^']*)'=(\d+)", mesh[1]))
        return math.prod(int(sizes[axis]) for axis in re.findall(r"'([^']*)'", mesh[2]))
    iota = re.search(r"replica_groups=\[\d+,(\d+)\]", instruction.text)
    if iota:
        return int(iota[1])
    listed = re.search(r"replica_groups=\{\{([\d,]+)\}", instruction.text)
    return len(listed[1].split(",")) if listed else devices
