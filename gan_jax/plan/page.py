"""A plan as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax.errors import UserError
from gan_jax.pages import COLOURS, document, table, tag
from gan_jax.plan.render import (
    change,
    chosen,
    collective_cells,
    columns,
    gib,
    gradient_lines,
    row,
    slow_cells,
    time_lines,
    work_cells,
)
from gan_jax.plan.report import Json

_STYLE = """
.bar { display: flex; height: 1.7rem; background: var(--free); border-radius: 4px;
  overflow: hidden; }
.bar span { display: block; min-width: 1px; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin: .4rem 0; padding: 0; }
.key li { list-style: none; } .key i { display: inline-block; width: .8rem;
  height: .8rem; border-radius: 2px; margin-right: .35rem; vertical-align: -1px; }
"""


class Slice(NamedTuple):
    """A share of a bar.

    Attributes:
        name: in the key.
        value: its length.
        shown: its length for people.
    """

    name: str
    value: float
    shown: str


def page(plan: Json) -> str:
    """A plan as HTML: the table of the topologies, and of each the memory, the time and the
    messages of a step.
    """
    title = f"{plan['method']}, batch {plan['batch_size']}, {plan['steps']:,} steps"
    body = [
        tag("h1", f"Plan: {title}"),
        tag("p", "Compiled ahead of time, never run: all times are estimates."),
        table([columns(), *(row(item) for item in plan["topologies"])]),
        *(part for item in plan["topologies"] for part in _section(item)),
    ]
    return document(title, body, _STYLE)


def write_page(path: str, plan: Json) -> None:
    """Writes `page(plan)`.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        Path(path).expanduser().write_text(page(plan), encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def _section(item: Json) -> list[str]:
    result, changes = chosen(item)
    kind = "" if item["device"] is None else f" ({item['device']['kind']})"
    parts = [
        tag("h2", f"{item['name']}: {item['devices']} devices{kind}"),
        *_tried(item),
    ]
    if changes:
        parts.append(tag("p", f"Below: with {change(changes)}."))
    if not result["compiled"]:
        return [*parts, tag("p", f"The compiler gave up: {result['reason']}")]
    parts += [tag("p", warning, ' class="note"') for warning in result["warnings"]]
    parts += [*_memory(item, result), *_time(result)]
    parts += [tag("h3", "Work of a step on a device"), table(work_cells(result))]
    if result["slowest"]:
        parts += [tag("h3", "Slowest instructions"), table(slow_cells(result))]
    if result["collectives"]:
        parts += [tag("h3", "Messages of a step"), table(collective_cells(result))]
        parts += [tag("p", line) for line in gradient_lines(result)]
    return parts


def _tried(item: Json) -> list[str]:
    if item["fits"]:
        return []
    rows = [
        [
            change(trial["changes"]),
            "?" if trial["peak"] is None else gib(trial["peak"]),
            "fits" if trial["fits"] else "does not fit",
        ]
        for trial in item["tried"]
    ]
    said = [tag("p", "Does not fit as configured.", ' class="note"')]
    return [*said, table([("tried", "GiB", ""), *rows])] if rows else said


def _memory(item: Json, result: Json) -> list[str]:
    """What fills the memory: the arguments by owner, the rest, and what is left."""
    memory = result["memory"]
    slices = [
        Slice(part["name"], part["bytes"], f"{gib(part['bytes'])} GiB")
        for part in result["arguments_by_part"]
    ]
    others = {
        "temporaries": memory["temporaries"],
        "outputs of their own": memory["outputs"] - memory["aliased"],
        "code": memory["code"],
    }
    slices += [Slice(n, size, f"{gib(size)} GiB") for n, size in others.items()]
    whole = memory["peak"] if item["device"] is None else item["device"]["memory"]
    free = max(whole - memory["peak"], 0)
    heading = f"Memory of a device: {gib(memory['peak'])} of {gib(whole)} GiB"
    held = [
        [entry["phase"], gib(entry["bytes"]), entry["part"]]
        for entry in result["held_by_phase"]
    ]
    return [
        tag("h3", heading),
        *_bar(slices, whole),
        tag("p", f"Free: {gib(free)} GiB."),
        tag("h3", "Temporaries at the fullest moment of each phase (estimate)"),
        table([("phase", "GiB", "during"), *held]),
    ]


def _time(result: Json) -> list[str]:
    """Where the time goes: phases and nets, and messages."""
    time = result["time"]
    if time is None:
        return []
    slices = [
        Slice(
            f"{work['phase']}: {work['part']}",
            work["seconds"],
            f"{work['seconds'] * 1e3:.3g} ms",
        )
        for work in result["work"]
    ]
    slices.append(Slice("messages", time["messages"], f"{time['messages'] * 1e3:.3g} ms"))
    rest = time["step"] - sum(part.value for part in slices)
    slices.append(Slice("beyond the roofline", rest, f"{rest * 1e3:.3g} ms"))
    heading = f"Time of a step: {time['step'] * 1e3:.4g} ms ({time['basis']})"
    return [
        tag("h3", heading),
        *_bar(slices, time["step"]),
        table([("estimate", ""), *time_lines(time)]),
    ]


def _bar(slices: Iterable[Slice], whole: float) -> list[str]:
    """A bar with its key; slices below a thousandth of it are left out."""
    kept = [part for part in slices if part.value > whole / 1000.0]
    pieces, keys = [], []
    for index, part in enumerate(kept):
        colour = f"background:{COLOURS[index % len(COLOURS)]}"
        share = min(100.0 * part.value / whole, 100.0)
        label: Any = escape(f"{part.name}: {part.shown}", quote=True)
        pieces.append(f'<span style="width:{share:.3f}%;{colour}" title="{label}"></span>')
        keys.append(f'<li><i style="{colour}"></i>{label}</li>')
    return [
        f'<div class="bar">{"".join(pieces)}</div>',
        f'<ul class="key">{"".join(keys)}</ul>',
    ]
