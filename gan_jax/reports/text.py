"""A report for the terminal: its table, and whether runs are on track."""

from __future__ import annotations

from gan_jax.plan.render import aligned
from gan_jax.reports import words
from gan_jax.reports.make import (
    Report,
    rail_lines,
    reasons,
    results,
    track_title,
)


def text(report: Report) -> str:
    """The results in columns, and the newest verdict of each published curve."""
    head, *lines = results(report)
    flat = [[_one_line(cell) for cell in line] for line in [head, *lines]]
    said = [words.opening(report), "", *aligned(flat)]
    if not report.columns:
        said += ["", *words.about_results(report)]
    for run, found in zip(report.runs, report.tracks, strict=True):
        for track in found.tracks:
            last = track.points[-1]
            verdict = f"{last.verdict} ({last.value:.4g} at step {last.step:,})"
            said += ["", f"{track_title(run, track)}: {verdict}"]
            said += [f"  {line}" for line in rail_lines(track)]
    for reason, names in reasons(report).items():
        said += ["", f"{', '.join(names)}: {reason}"]
    return "\n".join(said)


def _one_line(cell: str) -> str:
    """The number with the steps in brackets; of the runs how many there are."""
    first, _, rest = cell.partition("\n")
    return f"{first} ({rest})" if rest.startswith("n ") else first
