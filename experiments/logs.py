"""What runs tell of themselves: their metrics, spectra, and going on after a kill."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


def read_lines(file: Path) -> list[dict[str, Any]]:
    """The whole lines of a file of metrics, without one that is being written; none if
    there is no file.
    """
    lines = file.read_text().splitlines(keepends=True) if file.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def starts(workdir: Path) -> int:
    """How often a run was started, or went on."""
    return len(json.loads((workdir / "environment.json").read_text())["starts"])


class Traces(NamedTuple):
    """Singular values over a run.

    Attributes:
        steps: when they were taken.
        values: `{path of a kernel: (steps, 3)}`, the largest first; a kernel of one or two
            columns has NaN for the others.
    """

    steps: np.ndarray
    values: Mapping[str, np.ndarray]


_TOP = ("spectrum", "spectrum_2", "spectrum_3")


def traces(lines: Sequence[Mapping[str, Any]], net: str) -> Traces:
    """The three top singular values of every kernel of a net, from a run's metrics."""
    looks = [line for line in lines if any(name.startswith("spectrum/") for name in line)]
    start = f"spectrum/{net}/"
    paths = sorted(n.removeprefix(start) for n in looks[0] if n.startswith(start))
    values = {
        path: np.array(
            [[line.get(f"{top}/{net}/{path}", np.nan) for top in _TOP] for line in looks]
        )
        for path in paths
    }
    return Traces(np.array([line["step"] for line in looks]), values)


def growth(traced: Traces) -> dict[str, float]:
    """Last over first value of each kernel's largest singular value."""
    return {path: float(v[-1, 0] / v[0, 0]) for path, v in traced.values.items()}


class Resumed(NamedTuple):
    """What a run did again after it was killed.

    Attributes:
        killed: the last step that it had logged.
        resumed: the step of the checkpoint that it went on from.
        lines: lines of metrics of both, after that checkpoint.
        equal: how many of them are equal, to the last bit, in all but the speed.
    """

    killed: int
    resumed: int
    lines: int
    equal: int


_SPEED = "images_per_second"
_CLOCK = (_SPEED, "wall_seconds")


def resumed_steps(log: str) -> list[int]:
    """The steps that a run went on from, in order, from what it told."""
    return [int(step) for step in re.findall(r"resuming from step (\d+)", log)]


def compare(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], resumed: int
) -> Resumed:
    """Compares what a killed run had logged with what it logged when it went on.

    Args:
        before: its lines when it was killed.
        after: its lines in the end.
        resumed: the step it went on from.
    """
    killed = max(line["step"] for line in before)
    late, again = (
        [
            {name: value for name, value in line.items() if name not in _CLOCK}
            for line in lines
            if resumed < line["step"] <= killed
        ]
        for lines in (before, after)
    )
    return Resumed(killed, resumed, len(late), sum(line in again for line in late))


def training_minutes(lines: Sequence[Mapping[str, Any]]) -> float:
    """Time that a run's steps took, without compiling, scoring and saving."""
    timed = [line for line in lines if _SPEED in line]
    seen = np.diff([0, *(line["images_seen"] for line in timed)])
    return float(np.sum(seen / [line[_SPEED] for line in timed])) / 60.0


def resumptions(workdir: Path, log: Path, killed_at: Sequence[int]) -> list[Resumed]:
    """What a run did again, kill by kill.

    Args:
        workdir: of the run, with what it had logged at each kill in metrics_STEP.jsonl.
        log: what it told, over all its starts.
        killed_at: the steps in the names of those files.
    """
    steps = resumed_steps(log.read_text())
    after = read_lines(workdir / "metrics.jsonl")
    return [
        compare(read_lines(workdir / f"metrics_{at}.jsonl"), after, step)
        for at, step in zip(killed_at, steps, strict=True)
    ]
