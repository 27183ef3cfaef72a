"""A report over runs, as one value; its forms are made of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax.reports import curves
from gan_jax.reports.columns import (
    Column,
    Columns,
    described,
    manifest_key,
    summary_columns,
)
from gan_jax.reports.curves import Figure
from gan_jax.reports.published import CURVES, Rail
from gan_jax.reports.runs import Run, read_runs
from gan_jax.reports.table import Cell, Group, cell, cell_text, group_runs
from gan_jax.reports.track import Judged, Kept, OnTrack, Track, matches, on_track
from gan_jax.reports.truncation import Sweep, sweep

Cells = list[list[str]]
"""A table in words: the headings, then the lines."""


class Report(NamedTuple):
    """What a report tells.

    Attributes:
        runs: in the order in which they were asked for.
        groups: runs by configuration.
        columns: all ways of measuring.
        summary: those of the table over runs.
        cells: the table's numbers, by configuration and column.
        figures: curves of measures, scores and losses.
        tracks: by run, what published curves say.
        sweeps: truncation curves of the runs that have one.
    """

    runs: tuple[Run, ...]
    groups: tuple[Group, ...]
    columns: tuple[Column, ...]
    summary: tuple[Column, ...]
    cells: tuple[tuple[Cell | None, ...], ...]
    figures: tuple[Figure, ...]
    tracks: tuple[OnTrack, ...]
    sweeps: tuple[Sweep, ...]


def make_report(workdirs: Sequence[str | Path]) -> Report:
    """Reads runs and puts what they have written together.

    Args:
        workdirs: of the runs, which may be alive.

    Raises:
        UserError: there is no run in one of them, one is given twice, or a file is damaged.
    """
    runs = read_runs(workdirs)
    groups = group_runs(runs)
    columns = Columns(entry for run in runs for entry in run.entries)
    summary = summary_columns(columns)
    published = [
        curve for curve in CURVES if any(matches(run.config, curve) for run in runs)
    ]
    return Report(
        runs,
        groups,
        columns.all,
        summary,
        tuple(tuple(cell(group, each, columns) for each in summary) for group in groups),
        (*curves.measured(groups, columns, published), *curves.logged(groups, columns)),
        tuple(on_track(run.config, run.entries) for run in runs),
        tuple(found for run in runs if (found := sweep(run)) is not None),
    )


# The tables of a report in words, the same in every form.


def results(report: Report) -> Cells:
    """The table over runs."""
    heads = ["configuration", "runs", *(column.label for column in report.summary)]
    lines = [
        [
            group.label,
            "\n".join(
                [str(len(group.runs)), *(f"{r.name}, seed {r.seed}" for r in group.runs)]
            ),
            *map(cell_text, cells),
        ]
        for group, cells in zip(report.groups, report.cells, strict=True)
    ]
    return [heads, *lines]


def manifests(report: Report) -> tuple[Cells, str]:
    """How the numbers of each column were measured: the fields in which columns differ, a
    line a column, and in words those that they share.
    """
    fields = [described(column.manifest) for column in report.columns]
    names = dict.fromkeys(name for each in fields for name in each)
    unlike = [n for n in names if len({each.get(n) for each in fields}) > 1]
    shared = [f"{n} {fields[0][n]}" for n in names if n not in unlike]
    lines = [
        [column.label, *(each.get(name, "-") for name in unlike)]
        for column, each in zip(report.columns, fields, strict=True)
    ]
    return [["column", *unlike], *lines], f"The same for all: {'; '.join(shared)}."


class Beside(NamedTuple):
    """All runs that stand beside one curve and were measured alike.

    Attributes:
        title: which curve, and which way of measuring.
        cells: a line a step and a guard-rail, a column a run.
        lines: what is unlike there, and where it was published.
    """

    title: str
    cells: Cells
    lines: tuple[str, ...]


def tracks_by_curve(report: Report) -> list[Beside]:
    """What published curves say, by curve and way of measuring."""
    labels = dict(zip(map(_key, report.columns), report.columns, strict=True))
    found: dict[tuple[str, str], list[tuple[Run, Track]]] = {}
    for run, verdict in zip(report.runs, report.tracks, strict=True):
        for track in verdict.tracks:
            label = labels[manifest_key(track.manifest)].label
            found.setdefault((track.curve.name, label), []).append((run, track))
    return [
        Beside(f"{label} beside {curve}", _track_cells(pairs), tuple(_track_lines(pairs)))
        for (curve, label), pairs in found.items()
    ]


def _key(column: Column) -> str:
    return manifest_key(column.manifest)


def _track_cells(pairs: Sequence[tuple[Run, Track]]) -> Cells:
    by_run = [{point.step: point for point in track.points} for _, track in pairs]
    lines = []
    for step in sorted({step for points in by_run for step in points}):
        known = next(points[step] for points in by_run if step in points).published
        mine = [_verdict(points[step]) if step in points else "-" for points in by_run]
        lines.append([f"{step:,}", "-" if known is None else f"{known:.4g}", *mine])
    for kept in zip(*(track.rails for _, track in pairs), strict=True):
        lines.append([_rail(kept[0].rail), "-", *map(_rail_verdict, kept)])
    return [["step", "published", *(run.name for run, _ in pairs)], *lines]


def _verdict(point: Judged) -> str:
    return f"{point.value:.4g}\n{point.verdict}"


def _rail(rail: Rail) -> str:
    return f"below {rail.below:g} by {rail.step:,}"


def _rail_verdict(kept: Kept) -> str:
    if kept.value is None:
        return kept.verdict
    return f"{kept.verdict}\n{kept.value:.4g} at {kept.step:,}"


def _track_lines(pairs: Sequence[tuple[Run, Track]]) -> list[str]:
    """What is unlike the published run, and of which runs."""
    unlike: dict[str, list[str]] = {}
    for run, track in pairs:
        for difference in track.differences:
            unlike.setdefault(difference, []).append(run.name)
    said = [
        each if len(names) == len(pairs) else f"{each} ({', '.join(names)})"
        for each, names in unlike.items()
    ]
    lines = [f"Unlike there: {'; '.join(said)}."] if said else []
    return [*lines, f"Published in {pairs[0][1].curve.source}."]


def rail_lines(track: Track) -> list[str]:
    """What became of the guard-rails of a curve."""
    return [
        f"{_rail(kept.rail)}: {', '.join(_rail_verdict(kept).splitlines())}"
        for kept in track.rails
    ]


def track_title(run: Run, track: Track) -> str:
    """Which run stands beside which curve."""
    return f"{run.name}: {track.curve.measure} beside {track.curve.name}"


def sweep_cells(found: Sweep) -> Cells:
    """A truncation curve."""
    heads = ["threshold", *found.names]
    lines = [
        [
            "none" if row.threshold is None else f"{row.threshold:g}",
            *("-" if value is None else f"{value:.4g}" for value in row.values),
        ]
        for row in found.rows
    ]
    return [heads, *lines]


def reasons(report: Report) -> dict[str, list[str]]:
    """Why runs stand beside no published curve: the names of the runs by reason."""
    found: dict[str, list[str]] = {}
    for run, verdict in zip(report.runs, report.tracks, strict=True):
        if verdict.reason:
            found.setdefault(verdict.reason, []).append(run.name)
    return found


def to_json(report: Report) -> dict[str, Any]:
    """A report as a JSON value, without its curves."""
    return {
        "runs": [
            {"name": run.name, "workdir": str(run.path), "seed": run.seed}
            for run in report.runs
        ],
        "columns": [
            {"label": column.label, "manifest": column.manifest.to_dict()}
            for column in report.columns
        ],
        "results": [
            {
                "configuration": group.label,
                "runs": [run.name for run in group.runs],
                "cells": {
                    column.label: None if each is None else each._asdict()
                    for column, each in zip(report.summary, cells, strict=True)
                },
            }
            for group, cells in zip(report.groups, report.cells, strict=True)
        ],
        "on_track": [
            {
                "run": run.name,
                "reason": found.reason,
                "tracks": list(map(_track, found.tracks)),
            }
            for run, found in zip(report.runs, report.tracks, strict=True)
        ],
        "truncation": [
            found._asdict() | {"rows": [row._asdict() for row in found.rows]}
            for found in report.sweeps
        ],
    }


def _track(track: Track) -> dict[str, Any]:
    return {
        "curve": track.curve.name,
        "source": track.curve.source,
        "measure": track.curve.measure,
        "points": [point._asdict() for point in track.points],
        "rails": [kept._asdict() | {"rail": kept.rail._asdict()} for kept in track.rails],
        "differences": list(track.differences),
    }
