"""The panels that draw: samples, walks, styles, neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from nicegui import events, ui

from gan_jax.analysis.mixing import layer_parts
from gan_jax.explorer import show
from gan_jax.explorer.answers import Choice, Mixture, Neighbours
from gan_jax.explorer.neighbours import PIXELS
from gan_jax.explorer.session import MOST_FRAMES, MOST_MIXED, MOST_SAMPLES, Explorer
from gan_jax.explorer.tab import (
    CONTROLS,
    Job,
    Tab,
    Truncation,
    away,
    busy_line,
    class_field,
    label_of,
    number_of,
    say,
    slider,
    whole,
)
from gan_jax.metrics.extractors import OFFLINE

_FRAME_MILLISECONDS = 80
_SMALL = 64
_NO_POINTS = np.zeros((0, 2), np.float32)


class Picture:
    """A picture that can be saved."""

    def __init__(self, name: str, pixelated: bool, width: str = "48rem"):
        self._name, self._content = name, b""
        crisp = "; image-rendering: pixelated" if pixelated else ""
        self.element = ui.interactive_image().classes(name)
        self.element.style(f"width: 100%; max-width: {width}{crisp}")

    def set(self, content: bytes, kind: str = "png") -> None:
        """Shows a file's content."""
        self._content, self._kind = content, kind
        self.element.set_source(show.data_url(content, f"image/{kind}"))

    def button(self, text: str) -> None:
        """A button that saves the file."""

        def save() -> None:
            if self._content:
                ui.download.content(
                    self._content, f"{self._name}.{self._kind}", f"image/{self._kind}"
                )

        ui.button(text, icon="download", on_click=save).props("outline dense no-caps")


class SamplePanel:
    """Samples of a seed; a click on one chooses it.

    Args:
        tab: where.
        chosen: called with the number of a sample that was clicked.
    """

    def __init__(self, tab: Tab, chosen: Callable[[int], None]):
        self._tab, self._chosen, self._number = tab, chosen, 0
        explorer = tab.explorer
        with ui.row().classes("w-full no-wrap items-start gap-8"):
            with ui.column().classes(CONTROLS):
                self._seed = whole("Seed", 0)
                self._count = slider("Samples", 40, 1, MOST_SAMPLES)
                self._class = class_field(explorer, in_turn=True)
                self._truncation = Truncation(explorer)
                with ui.row().classes("gap-2"):
                    ui.button("Next seed", icon="casino", on_click=self._next).props(
                        "dense no-caps"
                    )
                if explorer.has_images:
                    say("A click on a sample shows the training images nearest to it.")
            with ui.column().classes("grow gap-2"):
                busy = busy_line()
                self._picture = Picture("samples", is_small(explorer), _width(explorer))
                self._picture.button("Save as PNG")
        self._picture.element.on_mouse(self._click)
        self._job = Job(self._draw, busy)
        for field in (self._seed, self._count, self._class):
            if field is not None:
                field.on_value_change(self._job)
        self._truncation.on_change(self._job)
        tab.add("Samples", self._job)

    @property
    def choice(self) -> Choice:
        """What the controls ask for."""
        return Choice(
            number_of(self._seed),
            number_of(self._count),
            label_of(self._class),
            self._truncation.value,
        )

    def choose(self, number: int) -> None:
        """Marks a sample."""
        self._number = number
        self._mark()

    def _next(self) -> None:
        self._seed.value = int(self._seed.value or 0) + 1

    def _columns(self, choice: Choice) -> int:
        return show.columns_of(choice.n, self._tab.explorer.classes, choice.label)

    async def _draw(self) -> None:
        explorer, choice = self._tab.explorer, self.choice
        picture = await away(_samples_png, explorer, self._tab.step, choice)
        self._picture.set(picture)
        self._tab.outdate("Neighbours")
        self._number = min(self._number, choice.n - 1)
        self._mark()

    def _mark(self) -> None:
        explorer, columns = self._tab.explorer, self._columns(self.choice)
        if not explorer.has_images:
            return
        x, y, width, height = show.frame_of(
            self._number, explorer.data.image_shape, columns
        )
        self._picture.element.set_content(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="none" '
            'stroke="#d55e00" stroke-width="2"/>'
        )

    def _click(self, event: events.MouseEventArguments) -> None:
        explorer, choice = self._tab.explorer, self.choice
        if not explorer.has_images:
            return
        number = show.place_of(
            event.image_x,
            event.image_y,
            explorer.data.image_shape,
            self._columns(choice),
            choice.n,
        )
        if number is not None:
            self.choose(number)
            self._chosen(number)


