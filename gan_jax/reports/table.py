"""The table over runs: a line for each configuration, mean and deviation over seeds."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gan_jax.config import FREE_FIELDS, flatten
from gan_jax.evaluation.records import Entry
from gan_jax.reports.columns import Column, Columns, tell_apart
from gan_jax.reports.runs import Run

_FIRST = ("method", "data.source", "train.batch_size", "train.steps")
_SHOWN = 60  # characters of a field's value


class Group(NamedTuple):
    """Runs whose configs are equal but for the seed.

    Attributes:
        label: what tells the configuration from the others.
        runs: by seed.
    """

    label: str
    runs: tuple[Run, ...]


class Cell(NamedTuple):
    """A number of a configuration.

    Attributes:
        mean: over runs.
        std: with n - 1 in the denominator; None of a single run.
        low: of a single run, the lower end of its confidence interval, if it has one.
        high: the upper end.
        n: number of runs.
        step: of all of them.
    """

    mean: float
    std: float | None
    low: float | None
    high: float | None
    n: int
    step: int


def group_runs(runs: Sequence[Run]) -> tuple[Group, ...]:
    """Runs by configuration. Fields that change nothing of what is computed, such as those
    of logging, do not count.
    """
    found: dict[str, list[Run]] = {}
    for run in runs:
        key = json.dumps(_counting(run.config), sort_keys=True)
        found.setdefault(key, []).append(run)
    members = [sorted(group, key=lambda run: run.seed) for group in found.values()]
    labels = _labels([_counting(group[0].config) for group in members])
    return tuple(
        Group(name, tuple(group)) for name, group in zip(labels, members, strict=True)
    )


def _counting(config: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that make a configuration, flat; how long it trains among them."""
    free = tuple(field for field in FREE_FIELDS if field != "train.steps")
    return {
        name: value
        for name, value in flatten(config).items()
        if name != "seed"
        and not any(name == field or name.startswith(f"{field}.") for field in free)
    }


def _labels(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    texts = [{name: _said(value) for name, value in each.items()} for each in configs]
    ordered = [
        {name: each[name] for name in _FIRST if name in each} | each for each in texts
    ]
    fields = [name for name in tell_apart(ordered) if name != "method"]
    labels = []
    for each in ordered:
        told = ", ".join(f"{name} {each.get(name, 'absent')}" for name in fields)
        method = each.get("method", "?")
        labels.append(f"{method}, {told}" if told else method)
    return labels


def _said(value: Any) -> str:
    if value is None:
        return "unset"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def latest(run: Run, columns: Columns) -> dict[int, dict[int, Entry]]:
    """The entries of a run by number of the column and by step; what was measured twice
    counts once, as it was measured last.
    """
    found: dict[int, dict[int, Entry]] = {}
    for entry in run.entries:
        found.setdefault(columns.of(entry).number, {})[entry.step] = entry
    return found


def cell(group: Group, column: Column, columns: Columns) -> Cell | None:
    """The number of a configuration in a column: of the step that most of its runs were
    measured at, the latest of such steps. None if none of them was measured so.
    """
    by_step = [latest(run, columns).get(column.number, {}) for run in group.runs]
    counts = Counter(step for entries in by_step for step in entries)
    if not counts:
        return None
    step = max(counts, key=lambda each: (counts[each], each))
    found = [entries[step].measurement for entries in by_step if step in entries]
    values = [float(each.value) for each in found]
    mean = statistics.fmean(values)
    if len(values) == 1:
        return Cell(mean, None, found[0].low, found[0].high, 1, step)
    return Cell(mean, statistics.stdev(values), None, None, len(values), step)


def cell_text(value: Cell | None) -> str:
    """A cell in words: the number, and on a line of its own how many runs at which step."""
    if value is None:
        return "-"
    text = f"{value.mean:.4g}"
    if value.std is not None:
        text += f" ± {value.std:.2g}"
    elif value.low is not None and value.high is not None:
        text += f" [{value.low:.4g}, {value.high:.4g}]"
    return f"{text}\nn {value.n}, step {value.step:,}"
