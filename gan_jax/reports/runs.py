"""Runs as their work directories tell of them, also while they are alive."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax.errors import UserError
from gan_jax.evaluation.records import Entry
from gan_jax.evaluation.records import read as read_entries
from gan_jax.workdir import read_config
from gan_jax.writers import numbered_pictures


class Picture(NamedTuple):
    """A sample grid.

    Attributes:
        path: of the PNG file.
        step: at which it was drawn.
    """

    path: Path
    step: int


class Run(NamedTuple):
    """What a run has written about itself.

    Attributes:
        path: the work directory.
        name: the end of its path that tells it from the other runs.
        config: plain values.
        started: when and where it was last started, in words; empty if not known.
        entries: what was measured of it, oldest first.
        metrics: lines of metrics.jsonl, oldest first, "step" and "images_seen" among them.
        picture: the newest sample grid, or None.
    """

    path: Path
    name: str
    config: Mapping[str, Any]
    started: str
    entries: tuple[Entry, ...]
    metrics: tuple[Mapping[str, float], ...]
    picture: Picture | None

    @property
    def seed(self) -> int:
        """The seed of its config."""
        return int(self.config.get("seed", 0))


def read_runs(workdirs: Sequence[str | Path]) -> tuple[Run, ...]:
    """The runs of work directories.

    Only finished lines are read: the last one may be in the making.

    Raises:
        UserError: there is no run in one of them, one is given twice, or a file is damaged.
    """
    if not workdirs:
        raise UserError("--workdir is missing")
    paths = [Path(each).expanduser() for each in workdirs]
    places = [path.resolve() for path in paths]
    for index, place in enumerate(places):
        if place in places[:index]:
            raise UserError(f"--workdir={paths[index]} is given twice")
    return tuple(
        _read(path, name) for path, name in zip(paths, _names(places), strict=True)
    )


def _read(path: Path, name: str) -> Run:
    config = read_config(path)
    return Run(
        path,
        name,
        config,
        _started(path / "environment.json"),
        tuple(read_entries(path)),
        tuple(_metrics(path / "metrics.jsonl", config)),
        _newest(path / "samples"),
    )


def _names(places: Sequence[Path]) -> list[str]:
    """Of each path the shortest end that no other one has."""
    return [_name(place, [other for other in places if other != place]) for place in places]


def _name(place: Path, others: Sequence[Path]) -> str:
    depth = 1
    while any(other.parts[-depth:] == place.parts[-depth:] for other in others):
        depth += 1
    return "/".join(place.parts[-depth:])


def _metrics(path: Path, config: Mapping[str, Any]) -> Iterator[Mapping[str, float]]:
    """The lines of numbers, values that are not finite as floats."""
    if not path.exists():
        return
    batch = float(config.get("train", {}).get("batch_size", 1))
    text = path.read_bytes().decode(errors="replace")
    for number, line in enumerate(text.split("\n")[:-1], start=1):
        try:
            values = json.loads(line)
            if not isinstance(values, dict):
                raise ValueError("no JSON object")
            if "text" in values:
                continue
            values = {name: float(value) for name, value in values.items()}
            seen = values["step"] * batch
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"{path}, line {number}, is damaged ({error}); remove the line"
            ) from error
        yield {"images_seen": seen} | values


def _started(path: Path) -> str:
    """When, where and with what a run was last started."""
    try:
        start = json.loads(path.read_text())["starts"][-1]
        package = start["packages"]["gan_jax"]
        devices = f"{len(start['devices'])} x {start['devices'][0]}"
        return f"{start['started']} on {start['host']}, {devices}, gan_jax {package}"
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise UserError(
            f"{path} is not readable ({error}): restore or remove it"
        ) from error


def _newest(folder: Path) -> Picture | None:
    """The grid of the latest step."""
    step, path = max(numbered_pictures(folder), default=(0, None))
    return None if path is None else Picture(path, step)


def clock(run: Run) -> list[tuple[float, float]]:
    """Hours of training by images seen: as logged or, of runs that logged no time, by the
    speeds that they logged.

    Returns:
        (images seen, hours), both ascending, from (0, 0) on.
    """
    points = [(0.0, 0.0)]
    timed = any("wall_seconds" in line for line in run.metrics)
    for line in run.metrics:
        images, hours = points[-1]
        if line["images_seen"] <= images:
            continue
        if timed:
            now = line.get("wall_seconds", math.nan) / 3600.0
        else:
            speed = line.get("images_per_second", math.nan)
            spent = (line["images_seen"] - images) / speed if speed > 0.0 else math.nan
            now = hours + spent / 3600.0
        if now >= hours and math.isfinite(now):
            points.append((line["images_seen"], now))
    return points
