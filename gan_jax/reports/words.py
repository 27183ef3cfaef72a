"""What a report says between its tables, the same in every form."""

from __future__ import annotations

from gan_jax.reports.make import Report
from gan_jax.reports.track import ABSOLUTE, RELATIVE

TITLE = "Report"
RESULTS = "Results"
TRACK = "On track?"
TRUNCATION = "Truncation"
CURVES = "Curves"
SAMPLES = "Samples"
MEASURED = "How the numbers were measured"


def opening(report: Report) -> str:
    """How much there is."""
    runs, groups = len(report.runs), len(report.groups)
    return f"{_count(runs, 'run')} of {_count(groups, 'configuration')}."


def about_results(report: Report) -> list[str]:
    """How to read the table over runs."""
    if not report.columns:
        return ["Nothing was measured yet; gan-jax evaluate does so."]
    lines = [
        "Configurations are equal but for the seed. Each number is the mean over n runs ± "
        "their standard deviation (n - 1), at the latest step at which most of them were "
        "measured; of a single run with its confidence interval, if it has one. Numbers "
        "that were not measured alike have columns of their own."
    ]
    if len(report.summary) < len(report.columns):
        lines.append("Further truncations are below, under Truncation.")
    return lines


def about_tracks() -> str:
    """How numbers are judged."""
    return (
        "Between two published points the logarithm of the number is taken to be linear "
        f"in the step. A number is within a curve if it differs by at most {RELATIVE:.0%} "
        f"of it, a Fréchet distance also by at most {ABSOLUTE['frechet_distance']:g}: "
        "pipelines differ by as much."
    )


def about_curves() -> str:
    """What lines and colours are."""
    return (
        "A line for each run, a colour for each configuration; dashed grey lines are "
        "published. Of runs that logged no time, hours are images seen over the speeds "
        "that they logged. Of long runs, points of losses are means of neighbours."
    )


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
