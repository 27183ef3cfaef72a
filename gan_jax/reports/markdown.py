"""A report as Markdown, its curves in an SVG file beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gan_jax.reports import charts, words
from gan_jax.reports.curves import truncation_figure
from gan_jax.reports.make import (
    Cells,
    Report,
    manifests,
    reasons,
    results,
    sweep_cells,
    tracks_by_curve,
)


def markdown(report: Report, curves: str) -> str:
    """The report as GitHub's Markdown.

    Args:
        report: the report.
        curves: name of the file with the curves, beside this one.
    """
    parts = [f"# {words.TITLE}", escape(words.opening(report)), f"## {words.RESULTS}"]
    parts += [_table(results(report)), *map(escape, words.about_results(report))]
    parts += [f"## {words.TRACK}", *_tracks(report)]
    if report.sweeps:
        parts.append(f"## {words.TRUNCATION}")
    for found in report.sweeps:
        parts += [
            f"### {escape(found.run)}, step {found.step:,}",
            _table(sweep_cells(found)),
        ]
    if report.figures or report.sweeps:
        parts += [f"## {words.CURVES}", words.about_curves(), f"![Curves]({curves})"]
    if report.columns:
        cells, shared = manifests(report)
        parts += [f"## {words.MEASURED}", _table(cells), escape(shared)]
    return "\n\n".join(parts) + "\n"


def curves_svg(report: Report) -> str:
    """All curves of a report, one SVG file."""
    figures = [*report.figures, *map(truncation_figure, report.sweeps)]
    return charts.sheet([(figure.title, figure.charts) for figure in figures])


def escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    one_line = " ".join(text.split())
    safe = one_line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[\]|!~#$])", r"\\\1", safe)


def _tracks(report: Report) -> list[str]:
    parts = []
    for beside in tracks_by_curve(report):
        parts += [f"### {escape(beside.title)}", _table(beside.cells)]
        parts += [escape(line) for line in beside.lines]
    if parts:
        parts.append(escape(words.about_tracks()))
    for reason, names in reasons(report).items():
        parts.append(f"{escape(', '.join(names))}: {escape(reason)}.")
    return parts


def _table(cells: Cells) -> str:
    head, *lines = cells
    marks = ["---", *("---:" for _ in head[1:])]
    return "\n".join(map(_row, [[_cell(c) for c in head], marks, *map(_cells, lines)]))


def _cells(line: Sequence[str]) -> list[str]:
    return [_cell(cell) for cell in line]


def _cell(text: str) -> str:
    return "<br>".join(escape(line) for line in text.split("\n"))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
