"""The curves of a report: measures, scores and losses, against images seen and time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from gan_jax.reports.charts import Chart, Series
from gan_jax.reports.columns import Columns, summary_columns, tell_apart
from gan_jax.reports.published import Curve
from gan_jax.reports.runs import Run, clock
from gan_jax.reports.table import Group, latest
from gan_jax.reports.track import FEATURES
from gan_jax.reports.truncation import Sweep

IMAGES, HOURS = "images seen", "hours of training"
_THRESHOLD = "threshold of truncation"
_POINTS = 600  # of a chart


class Figure(NamedTuple):
    """Charts of one number.

    Attributes:
        title: the number.
        charts: against images seen and, where it is known, against time.
        note: what a reader must know of them; may be empty.
    """

    title: str
    charts: tuple[Chart, ...]
    note: str


class _Track(NamedTuple):
    """A number of one run: (images seen, hours or None, value)."""

    group: int
    run: str
    points: tuple[tuple[float, float | None, float], ...]


def measured(
    groups: Sequence[Group], columns: Columns, published: Iterable[Curve]
) -> list[Figure]:
    """A figure for each way of measuring; published curves of it are dashed. A truncation
    that no run was measured at twice is a point of a truncation curve and has none.
    """
    curves = list(published)
    by_run = {run.name: latest(run, columns) for _, run in _numbered(groups)}
    summary = summary_columns(columns)
    figures = []
    for column in columns.all:
        longest = max(len(each.get(column.number, ())) for each in by_run.values())
        if column not in summary and longest < 2:
            continue
        tracks = []
        for index, run in _numbered(groups):
            entries = by_run[run.name].get(column.number, {})
            points = tuple(
                (
                    float(each.images_seen),
                    each.wall_seconds / 3600.0,
                    each.measurement.value,
                )
                for _, each in sorted(entries.items())
            )
            tracks.append(_Track(index, run.name, points))
        manifest = column.manifest
        compared = manifest.features == FEATURES and manifest.truncation is None
        beside = [c for c in curves if compared and c.measure == manifest.measure]
        figures += _figure(column.label, tracks, groups, beside)
    return figures


def logged(groups: Sequence[Group], columns: Columns) -> list[Figure]:
    """Figures of the scores and losses that training logged.

    Scores carry no manifest, so those of unlike data or settings are not drawn together;
    and none that were measured into evaluations.jsonl too.
    """
    names = dict.fromkeys(
        name for _, run in _numbered(groups) for line in run.metrics for name in line
    )
    figures = []
    for name in names:
        if name.startswith("score/"):
            figures += _score_figures(name, groups, columns)
    for name in names:
        if name.endswith("/loss"):
            tracks = [_logged(index, run, name) for index, run in _numbered(groups)]
            figures += _figure(name, tracks, groups, thin=True)
    return figures


def _score_figures(name: str, groups: Sequence[Group], columns: Columns) -> list[Figure]:
    kinds: dict[str, list[_Track]] = {}
    contexts: dict[str, dict[str, str]] = {}
    for index, run in _numbered(groups):
        track = _logged(index, run, name)
        if track.points and not _recorded(run, track, name, columns):
            context = _context(run)
            key = json.dumps(context, sort_keys=True)
            contexts[key] = context
            kinds.setdefault(key, []).append(track)
    fields = tell_apart(list(contexts.values()))
    figures = []
    for key, tracks in kinds.items():
        told = ", ".join(f"{field} {contexts[key].get(field, 'none')}" for field in fields)
        figures += _figure(f"{name} ({told})" if told else name, tracks, groups)
    return figures


def _context(run: Run) -> dict[str, str]:
    """What a logged score depends on besides the run."""
    score = {
        f"score.{k}": v for k, v in run.config.get("score", {}).items() if k != "every"
    }
    data = run.config.get("data", {})
    values = {
        "data.source": data.get("source"),
        "data.image_shape": data.get("image_shape"),
    }
    return {
        k: v if isinstance(v, str) else json.dumps(v) for k, v in (values | score).items()
    }


def _recorded(run: Run, track: _Track, name: str, columns: Columns) -> bool:
    """Whether all points of a logged score are among the run's measurements."""
    title = name.removeprefix("score/")
    known = {
        (float(entry.images_seen), float(entry.measurement.value))
        for entry in run.entries
        if columns.of(entry).manifest.title == title
    }
    return {(images, value) for images, _, value in track.points} <= known