class _WalkChoice(NamedTuple):
    step: int
    seeds: tuple[int, int]
    frames: int
    path: str
    label: int | None
    truncation: float | None


def walk_panel(tab: Tab) -> None:
    """The way between two seeds, as a strip and as an animation."""
    explorer = tab.explorer
    with ui.row().classes("w-full no-wrap items-start gap-8"):
        with ui.column().classes(CONTROLS):
            first, last = whole("From seed", 0), whole("To seed", 1)
            frames = slider("Frames", 24, 2, MOST_FRAMES)
            path = ui.toggle({"slerp": "great circle", "lerp": "straight line"})
            path.set_value("slerp")
            path.props("no-caps spread").classes("w-full")
            label = class_field(explorer, in_turn=False)
            truncation = Truncation(explorer)
        with ui.column().classes("grow gap-2"):
            busy = busy_line()
            moving = Picture("walk", is_small(explorer), "16rem")
            strip = Picture("walk-strip", is_small(explorer), _width(explorer))
            with ui.row().classes("gap-2"):
                moving.button("Save as GIF")
                strip.button("Save the strip as PNG")

    async def draw() -> None:
        asked = _WalkChoice(
            tab.step,
            (number_of(first), number_of(last)),
            number_of(frames),
            path.value,
            label_of(label),
            truncation.value,
        )
        animation, pictures = await away(_walk_files, explorer, asked)
        moving.set(animation, "gif")
        strip.set(pictures)

    job = Job(draw, busy)
    for field in (first, last, frames, path, label):
        if field is not None:
            field.on_value_change(job)
    truncation.on_change(job)
    tab.add("Walk", job)


def style_panel(tab: Tab) -> None:
    """Samples with the styles of others in a range of layers, all truncated around their
    mean, where the generator has styles.
    """
    explorer = tab.explorer
    styles = explorer.styles
    if styles is None:
        say(
            "This generator has no styles to mix: its latent goes in as a whole. "
            "Style-based generators give every layer a style of its own."
        )
        return
    with ui.row().classes("w-full no-wrap items-start gap-8"):
        with ui.column().classes(CONTROLS):
            rows, columns = whole("Seed of the rows", 0), whole("Seed of the columns", 1)
            count = slider("Samples of each", 4, 1, MOST_MIXED)
            say("Layers whose styles are the columns'; the first are coarse.")
            layers = (
                ui.range(
                    min=0,
                    max=styles.layers - 1,
                    value={"min": 0, "max": len(layer_parts(styles.layers)["coarse"]) - 1},
                )
                .props("label-always markers snap")
                .classes("mt-6 px-3")
            )
            psi = slider("Truncation of styles (psi)", 1.0, -1.0, 1.0, 0.05)
            label = class_field(explorer, in_turn=True)
        with ui.column().classes("grow gap-2"):
            busy = busy_line()
            picture = Picture("styles", is_small(explorer))
            picture.button("Save as PNG")

    async def draw() -> None:
        of, seeds = label_of(label), (number_of(rows), number_of(columns))
        first, second = (Choice(seed, number_of(count), of) for seed in seeds)
        taken = tuple(range(layers.value["min"], layers.value["max"] + 1))
        asked = Mixture(first, second, taken, float(psi.value))
        mixed = await away(explorer.mixtures, tab.step, asked)
        flat = mixed.reshape(-1, *mixed.shape[2:])
        picture.set(show.png(show.picture_of(flat, mixed.shape[1], _NO_POINTS)))

    job = Job(draw, busy)
    for field in (rows, columns, count, layers, psi, label):
        if field is not None:
            field.on_value_change(job)
    tab.add("Styles", job)


