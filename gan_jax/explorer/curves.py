"""What a run has written about itself, read as it stands: curves, grids, notes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from gan_jax import evaluation
from gan_jax.reports.columns import Columns
from gan_jax.writers import numbered_pictures, read_jsonl

_POINTS = 1000
_X = ("step", "images_seen", "name")


class Curve(NamedTuple):
    """A number against images seen.

    Attributes:
        name: as in the file, such as "disc/loss" or "frechet_distance/pixels_8x8".
        images_seen: ascending.
        values: finite.
        left_out: how many values were not finite.
    """

    name: str
    images_seen: tuple[int, ...]
    values: tuple[float, ...]
    left_out: int


def training_curves(workdir: Path, points: int = _POINTS) -> dict[str, Curve]:
    """The curves of metrics.jsonl; none if there is no such file yet.

    Args:
        workdir: of the run, which may be alive.
        points: longer curves keep so many values at even distances, the last among them.
    """
    path = workdir / "metrics.jsonl"
    entries = [e for e in read_jsonl(path) if "text" not in e] if path.exists() else []
    rows = (
        (name, int(entry.get("images_seen", entry["step"])), float(value))
        for entry in entries
        for name, value in entry.items()
        if name not in _X
    )
    return _curves(rows, points)


def evaluation_curves(workdir: Path, points: int = _POINTS) -> dict[str, Curve]:
    """The measurements of evaluations.jsonl, a curve for each way of measuring.

    Only what was measured alike is one curve. Curves of one measure and features have the
    settings in their names in which they differ. Of two measurements at one number of
    images seen the later counts.

    Args:
        workdir: of the run.
        points: as of `training_curves`.

    Raises:
        UserError: a line is damaged; names it.
    """
    entries = evaluation.read(workdir)
    columns = Columns(entries)
    latest = {
        (columns.of(entry).label, entry.images_seen): entry.measurement.value
        for entry in entries
    }
    return _curves(((name, x, y) for (name, x), y in sorted(latest.items())), points)


def losses_of(curves: Mapping[str, Curve]) -> list[str]:
    """The names of the phases' losses."""
    return [name for name in curves if name.endswith("/loss") or name == "loss"]


def others_of(curves: Mapping[str, Curve]) -> list[str]:
    """All other names: scores first, and of these Fréchet distances."""
    others = set(curves) - set(losses_of(curves))
    return sorted(others, key=lambda n: (not n.startswith("score/"), "frechet" not in n, n))


def newest_grid(workdir: Path) -> tuple[Path, int] | None:
    """The sample grid of the latest step, with that step; None before the first."""
    step, path = max(numbered_pictures(workdir / "samples"), default=(0, None))
    return None if path is None else (path, step)


def _curves(rows: Iterable[tuple[str, int, float]], points: int) -> dict[str, Curve]:
    gathered: dict[str, list[tuple[int, float]]] = {}
    for name, x, y in rows:
        gathered.setdefault(name, []).append((x, y))
    return {name: _curve(name, pairs, points) for name, pairs in gathered.items()}


def _curve(name: str, pairs: list[tuple[int, float]], points: int) -> Curve:
    finite = [(x, y) for x, y in pairs if math.isfinite(y)]
    every = max(1, math.ceil(len(finite) / points))
    # Counted from the end, so that the last value is always there.
    kept = finite[::-1][::every][::-1]
    return Curve(
        name,
        tuple(x for x, _ in kept),
        tuple(y for _, y in kept),
        len(pairs) - len(finite),
    )
