"""Curves as SVG: axes, ticks, a legend, and titles that say what lies under the pointer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 440, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 10, 44
_LETTER = 7.2  # width of one in a legend, about
_LINE = 20
_DASHES = ("", "7 4", "2 3", "9 3 2 3")

LIGHT = (
    "#0060a0",
    "#b34700",
    "#00795a",
    "#a03a7c",
    "#6f4fc0",
    "#7a5c00",
    "#b3261e",
    "#4d5a66",
)
DARK = (
    "#6db7ff",
    "#ff9d5c",
    "#3fd0a4",
    "#f08cc8",
    "#b9a0ff",
    "#e0c050",
    "#ff8a80",
    "#b4c0cc",
)
"""Colours of series, with a contrast of at least 4.5 to their background."""
BACKGROUNDS = ("#ffffff", "#121212")


class Series(NamedTuple):
    """A line of a chart.

    Attributes:
        name: in the legend; series of one name share an entry there.
        points: (x, y), joined in this order; at least one.
        colour: number of the name, from 0; from -1 downwards of grey lines, which are not
            the runs' own.
        notes: shown with each point, beside its numbers; none if empty.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    colour: int
    notes: tuple[str, ...] = ()


class Chart(NamedTuple):
    """Series over one axis.

    Attributes:
        title: for readers that do not see it.
        x: what the horizontal axis is, with its unit.
        series: at least one.
        y: what the vertical axis is, written only where it is not the title's.
        levels: (name, y, colour) of horizontal lines.
    """

    title: str
    x: str
    series: tuple[Series, ...]
    y: str = ""
    levels: tuple[tuple[str, float, int], ...] = ()


class _Axis(NamedTuple):
    """From numbers to places: `low` lies at `start` and `high` at `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def place(self, value: float) -> float:
        scale = math.log10 if self.log else float
        share = (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))
        return self.start + share * (self.end - self.start)


def style() -> str:
    """Rules for the charts of a page, in the light and in the dark."""
    dark = f"@media (prefers-color-scheme: dark) {{ {_colours(DARK)} }}"
    return f"""
svg.chart {{ width: 100%; height: auto; max-width: 34rem; }}
svg.chart {{ font: 13px system-ui, sans-serif; }}
svg.chart text {{ fill: currentColor; }}
svg.chart .axis {{ stroke: currentColor; fill: none; }}
svg.chart .gridline {{ stroke: currentColor; opacity: .15; }}
svg.chart .series {{ fill: none; stroke-width: 1.8; stroke-linejoin: round; }}
{_colours(LIGHT)}
{dark}
"""


def _colours(colours: Sequence[str]) -> str:
    rules = [
        f"svg.chart .c{number} {{ stroke: {colour}; }} "
        f"svg.chart circle.c{number} {{ fill: {colour}; }}"
        for number, colour in enumerate(colours)
    ]
    rules.append(
        "svg.chart .grey { stroke: #808080; } svg.chart circle.grey { fill: #808080; }"
    )
    return " ".join(rules)


def draw(chart: Chart) -> str:
    """A chart as an SVG element; its style is `style()`."""
    names = list(dict.fromkeys((s.name, s.colour) for s in chart.series))
    legend, deep = _legend(names)
    height = HEIGHT + deep
    x, y = _axes(chart)
    parts = [*_frame(chart, x, y)]
    for name, level, colour in chart.levels:
        place = y.place(level)
        parts.append(
            f'<line class="{_class(colour)}" x1="{x.start}" x2="{x.end}" y1="{place:.1f}" '
            f'y2="{place:.1f}" stroke-dasharray="3 4">'
            f"<title>{escape(f'{name}: {number(level)}')}</title></line>"
            f'<text x="{x.end}" y="{place - 5:.1f}" text-anchor="end">{escape(name)}</text>'
        )
    for series in chart.series:
        parts += _line(series, x, y)
    inside = "".join([*parts, f'<g transform="translate(0 {HEIGHT})">{legend}</g>'])
    said = escape(f"{chart.title} against {chart.x}", quote=True)
    return (
        f'<svg class="chart" role="img" aria-label="{said}" '
        f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'xmlns="http://www.w3.org/2000/svg">{inside}</svg>'
    )


def sheet(rows: Iterable[tuple[str, Sequence[Chart]]]) -> str:
    """Rows of charts, each under its title, as an SVG file of its own."""
    parts, top, wide = [], 0, WIDTH
    for title, charts in rows:
        parts.append(f'<text class="title" x="8" y="{top + 24}">{escape(title)}</text>')
        drawn = [draw(chart) for chart in charts]
        parts += [
            f'<g transform="translate({column * WIDTH} {top + 32})">{each}</g>'
            for column, each in enumerate(drawn)
        ]
        wide = max(wide, WIDTH * len(drawn))
        top += 32 + max((_height(chart) for chart in charts), default=0)
    light, dark = BACKGROUNDS
    rules = (
        f"svg {{ color: #1a1a1a; }} .back {{ fill: {light}; }} "
        f".title {{ font: 600 15px system-ui, sans-serif; fill: currentColor; }} "
        f"@media (prefers-color-scheme: dark) {{ svg {{ color: #e8e8e8; }} "
        f".back {{ fill: {dark}; }} }} {style()}"
    ).replace("width: 100%; height: auto; max-width: 34rem;", "")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{top}" '
        f'viewBox="0 0 {wide} {top}"><style>{rules}</style>'
        f'<rect class="back" width="{wide}" height="{top}"/>{"".join(parts)}</svg>\n'
    )


def _height(chart: Chart) -> int:
    names = list(dict.fromkeys((s.name, s.colour) for s in chart.series))
    return HEIGHT + _legend(names)[1]


def _axes(chart: Chart) -> tuple[_Axis, _Axis]:
    across = [x for series in chart.series for x, _ in series.points]
    up = [y for series in chart.series for _, y in series.points]
    up += [level for _, level, _ in chart.levels]
    log = min(up) > 0.0 and max(up) > 20.0 * min(up)
    return (
        _Axis(*_range(across), _LEFT, WIDTH - _RIGHT, False),
        _Axis(*(_log_range(up) if log else _range(up)), HEIGHT - _BOTTOM, _TOP, log),
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis with a little room; of equal values around them."""
    low, high = min(values), max(values)
    if low == high:
        room = abs(low) * 0.1 or 1.0
        return low - room, high + room
    room = 0.03 * (high - low)
    # An axis of what is never negative begins at zero or above.
    return (low - room if low < 0.0 else max(low - room, 0.0)), high + room


