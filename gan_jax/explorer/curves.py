"""What a run has written about itself, read as it stands: curves, grids, notes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax.writers import read_jsonl

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
    """
    path = workdir / "evaluations.jsonl"
    entries = _measurements(path) if path.exists() else []
    names = _names([entry["manifest"] for entry in entries])
    latest: dict[tuple[str, int], float] = {}
    for name, entry in zip(names, entries, strict=True):
        latest[name, int(entry["images_seen"])] = float(entry["value"])
    return _curves(((name, x, y) for (name, x), y in sorted(latest.items())), points)


def _names(manifests: Sequence[Mapping[str, Any]]) -> list[str]:
    """Titles, with the fields that tell manifests of one title apart."""
    titles = [f"{m['measure']}/{m['features']}" for m in manifests]
    names = []
    for title, mine in zip(titles, manifests, strict=True):
        alike = [m for t, m in zip(titles, manifests, strict=True) if t == title]
        unlike = [f for f in mine if any(m.get(f) != mine[f] for m in alike)]
        told = ", ".join(f"{field} {mine[field]}" for field in unlike)
        names.append(f"{title} ({told})" if told else title)
    return names


def _measurements(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a file of measurements; what a crash cut short is left out."""
    entries = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(entry, dict) and {"manifest", "images_seen", "value"} <= set(entry):
            entries.append(entry)
    return entries


def losses_of(curves: Mapping[str, Curve]) -> list[str]:
    """The names of the phases' losses."""
    return [name for name in curves if name.endswith("/loss") or name == "loss"]


def others_of(curves: Mapping[str, Curve]) -> list[str]:
    """All other names: scores first, and of these Fréchet distances."""
    others = set(curves) - set(losses_of(curves))
    return sorted(others, key=lambda n: (not n.startswith("score/"), "frechet" not in n, n))


def newest_grid(workdir: Path) -> tuple[Path, int] | None:
    """The sample grid of the latest step, with that step; None before the first."""
    numbered = []
    for path in (workdir / "samples").glob("*.png"):
        number = path.stem.rpartition("_")[2]
        if number.isdecimal():
            numbered.append((int(number), path))
    if not numbered:
        return None
    step, path = max(numbered)
    return path, step


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
