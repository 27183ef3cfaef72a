"""A plan as text for people, and the tables that the page shows too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gan_jax.plan.chips import GIB
from gan_jax.plan.compiled import Collective, Row, Slow
from gan_jax.plan.report import Json


def text(plan: Json) -> str:
    """A plan for people: a table of the topologies, then each of them."""
    microbatches = plan["microbatches"]
    split = f" in {microbatches} micro-batches" if microbatches > 1 else ""
    title = (
        f"{plan['method']}, batch {plan['batch_size']}{split}, {plan['steps']:,} steps. "
        "Nothing was run: all times are estimates."
    )
    lines = [title, "", *_table(plan["topologies"])]
    for item in plan["topologies"]:
        lines += ["", *_details(item)]
    return "\n".join(lines)


_COLUMNS = (
    "topology", "chips", "change", "GiB: state + batch", "temporaries", "peak", "of",
    "TFLOP", "ms a step", "FLOP use", "images/s", "hours", "chip-hours",
)  # fmt: skip


def chosen(item: Json) -> tuple[Json, Mapping[str, Any]]:
    """The result to show of a topology, and what was changed for it."""
    if item["fitting"] is not None:
        return item["fitting"]["result"], item["fitting"]["changes"]
    return item["as_configured"], {}


def row(item: Json) -> list[str]:
    """A topology in one line, as `COLUMNS` has it."""
    result, changes = chosen(item)
    capacity = None if item["device"] is None else item["device"]["memory"]
    of = "?" if capacity is None else gib(capacity)
    known = [item["name"], str(item["chips"]), change(changes)]
    state = sum(part["bytes"] for part in result["arguments_by_part"])
    if not result["compiled"]:
        asked = "?" if result["asked"] is None else gib(result["asked"])
        return [*known, gib(state), asked, "too much", of, *("-",) * 6]
    memory, time = result["memory"], result["time"]
    verdict = gib(memory["peak"]) + ("" if memory["fits"] is not False else " too much")
    cells = [*known, gib(memory["arguments"]), gib(memory["temporaries"]), verdict, of]
    cells.append(f"{sum(result['flops'].values()) / 1e12:.3g}")
    if time is None:
        return [*cells, *("-",) * 5]
    return [
        *cells,
        f"{time['step'] * 1e3:.4g}",
        f"{time['utilisation']:.2f}",
        f"{time['images_per_second']:,.0f}",
        f"{time['hours']:,.3g}",
        f"{time['chip_hours']:,.4g}",
    ]


def columns() -> tuple[str, ...]:
    """Headings of the table."""
    return _COLUMNS


def _table(items: Sequence[Json]) -> list[str]:
    return aligned([_COLUMNS, *(row(item) for item in items)])


def aligned(cells: Sequence[Sequence[str]], indent: str = "") -> list[str]:
    """Lines of columns, the first flush left."""
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    return [
        indent
        + "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]


def _details(item: Json) -> list[str]:
    result, changes = chosen(item)
    heading = f"{item['name']}: {item['devices']} devices on {item['hosts']} hosts"
    if changes:
        heading += f", with {change(changes)}"
    spent = result["tracing_seconds"] + result["compiling_seconds"]
    lines = [f"{heading}; compiled in {spent:.0f} s", *_tried(item)]
    if not result["compiled"]:
        return [*lines, f"  the compiler gave up: {result['reason']}"]
    lines += _memory_lines(result)
    if result["time"] is not None:
        lines += _time_lines(result["time"])
    lines += ["  work of a step on a device", *aligned(work_cells(result), "    ")]
    if result["slowest"]:
        lines += ["  slowest instructions", *aligned(slow_cells(result), "    ")]
    if result["collectives"]:
        lines += ["  messages of a step", *aligned(collective_cells(result), "    ")]
        lines += [f"  {line}" for line in gradient_lines(result)]
    return [*lines, *(f"  note: {warning}" for warning in result["warnings"])]


def _tried(item: Json) -> list[str]:
    if item["as_configured"]["compiled"] and item["fits"]:
        return []
    lines = ["  does not fit as configured; tried"]
    for trial in item["tried"]:
        peak = "?" if trial["peak"] is None else f"{gib(trial['peak'])} GiB"
        verdict = "fits" if trial["fits"] else "does not fit"
        lines.append(f"    {change(trial['changes'])}: {peak}, {verdict}")
    return lines if item["tried"] else [lines[0].replace("; tried", "")]


def _memory_lines(result: Json) -> list[str]:
    parts = ", ".join(
        f"{part['name']} {gib(part['bytes'])}"
        for part in result["arguments_by_part"]
        if part["bytes"] > 0.005 * GIB
    )
    held = ", ".join(
        f"{held['phase']} {gib(held['bytes'])} ({held['part']})"
        for held in result["held_by_phase"]
        if held["phase"] != "other"
    )
    memory = result["memory"]
    total = ", ".join(
        f"{name} {gib(memory[name])}"
        for name in ("arguments", "outputs", "aliased", "temporaries", "code", "peak")
    )
    return [
        f"  GiB on a device: {total}",
        *([f"    arguments: {parts}"] if parts else []),
        *([f"    temporaries at the fullest moment (estimate): {held}"] if held else []),
    ]


def time_lines(time: Json) -> list[tuple[str, str]]:
    """Each estimate of the time with its name."""
    named = [
        ("schedule", "the compiler's cycles"),
        ("optimal", "the compiler's optimal_seconds"),
        ("bound", "roofline bound"),
        ("messages", "messages over the links"),
    ]
    return [
        (f"{name} (estimate)", f"{time[key] * 1e3:.4g} ms")
        for key, name in named
        if time[key] is not None
    ]


def _time_lines(time: Json) -> list[str]:
    said = [f"{name} {value}" for name, value in time_lines(time)]
    if time["utilisation_optimal"] is not None:
        said.append(f"FLOP use by optimal_seconds {time['utilisation_optimal']:.3f}")
    return [f"  time of a step: {'; '.join(said)}"]


def work_cells(result: Json) -> list[list[str]]:
    """The work by phase and net."""
    cells = [["phase", "part", "TFLOP", "GB", "ms", "messages ms"]]
    for line in result["work"]:
        work = Row(**line)
        cells.append(
            [
                work.phase,
                work.part,
                f"{work.flops / 1e12:.4g}",
                f"{work.bytes / 1e9:.3g}",
                f"{work.seconds * 1e3:.4g}",
                f"{work.messages * 1e3:.3g}",
            ]
        )
    return cells


def slow_cells(result: Json) -> list[list[str]]:
    """The instructions that take longest."""
    cells = [["what", "phase", "times", "ms", "FLOP use", "memory use"]]
    for line in result["slowest"]:
        slow = Slow(**line)
        cells.append(
            [
                short(slow.name, slow.phase),
                slow.phase,
                f"{slow.times:g}",
                f"{slow.seconds * 1e3:.4g}",
                f"{slow.flop_use:.2f}",
                f"{slow.memory_use:.2f}",
            ]
        )
    return cells


_FRAMES = {"while", "body", "closed_call"}


def short(name: str, phase: str) -> str:
    """A traced name without what the tracer wraps around it."""
    words = [word for word in name.split("/") if word not in _FRAMES | {phase}]
    kept = [w for w in words if not w.startswith("jit(") and "._" not in w]
    return "/".join(kept or words)[-70:]


def collective_cells(result: Json) -> list[list[str]]:
    """The messages by phase and kind."""
    cells = [["phase", "kind", "type", "group", "count", "elements", "MB", "largest"]]
    for line in result["collectives"]:
        sent = Collective(**line)
        cells.append(
            [
                sent.phase,
                sent.kind,
                sent.dtypes,
                str(sent.group),
                f"{sent.sends:g}",
                f"{sent.elements:,.0f}",
                f"{sent.bytes / 1e6:.4g}",
                f"{sent.largest:,}",
            ]
        )
    return cells


def gradient_lines(result: Json) -> Iterable[str]:
    """What of the messages are gradients."""
    return [
        f"gradients of {g['phase']}: {g['reduced_per_update']:,.0f} elements of "
        f"{g['parameters']:,} parameters at each of {g['updates']:g} updates, in "
        f"{', '.join(g['dtypes']) or 'no message'}"
        for g in result["gradients"]
    ]


def gib(count: float) -> str:
    """Bytes in GiB."""
    return f"{count / GIB:.2f}"


def change(changes: Mapping[str, Any]) -> str:
    """Changes as they are written on the command line, but for the dashes."""
    return " ".join(f"{name}={value}" for name, value in changes.items()) or "-"