def _log_range(values: Sequence[float]) -> tuple[float, float]:
    room = (max(values) / min(values)) ** 0.03
    return min(values) / room, max(values) * room


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from `low` to `high`: steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [each * step for each in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten from `low` to `high`, with 2 and 5 times them if there are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = max(1, len(powers) // 6)
    shares = (1, 2, 5) if len(powers) <= 4 else (1,)
    found = [share * 10.0**power for power in powers[::every] for share in shares]
    return [each for each in found if low <= each <= high]


def number(value: float) -> str:
    """A number for people: with k, M or G from ten thousand on."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit and abs(value) >= 1e4:
            return f"{value / unit:.4g}{name}"
    return f"{value:.4g}"


def _frame(chart: Chart, x: _Axis, y: _Axis) -> list[str]:
    bottom, middle = HEIGHT - _BOTTOM, (_LEFT + WIDTH - _RIGHT) / 2
    parts = [f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{WIDTH - _RIGHT}"/>']
    for tick in log_ticks(y.low, y.high) if y.log else ticks(y.low, y.high):
        at = y.place(tick)
        parts.append(
            f'<path class="gridline" d="M{_LEFT} {at:.1f}H{WIDTH - _RIGHT}"/>'
            f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">'
            f"{number(tick)}</text>"
        )
    for tick in ticks(x.low, x.high, 8):
        at = x.place(tick)
        parts.append(
            f'<path class="axis" d="M{at:.1f} {bottom}v4"/>'
            f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">'
            f"{number(tick)}</text>"
        )
    parts.append(
        f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{escape(chart.x)}</text>'
    )
    if chart.y:
        turned = f'transform="rotate(-90 12 {bottom / 2})"'
        parts.append(
            f'<text x="12" y="{bottom / 2}" text-anchor="middle" {turned}>'
            f"{escape(_short(chart.y, 34))}</text>"
        )
    return parts


def _line(series: Series, x: _Axis, y: _Axis) -> list[str]:
    """The line and its points, each with a title."""
    places = [(x.place(a), y.place(b)) for a, b in series.points]
    path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
    kind = _class(series.colour)
    dashes = _dashes(series.colour)
    parts = [f'<path class="series {kind}" d="{path}"{dashes}/>']
    radius = 3.0 if len(places) <= 40 else 1.5
    notes = series.notes or ("",) * len(places)
    for (a, b), (left, up), note in zip(series.points, places, notes, strict=True):
        said = f"{series.name} ({note})" if note else series.name
        title = escape(f"{said}: {number(b)} at {number(a)}")
        parts.append(
            f'<circle class="{kind}" cx="{left:.1f}" cy="{up:.1f}" r="{radius}">'
            f"<title>{title}</title></circle>"
        )
    return parts


def _class(colour: int) -> str:
    return "grey" if colour < 0 else f"c{colour % len(LIGHT)}"


def _dashes(colour: int) -> str:
    """Series that share a colour are told apart by their dashes; grey ones have some."""
    turn = -colour if colour < 0 else colour // len(LIGHT)
    pattern = _DASHES[turn % len(_DASHES)]
    return f' stroke-dasharray="{pattern}"' if pattern else ""


def _legend(names: Sequence[tuple[str, int]]) -> tuple[str, int]:
    """Entries, as many on a line as fit, and the height of them all."""
    parts, left, top = [], 8.0, 8
    for name, colour in names:
        shown = _short(name, int((WIDTH - 60) / _LETTER))
        wide = 34 + _LETTER * len(shown) + 14
        if left > 8.0 and left + wide > WIDTH:
            left, top = 8.0, top + _LINE
        parts.append(
            f'<g><title>{escape(name)}</title><path class="series {_class(colour)}" '
            f'd="M{left:.0f} {top}h26"{_dashes(colour)}/>'
            f'<text x="{left + 32:.0f}" y="{top + 4}">{escape(shown)}</text></g>'
        )
        left += wide
    return "".join(parts), top + _LINE if names else 0


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
