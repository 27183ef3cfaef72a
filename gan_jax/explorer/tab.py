"""What the panels of one open tab share: its checkpoint, its work, its controls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from nicegui import ui

from gan_jax.errors import UserError
from gan_jax.explorer.session import Explorer

_T = TypeVar("_T")
IN_TURN = -1
"""Stands for all classes in the control that asks for one."""
CONTROLS = "w-72 shrink-0 gap-4"


class Job:
    """Work that follows the controls: one at a time, and of the requests that come while it
    runs only the last, as a slider makes many.

    Args:
        work: reads the controls, computes in `away` and shows the outcome.
        busy: seen while it runs.
    """

    def __init__(self, work: Callable[[], Awaitable[None]], busy: ui.element):
        self._work, self._busy = work, busy
        self._asked = self._running = False
        busy.set_visibility(False)

    async def __call__(self, *event: Any) -> None:
        """Does the work once more, now or when it is done with the present one."""
        del event
        self._asked = True
        if self._running:
            return
        self._running = True
        self._busy.set_visibility(True)
        try:
            while self._asked:
                self._asked = False
                await self._once()
        finally:
            self._running = False
            self._busy.set_visibility(False)

    async def _once(self) -> None:
        try:
            await self._work()
        except UserError as error:
            ui.notify(str(error), type="negative", multi_line=True, timeout=8000)


class Tab:
    """One open tab. A panel's work is done when the panel is in view, so that panels that
    nobody opens cost nothing.

    Attributes:
        explorer: the run, which all tabs share.
        step: of the checkpoint that this tab looks at.
        panel: the one in view.
    """

    def __init__(self, explorer: Explorer, panel: str):
        self.explorer = explorer
        self.step = explorer.newest_step
        self.panel = panel
        self._jobs: dict[str, Job] = {}
        self._outdated: set[str] = set()

    def add(self, panel: str, job: Job) -> None:
        """Has a job done when its panel is opened, and anew at another checkpoint."""
        self._jobs[panel] = job
        self._outdated.add(panel)

    def outdate(self, panel: str) -> None:
        """Has a panel's job done again when the panel is next opened."""
        self._outdated.add(panel)

    async def open(self, panel: str) -> None:
        """Brings a panel into view."""
        self.panel = panel
        if panel in self._jobs and panel in self._outdated:
            self._outdated.discard(panel)
            await self._jobs[panel]()

    async def look_at(self, step: int) -> None:
        """Changes the checkpoint."""
        self.step = step
        self._outdated.update(self._jobs)
        await self.open(self.panel)


async def away(compute: Callable[..., _T], *arguments: Any, **named: Any) -> _T:
    """Computes beside the page, which goes on answering."""
    return await asyncio.to_thread(compute, *arguments, **named)


def busy_line() -> ui.element:
    """A thin line that moves while a panel works."""
    return ui.linear_progress(show_value=False, size="3px").props("indeterminate")


# Controls.


def whole(text: str, value: int, least: int = 0) -> ui.number:
    """A field for a whole number."""
    field = ui.number(text, value=value, min=least, step=1, precision=0)
    return field.classes("w-full").props("outlined dense")


def slider(
    text: str, value: float, least: float, most: float, step: float = 1
) -> ui.slider:
    """A slider with its name and value above."""
    with ui.column().classes("w-full gap-0"):
        with ui.row().classes("w-full justify-between"):
            ui.label(text)
            shown = ui.label().classes("tabular-nums")
        control = ui.slider(min=least, max=most, step=step, value=value)
        control.props(f'aria-label="{text}"')
        shown.bind_text_from(control, "value", lambda number: f"{number:g}")
    return control


def class_field(explorer: Explorer, *, in_turn: bool) -> ui.select | None:
    """A field for a class; None where the run has none."""
    if explorer.classes is None:
        return None
    names: dict[int, str] = {IN_TURN: "all in turn"} if in_turn else {}
    for number, name in enumerate(explorer.class_names):
        names[number] = name if name == str(number) else f"{number}: {name}"
    field = ui.select(names, value=next(iter(names)), label="Class")
    return field.classes("w-full").props("outlined dense options-dense")


def label_of(field: ui.select | None) -> int | None:
    """The class that a field asks for; None for all in turn, or where there are none."""
    return None if field is None or field.value == IN_TURN else int(field.value)


class Truncation:
    """A switch and a slider for truncation, or a sentence where there is none."""

    def __init__(self, explorer: Explorer):
        self._switch: ui.switch | None = None
        if not explorer.has_truncation:
            say("No truncation: it is for runs with recipe.prior = 'normal'.")
            return
        self._switch = ui.switch("Truncate latents")
        with ui.column().classes("w-full gap-0") as below:
            self._slider = slider("Threshold", 1.0, 0.02, 3.0, 0.02)
        below.bind_visibility_from(self._switch, "value")

    @property
    def value(self) -> float | None:
        """The threshold, or None."""
        if self._switch is None or not self._switch.value:
            return None
        return float(self._slider.value)

    def on_change(self, job: Job) -> None:
        """Has a job done when the threshold changes."""
        if self._switch is not None:
            self._switch.on_value_change(job)
            self._slider.on_value_change(job)


def say(text: str) -> ui.label:
    """A remark in small grey letters."""
    return ui.label(text).classes("text-sm text-gray-600 leading-snug")


def number_of(field: ui.number | ui.slider) -> Any:
    """What a field holds: a whole number, or what the explorer refuses."""
    value = field.value
    return int(value) if isinstance(value, float) and value.is_integer() else value
