"""The explorer's page."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from gan_jax.errors import UserError
from gan_jax.explorer.panels import SamplePanel, neighbour_panel, style_panel, walk_panel
from gan_jax.explorer.reading import curve_panel, run_panel
from gan_jax.explorer.session import Explorer
from gan_jax.explorer.tab import Tab, away, say

FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><g fill="#1f4e79">'
    '<rect width="3.5" height="3.5"/><rect x="4.5" y="4.5" width="3.5" height="3.5"/></g>'
    '<g fill="#e69f00"><rect x="4.5" width="3.5" height="3.5"/>'
    '<rect y="4.5" width="3.5" height="3.5"/></g></svg>'
)
_PANELS = ("Samples", "Walk", "Styles", "Neighbours", "Curves", "Run")


def build(explorer: Explorer) -> None:
    """The page of one tab; every tab that opens has its own."""
    ui.colors(primary="#1f4e79")
    tab = Tab(explorer, "Samples")

    def chosen(number: int) -> None:
        choose(number)
        panels.set_value("Neighbours")

    with ui.column().classes("w-full max-w-screen-xl mx-auto gap-2"):
        _heading(tab)
        with ui.tabs().props("no-caps align=left").classes("w-full") as bar:
            for name in _PANELS:
                ui.tab(name)
        with ui.tab_panels(bar, value=tab.panel, animated=False) as panels:
            panels.classes("w-full")
            with ui.tab_panel("Samples"):
                samples = SamplePanel(tab, chosen)
            with ui.tab_panel("Walk"):
                walk_panel(tab)
            with ui.tab_panel("Styles"):
                style_panel(tab)
            with ui.tab_panel("Neighbours"):
                choose = neighbour_panel(tab, samples)
            with ui.tab_panel("Curves"):
                curve_panel(tab)
            with ui.tab_panel("Run"):
                run_panel(tab)
    panels.on_value_change(lambda event: tab.open(event.value))
    ui.timer(0.0, lambda: tab.open(tab.panel), once=True)


def _heading(tab: Tab) -> None:
    """What is looked at, and the choice of the checkpoint."""
    explorer = tab.explorer
    with ui.row().classes("w-full items-center justify-between no-wrap gap-8"):
        with ui.column().classes("gap-0"):
            ui.label(explorer.path.resolve().name).classes("text-2xl")
            shape = explorer.data.image_shape
            size = " x ".join(map(str, shape)) if len(shape) == 3 else "points"
            of = "" if explorer.classes is None else f", {explorer.classes} classes"
            say(f"{explorer.config.method} · {explorer.config.data.source} · {size}{of}")
        with ui.row().classes("items-center no-wrap gap-2"):
            steps = ui.select({}, label="Checkpoint").classes("w-64")
            steps.props("outlined dense options-dense")
            again = ui.button(icon="refresh").props('flat round aria-label="Look for more"')
            again.tooltip("Look for new checkpoints")
    batch = int(explorer.config.train.batch_size)

    def look() -> None:
        there = [*explorer.checkpoints()]
        names = {step: f"step {step:,} ({step * batch:,} images)" for step in there[::-1]}
        if tab.step not in names:
            names[tab.step] = f"step {tab.step:,} (deleted since)"
        steps.set_options(names, value=tab.step)

    async def change(event: Any) -> None:
        try:
            await away(explorer.trained, event.value)
        except UserError as error:
            ui.notify(str(error), type="negative", multi_line=True, timeout=8000)
            steps.set_value(tab.step)
            return
        if event.value != tab.step:
            await tab.look_at(event.value)

    look()
    steps.on_value_change(change)
    again.on_click(look)