def _numbered(groups: Sequence[Group]) -> list[tuple[int, Run]]:
    return [(index, run) for index, group in enumerate(groups) for run in group.runs]


def _logged(group: int, run: Run, name: str) -> _Track:
    lines = [line for line in run.metrics if name in line]
    known = np.array(clock(run))
    # Beyond the last speed that was logged the time is not known.
    images = np.array([line["images_seen"] for line in lines])
    hours = np.interp(images, known[:, 0], known[:, 1], right=math.nan)
    points = tuple(
        (line["images_seen"], None if math.isnan(at) else float(at), line[name])
        for line, at in zip(lines, hours, strict=True)
    )
    return _Track(group, run.name, points)


def _figure(
    title: str,
    tracks: Sequence[_Track],
    groups: Sequence[Group],
    beside: Sequence[Curve] = (),
    *,
    thin: bool = False,
) -> list[Figure]:
    """The figure of a number, or nothing where no run has it."""
    lost = sum(not math.isfinite(value) for track in tracks for _, _, value in track.points)
    most = max(20, _POINTS // max(len(tracks), 1))
    images: list[Series] = []
    hours: list[Series] = []
    for track in tracks:
        finite = [point for point in track.points if math.isfinite(point[2])]
        label = groups[track.group].label
        timed = [(h, value) for _, h, value in finite if h is not None]
        for found, points in ((images, [(i, v) for i, _, v in finite]), (hours, timed)):
            kept = thinned(points, most) if thin else points
            if kept:
                notes = (track.run,) * len(kept)
                found.append(Series(label, tuple(kept), track.group, notes))
    if not images:
        return []
    last = max(x for series in images for x, _ in series.points)
    images += [_published(curve, -place, last) for place, curve in enumerate(beside, 1)]
    charts = [Chart(title, IMAGES, tuple(images))]
    if hours:
        charts.append(Chart(title, HOURS, tuple(hours)))
    note = f"{lost} values that are not finite are left out." if lost else ""
    return [Figure(title, tuple(charts), note)]


def _published(curve: Curve, colour: int, last: float) -> Series:
    """A published curve, as far as the runs have come and one point beyond."""
    points = [(float(step * curve.batch_size), value) for step, value in curve.points]
    shown = [point for point in points if point[0] <= last]
    return Series(curve.name, (*shown, *points[len(shown) : len(shown) + 1]), colour)


def thinned(points: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most so many points: the means of equally many neighbours."""
    size = math.ceil(len(points) / most)
    if size <= 1:
        return list(points)
    parts = [points[start : start + size] for start in range(0, len(points), size)]
    return [
        (sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part))
        for part in parts
    ]


def truncation_figure(sweep: Sweep) -> Figure:
    """Each measure against the threshold, and the first against each other one."""
    charts = []
    for index, name in enumerate(sweep.names):
        values = [(row.threshold, row.values[index]) for row in sweep.rows]
        points = [(x, y) for x, y in values if x is not None and y is not None]
        levels = [("no truncation", y, 0) for x, y in values if x is None and y is not None]
        if points:
            series = (Series(sweep.run, tuple(points), 0),)
            charts.append(Chart(name, _THRESHOLD, series, name, tuple(levels)))
    for index in range(1, len(sweep.names)):
        pairs = [
            ((row.values[index], row.values[0]), _threshold(row.threshold))
            for row in sweep.rows
        ]
        both = [((x, y), note) for (x, y), note in pairs if x is not None and y is not None]
        if both:
            points = [point for point, _ in both]
            notes = tuple(note for _, note in both)
            series = (Series(sweep.run, tuple(points), 0, notes),)
            charts.append(Chart(sweep.names[0], sweep.names[index], series, sweep.names[0]))
    return Figure(f"{sweep.run}, step {sweep.step:,}", tuple(charts), "")


def _threshold(value: float | None) -> str:
    return "no truncation" if value is None else f"threshold {value:g}"
