"""A report as CSV: one measurement a line, with everything it was measured with."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from gan_jax.metrics.manifest import Manifest
from gan_jax.reports.make import Report

_MANIFEST = tuple(each.name for each in fields(Manifest))
_NUMBERS = ("value", "std", "low", "high")
# What a table calculator would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
HEADINGS = (
    "run", "configuration", "run_seed", "step", "images_seen", "wall_seconds", *_NUMBERS,
    *_MANIFEST, "digest", "time", "host",
)  # fmt: skip
"""Names of the columns; "seed" is that of the samples, "run_seed" that of the training."""


def tidy(report: Report) -> str:
    """All measurements of a report as CSV, by run and in the order they were made."""
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADINGS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {name: _plain(v) for name, v in line.items()} for line in _lines(report)
    )
    return text.getvalue()


def _lines(report: Report) -> Iterator[dict[str, Any]]:
    for group in report.groups:
        for run in group.runs:
            for entry in run.entries:
                values = entry._asdict()
                measurement = values.pop("measurement")
                known = {
                    "run": run.name,
                    "configuration": group.label,
                    "run_seed": run.seed,
                }
                numbers = {name: getattr(measurement, name) for name in _NUMBERS}
                yield known | values | numbers | measurement.manifest.to_dict()


def _plain(value: Any) -> Any:
    """None as nothing, values of several parts as JSON, and texts that are no formulas."""
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
