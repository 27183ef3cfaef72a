"""Truncation curves: what samples gain in one measure and lose in another (1809.11096)."""

from __future__ import annotations

import math
from typing import NamedTuple

from gan_jax.metrics.manifest import Manifest
from gan_jax.reports.columns import family, label, untruncated
from gan_jax.reports.runs import Run


class Row(NamedTuple):
    """What was measured at one truncation.

    Attributes:
        threshold: beyond which latents were drawn again; None: none.
        values: of each measure; None where it was not taken.
    """

    threshold: float | None
    values: tuple[float | None, ...]


class Sweep(NamedTuple):
    """One state of a run, measured at several truncations.

    Attributes:
        run: its name.
        step: of the state.
        names: of the measures.
        rows: from the strongest truncation to none at all.
    """

    run: str
    step: int
    names: tuple[str, ...]
    rows: tuple[Row, ...]


def sweep(run: Run) -> Sweep | None:
    """The newest state of a run that was measured at two truncations or more, or None."""
    for step in sorted({entry.step for entry in run.entries}, reverse=True):
        values: dict[str, dict[float | None, float]] = {}
        manifests: dict[str, Manifest] = {}
        for entry in run.entries:
            if entry.step == step:
                manifest = entry.measurement.manifest
                name = family(manifest)
                manifests[name] = untruncated(manifest)
                values.setdefault(name, {})[manifest.truncation] = entry.measurement.value
        swept = [name for name in values if len(values[name]) > 1]
        if swept:
            names = label([manifests[name] for name in swept])
            return _sweep(run, step, names, [values[name] for name in swept])
    return None


def _sweep(
    run: Run, step: int, names: list[str], values: list[dict[float | None, float]]
) -> Sweep:
    thresholds = sorted(
        {each for column in values for each in column},
        key=lambda each: math.inf if each is None else each,
    )
    rows = tuple(
        Row(threshold, tuple(column.get(threshold) for column in values))
        for threshold in thresholds
    )
    return Sweep(run.name, step, tuple(names), rows)
