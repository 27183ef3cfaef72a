"""Curves and coloured points as small pictures, without a plotting library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_WIDE, _TALL = 640, 400
_INK, _GRID, _FRAME = (40, 40, 40), (232, 232, 232), (160, 160, 160)
COLOURS = (
    (66, 103, 178), (214, 69, 65), (64, 145, 108), (230, 150, 50), (130, 90, 170),
    (30, 160, 180), (200, 90, 150), (120, 120, 50), (110, 75, 55), (105, 115, 125),
)  # fmt: skip
"""Told apart on white; they begin again after ten."""

# Twice the size, then reduced: smooth lines.
_SCALE = 2


class Curve(NamedTuple):
    """A line in a plot.

    Attributes:
        x: float (n,), ascending.
        y: float (n,).
        band: float (n,), half the width of a band around it; None for none.
    """

    x: np.ndarray
    y: np.ndarray
    band: np.ndarray | None = None


class _Frame:
    """A canvas with a view of the plane."""

    def __init__(
        self,
        x_range: tuple[float, float],
        y_range: tuple[float, float],
        size: tuple[int, int],
        left: int,
    ) -> None:
        self.size = size
        width, height = (_SCALE * n for n in size)
        self.canvas = Image.new("RGB", (width, height), (255, 255, 255))
        self.draw = ImageDraw.Draw(self.canvas, "RGBA")
        self.font = ImageFont.load_default(_SCALE * 12)
        self.box = (_SCALE * left, _SCALE * 30, width - _SCALE * 14, height - _SCALE * 40)
        self.x_range, self.y_range = x_range, y_range

    def place(self, x: float, y: float) -> tuple[float, float]:
        left, top, right, bottom = self.box
        (x0, x1), (y0, y1) = self.x_range, self.y_range
        across = left + (x - x0) / (x1 - x0) * (right - left)
        return across, bottom - (y - y0) / (y1 - y0) * (bottom - top)

    def picture(self) -> np.ndarray:
        self.draw.rectangle(self.box, outline=_FRAME, width=_SCALE)
        return np.asarray(self.canvas.resize(self.size, Image.Resampling.LANCZOS))

    def label(self, at: tuple[float, float], text: str, anchor: str) -> None:
        self.draw.text(at, text, fill=_INK, font=self.font, anchor=anchor)

    def legend(self, names: Sequence[str], colours: Sequence[tuple[int, int, int]]) -> None:
        at, y = float(self.box[0]), _SCALE * 16.0
        for name, colour in zip(names, colours, strict=True):
            self.draw.ellipse((at, y - 9, at + 18, y + 9), fill=colour)
            self.label((at + 26, y), name, "lm")
            at += 50 + self.draw.textlength(name, font=self.font)


def curves(lines: Mapping[str, Curve], *, x_label: str, y_label: str) -> np.ndarray:
    """Lines over one axis, with ticks, a legend, and bands where they have any.

    Args:
        lines: by name, in the order of the legend; finite values.
        x_label: written below.
        y_label: written above the left axis.

    Returns:
        uint8 (400, 640, 3).

    Raises:
        ValueError: no line, or fewer than two points in one.
    """
    if not lines or any(len(line.x) < 2 for line in lines.values()):
        raise ValueError("a plot needs lines of at least two points")
    low = min(float(np.min(c.y - _half(c))) for c in lines.values())
    high = max(float(np.max(c.y + _half(c))) for c in lines.values())
    room = 0.05 * max(high - low, 1e-6)
    x_range = (
        min(float(c.x[0]) for c in lines.values()),
        max(float(c.x[-1]) for c in lines.values()),
    )
    frame = _Frame(x_range, (low - room, high + room), (_WIDE, _TALL), left=56)
    _ticks(frame, x_label)
    palette = [COLOURS[i % len(COLOURS)] for i in range(len(lines))]
    for line, colour in zip(lines.values(), palette, strict=True):
        half = _half(line)
        upper = [frame.place(x, y) for x, y in zip(line.x, line.y + half, strict=True)]
        lower = [frame.place(x, y) for x, y in zip(line.x, line.y - half, strict=True)]
        if line.band is not None:
            frame.draw.polygon([*upper, *lower[::-1]], fill=(*colour, 45))
        points = [frame.place(x, y) for x, y in zip(line.x, line.y, strict=True)]
        frame.draw.line(points, fill=colour, width=2 * _SCALE, joint="curve")
    frame.legend([*lines, f"   [{y_label}]"], [*palette, (255, 255, 255)])
    return frame.picture()


def points(
    places: np.ndarray, groups: np.ndarray, names: Sequence[str], *, size: int = 560
) -> np.ndarray:
    """Points of the plane, coloured by group, with equal axes.

    Args:
        places: float (n, 2), finite.
        groups: int (n,), each a place in `names`; later groups lie on top.
        names: of the groups, for the legend.
        size: side of the picture in pixels.

    Returns:
        uint8 (size, size, 3).

    Raises:
        ValueError: other shapes, or a group without a name.
    """
    if places.ndim != 2 or places.shape[1] != 2 or groups.shape != places.shape[:1]:
        raise ValueError(
            f"need places (n, 2) and groups (n,), got {places.shape}, {groups.shape}"
        )
    if len(groups) and not 0 <= groups.min() <= groups.max() < len(names):
        raise ValueError(f"groups must be places in {len(names)} names")
    centre = (places.min(axis=0) + places.max(axis=0)) / 2.0
    half = 1.05 * max(float(np.ptp(places, axis=0).max()) / 2.0, 1e-6)
    view = [(float(c) - half, float(c) + half) for c in centre]
    frame = _Frame(view[0], view[1], (size, size), left=14)
    palette = [COLOURS[i % len(COLOURS)] for i in range(len(names))]
    radius = 2.0 * _SCALE
    for group, colour in enumerate(palette):
        for place in places[groups == group]:
            x, y = frame.place(float(place[0]), float(place[1]))
            frame.draw.ellipse(
                (x - radius, y - radius, x + radius, y + radius), fill=(*colour, 170)
            )
    frame.legend(names, palette)
    return frame.picture()


def _half(line: Curve) -> np.ndarray:
    return np.zeros(len(line.x)) if line.band is None else line.band


def _ticks(frame: _Frame, x_label: str) -> None:
    left, top, right, bottom = frame.box
    for value in round_values(*frame.x_range):
        x, _ = frame.place(value, 0.0)
        frame.draw.line((x, top, x, bottom), fill=_GRID, width=_SCALE)
        frame.label((x, bottom + 8), f"{value:g}", "ma")
    for value in round_values(*frame.y_range):
        _, y = frame.place(frame.x_range[0], value)
        frame.draw.line((left, y, right, y), fill=_GRID, width=_SCALE)
        frame.label((left - 10, y), f"{value:g}", "rm")
    frame.label(((left + right) / 2.0, bottom + 38), x_label, "ma")


def round_values(low: float, high: float) -> list[float]:
    """Four to ten round values between two numbers: multiples of 1, 2 or 5 by tens."""
    rough = (high - low) / 6.0
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1.0, 2.0, 5.0, 10.0) if power * m >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]