def neighbour_panel(tab: Tab, samples: SamplePanel) -> Callable[[int], None]:
    """The training images nearest to the chosen sample.

    Returns:
        `(number) -> None`, which chooses another.
    """
    explorer = tab.explorer
    if not explorer.has_images:
        say("This run's examples are points; nearest neighbours are of images.")
        return lambda number: None
    with ui.row().classes("w-full no-wrap items-start gap-8"):
        with ui.column().classes(CONTROLS):
            number = whole("Sample, counted from 0", 0)
            count = slider("Neighbours", 9, 1, 30)
            features = ui.select(
                [PIXELS, *OFFLINE],
                value=PIXELS,
                label="Distances of",
                with_input=True,
                new_value_mode="add-unique",
            )
            features.classes("w-full").props("outlined dense options-dense")
            say(
                "The samples are those of the first panel. Training images are read, and "
                "their features computed, once."
            )
        with ui.column().classes("grow gap-2"):
            busy = busy_line()
            told = say("")
            cards = ui.row().classes("neighbours gap-4")

    async def find() -> None:
        asked, choice = number_of(number), samples.choice
        told.set_text("Reading the training images and their features, once.")
        found = await away(
            explorer.neighbours,
            tab.step,
            choice,
            asked,
            count=number_of(count),
            features=features.value,
        )
        samples.choose(asked)
        searched = f"the first {found.searched:,} of {found.total:,}"
        of = searched if found.searched < found.total else f"all {found.total:,}"
        told.set_text(
            f"Nearest of {of} training images, with their distances by {features.value}."
        )
        cards.clear()
        with cards:
            _neighbour_cards(explorer, found)

    job = Job(find, busy)

    async def edited() -> None:
        if tab.panel == "Neighbours":
            await job()

    for field in (number, count, features):
        field.on_value_change(edited)
    tab.add("Neighbours", job)

    def choose(chosen: int) -> None:
        number.value = chosen
        tab.outdate("Neighbours")

    return choose


def _neighbour_cards(explorer: Explorer, found: Neighbours) -> None:
    _card(explorer, found.sample, "the sample", "", "border-color: #d55e00")
    names = explorer.class_names
    for place, image in enumerate(found.images):
        label = "" if found.labels is None else names[int(found.labels[place])]
        label = f"class {label}" if label.isdecimal() else label
        distance = f"{found.distances[place]:.4g}"
        _card(
            explorer,
            image,
            f"{distance} · {label}" if label else distance,
            found.names[place],
        )


def _card(
    explorer: Explorer, image: np.ndarray, title: str, below: str, style: str = ""
) -> None:
    with ui.column().classes("gap-0").style("width: 8.5rem"):
        file = show.png(show.picture_of(image[None], 1, _NO_POINTS))
        shown = ui.image(show.data_url(file, "image/png"))
        crisp = "image-rendering: pixelated;" if is_small(explorer) else ""
        shown.style(f"width: 8.5rem; border: 3px solid transparent; {crisp} {style}")
        ui.label(title).classes("text-sm tabular-nums")
        ui.label(below).classes("text-xs text-gray-600 break-all")


def _width(explorer: Explorer) -> str:
    """Of a picture of many samples."""
    return "48rem" if explorer.has_images else "30rem"


def is_small(explorer: Explorer) -> bool:
    """Whether pixels are to be seen as such when a picture is enlarged."""
    shape = explorer.data.image_shape
    return len(shape) == 3 and max(shape[:2]) <= _SMALL


def _samples_png(explorer: Explorer, step: int, choice: Choice) -> bytes:
    examples = explorer.samples(step, choice).examples
    columns = show.columns_of(choice.n, explorer.classes, choice.label)
    return show.png(show.picture_of(examples, columns, explorer.real_points()))


def _walk_files(explorer: Explorer, asked: _WalkChoice) -> tuple[bytes, bytes]:
    examples = explorer.walk(
        asked.step,
        asked.seeds,
        asked.frames,
        path=asked.path,
        label=asked.label,
        truncation=asked.truncation,
    ).examples
    real = explorer.real_points()
    strip = show.picture_of(examples, min(12, asked.frames), real)
    return show.gif(examples, real, _FRAME_MILLISECONDS), show.png(strip)
