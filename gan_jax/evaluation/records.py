"""Numbers on disk: evaluations.jsonl, one measurement a line."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax import files
from gan_jax.errors import UserError
from gan_jax.metrics.manifest import Measurement

FILE = "evaluations.jsonl"


class Entry(NamedTuple):
    """A measurement and the state it is of.

    Attributes:
        measurement: the number.
        step: of the state.
        images_seen: steps times batch size.
        wall_seconds: of training until then.
        digest: SHA-256 of the state.
        time: of the evaluation, ISO 8601.
        host: where it was made.
    """

    measurement: Measurement
    step: int
    images_seen: int
    wall_seconds: float
    digest: str
    time: str
    host: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON values: a line of the file."""
        values = self._asdict()
        return values.pop("measurement").to_dict() | values


def make_entry(
    measurement: Measurement, *, step: int, images_seen: int, wall: float, digest: str
) -> Entry:
    """An entry of now and here."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    return Entry(measurement, step, images_seen, wall, digest, now, socket.gethostname())


def append(workdir: Path, entries: Iterable[Entry]) -> None:
    """Adds entries to a work directory's file, all of them or none."""
    lines = [json.dumps(entry.to_dict(), allow_nan=False) + "\n" for entry in entries]
    path = workdir / FILE
    files.write_atomic(path, (_text(path) + "".join(lines)).encode())


def truncate_after(workdir: Path, step: int) -> None:
    """Forgets entries of later steps: the run goes on from this one."""
    path = workdir / FILE
    if not path.exists():
        return
    kept = [
        line + "\n" for line, values in _lines(path) if int(values.get("step", 0)) <= step
    ]
    files.write_atomic(path, "".join(kept).encode())


def read(workdir: Path) -> list[Entry]:
    """The entries of a work directory, oldest first; none if nothing was measured.

    Raises:
        UserError: a line is damaged; names it.
    """
    path = workdir / FILE
    entries = []
    for number, (_, values) in enumerate(_lines(path), start=1):
        try:
            rest = {name: values[name] for name in Entry._fields[1:]}
            entries.append(Entry(Measurement.from_dict(values), **rest))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}, line {number}: no measurement ({error})") from error
    return entries


def _text(path: Path) -> str:
    """Whole lines of a file; one that a crash cut short is left out."""
    if not path.exists():
        return ""
    text = path.read_text()
    return text[: text.rfind("\n") + 1]


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(_text(path).splitlines(), start=1):
        try:
            values = json.loads(line)
        except ValueError as error:
            raise UserError(f"{path}, line {number}, is damaged: {error}") from error
        if not isinstance(values, dict):
            raise UserError(f"{path}, line {number}, is damaged: no JSON object")
        yield line, values
