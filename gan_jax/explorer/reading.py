"""The panels that read what a run has written: curves, and the run itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nicegui import ui

from gan_jax.explorer import curves, show
from gan_jax.explorer.curves import Curve
from gan_jax.explorer.panels import is_small
from gan_jax.explorer.tab import Job, Tab, away, busy_line, say


def curve_panel(tab: Tab) -> None:
    """Losses, and any other number, against images seen; read anew on demand."""
    path = tab.explorer.path
    busy = busy_line()
    with ui.row().classes("w-full items-center gap-4"):
        again = ui.button("Read again", icon="refresh").props("outline dense no-caps")
        told = say("")
    ui.label("Losses of the phases").classes("text-lg")
    losses = ui.echart(_options([])).classes("losses w-full h-72")
    ui.label("Scores and other numbers").classes("text-lg")
    choice = ui.select([], label="Shown", multiple=True)
    choice.classes("w-full").props("outlined dense options-dense use-chips")
    others = ui.echart(_options([])).classes("others w-full h-72")

    async def read() -> None:
        known = await away(curves.training_curves, path)
        measured = await away(curves.evaluation_curves, path)
        shown = [known[name] for name in curves.losses_of(known)]
        every = measured | {name: known[name] for name in curves.others_of(known)}
        choice.set_options(list(every))
        kept = [name for name in choice.value or () if name in every]
        choice.set_value(kept or list(every)[:1])
        _draw(losses, shown)
        _draw(others, [every[name] for name in choice.value])
        told.set_text(_told([*shown, *(every[name] for name in choice.value)]))

    job = Job(read, busy)
    again.on_click(job)
    choice.on_value_change(job)
    tab.add("Curves", job)


def _told(drawn: Sequence[Curve]) -> str:
    """How far the curves go, and what of them cannot be drawn."""
    if not drawn:
        return "The run has written no numbers yet."
    last = max((curve.images_seen[-1] for curve in drawn if curve.images_seen), default=0)
    lost = sum(curve.left_out for curve in drawn)
    more = f"; {lost:,} values are not finite and left out" if lost else ""
    return f"Up to {last:,} images seen{more}."


def _draw(chart: ui.echart, drawn: Sequence[Curve]) -> None:
    chart.options.clear()
    chart.options.update(_options(drawn))
    chart.update()


def _options(drawn: Sequence[Curve]) -> dict[str, Any]:
    """A line chart of curves."""
    return {
        "animation": False,
        "color": ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"],
        "tooltip": {"trigger": "axis"},
        "legend": {"type": "scroll", "top": 0},
        "grid": {"left": 8, "right": 32, "top": 36, "bottom": 32, "containLabel": True},
        "xAxis": {
            "type": "value",
            "name": "images seen",
            "nameLocation": "middle",
            "nameGap": 28,
        },
        "yAxis": {"type": "value", "scale": True},
        "series": [
            {
                "type": "line",
                "name": curve.name,
                "showSymbol": len(curve.values) < 30,
                "data": list(zip(curve.images_seen, curve.values, strict=True)),
            }
            for curve in drawn
        ],
    }


def run_panel(tab: Tab) -> None:
    """The newest sample grid, what the checkpoint is, and the config."""
    explorer = tab.explorer
    busy = busy_line()
    with ui.row().classes("w-full no-wrap items-start gap-8"):
        with ui.column().classes("grow basis-0 gap-2"):
            with ui.row().classes("items-center gap-4"):
                again = ui.button("Read again", icon="refresh")
                again.props("outline dense no-caps")
                told = say("")
            crisp = "image-rendering: pixelated;" if is_small(explorer) else ""
            grid = ui.image().classes("newest-grid w-full")
            grid.style(f"max-width: 48rem; {crisp}")
        with ui.column().classes("grow basis-0 gap-2"):
            facts = ui.column().classes("gap-1")
            ui.label("Config").classes("text-lg")
            settings = json.dumps(explorer.settings(), indent=2)
            ui.code(settings, language="json").classes("w-full max-h-96 overflow-auto")

    async def read() -> None:
        known = await away(explorer.facts, tab.step)
        facts.clear()
        with facts:
            for name, value in known.items():
                _fact(name, value)
        newest = await away(curves.newest_grid, explorer.path)
        grid.set_visibility(newest is not None)
        if newest is None:
            told.set_text("The run has drawn no samples yet.")
            return
        file, step = newest
        content = await away(file.read_bytes)
        grid.set_source(show.data_url(content, "image/png"))
        told.set_text(f"Newest sample grid of the run: step {step:,}.")

    job = Job(read, busy)
    again.on_click(job)
    tab.add("Run", job)


def _fact(name: str, value: Any) -> None:
    shown = f"{value:,}" if isinstance(value, int) else str(value)
    with ui.row().classes("no-wrap gap-3"):
        ui.label(name).classes("w-28 shrink-0 text-gray-600")
        ui.label(shown).classes("break-all")
