"""The work directory of a run: its lock, its config, and where everything goes.

config.json         the resolved config
environment.json    every start: time, command line, versions, revision, data
lock                held while a run is alive
metrics.jsonl  samples/  checkpoints/  tensorboard/
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import logging
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, NamedTuple

import jax
from ml_collections import ConfigDict

from gan_jax.errors import UserError
from gan_jax.files import write_atomic

_LOG = logging.getLogger(__name__)
_PACKAGES = (
    "gan_jax",
    "jax",
    "jaxlib",
    "numpy",
    "flax",
    "optax",
    "orbax-checkpoint",
    "grain",
    "tensorflow-datasets",
    "ml_collections",
    "scipy",
    "pillow",
)
_ABSENT = object()


class WorkdirError(UserError):
    """A work directory cannot be used: in use, of another config, or not writable."""


class Workdir(NamedTuple):
    """Where the things of one run are.

    Attributes:
        path: the directory.
        resumed: whether a run was here before.
    """

    path: Path
    resumed: bool

    @property
    def samples(self) -> Path:
        """Folder of sample grids."""
        return self.path / "samples"

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def tensorboard(self) -> Path:
        """Folder of TensorBoard event files."""
        return self.path / "tensorboard"

    @property
    def metrics(self) -> Path:
        """File with one JSON object of metrics per line."""
        return self.path / "metrics.jsonl"


class SameRun(NamedTuple):
    """When two configs are of the same run.

    Attributes:
        free_fields: dotted names of fields, or of groups of fields, that may differ.
        defaults: values of fields that a run may not have yet, having been made by an older
            version.
    """

    free_fields: Sequence[str] = ()
    defaults: Mapping[str, Any] | ConfigDict = MappingProxyType({})


_EQUAL = SameRun()


@contextmanager
def open_workdir(
    path: str | os.PathLike[str],
    config: ConfigDict | Mapping[str, Any],
    *,
    resume: bool = True,
    same: SameRun = _EQUAL,
    data_fingerprint: str | None = None,
) -> Iterator[Workdir]:
    """Takes a work directory for the length of a run.

    In runs of several processes the first one locks and writes; the others are only told
    where things are.

    Args:
        path: the directory, made if missing.
        config: of the run; leaves are JSON values or sequences of them.
        resume: whether to go on with a run that is there already.
        same: when it counts as the run that is there.
        data_fingerprint: of the data set; it may not change during a run.

    Yields:
        The work directory.

    Raises:
        WorkdirError: a live run uses it, it was made by another config or with other data,
            it holds a run and `resume` is false, or it cannot be written.
    """
    place = Path(os.path.abspath(os.path.expanduser(path)))
    resolved = config_dict(config)
    if jax.process_index() != 0:
        yield Workdir(place, resumed=(place / "config.json").exists())
        return
    with _readable_errors(place):
        place.mkdir(parents=True, exist_ok=True)
        lock = (place / "lock").open("a+")
    with lock:
        with _readable_errors(place):
            _take(lock, place)
            resumed = _settle(place, resolved, resume, same, data_fingerprint)
            for folder in ("samples", "checkpoints", "tensorboard"):
                (place / folder).mkdir(exist_ok=True)
        yield Workdir(place, resumed)


def read_config(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The resolved config of a work directory, as plain values.

    Raises:
        WorkdirError: there is none, or it is not readable.
    """
    return _read_json(Path(path) / "config.json")


def config_dict(config: ConfigDict | Mapping[str, Any]) -> dict[str, Any]:
    """A config as plain JSON values: references resolved, tuples as lists.

    Raises:
        WorkdirError: a field is no JSON value; names it.
    """
    values = config.to_dict() if isinstance(config, ConfigDict) else config
    return {str(name): _plain(value, str(name)) for name, value in values.items()}


def config_differences(
    here: Mapping[str, Any],
    there: Mapping[str, Any],
    same: SameRun = _EQUAL,
) -> list[str]:
    """Says field by field where two plain configs differ.

    Args:
        here: the config of this run.
        there: that of the work directory.
        same: fields to pass over, and values of those that the work directory lacks.

    Returns:
        Lines such as "train.batch_size: 64 here, 128 in the work directory".
    """
    ours, theirs = dict(_fields(here)), dict(_fields(there))
    usual = dict(_fields(config_dict(same.defaults)))
    lines = []
    for name in sorted(ours.keys() | theirs.keys()):
        mine = ours.get(name, _ABSENT)
        other = theirs.get(name, usual.get(name, _ABSENT))
        free = any(
            name == field or name.startswith(field + ".") for field in same.free_fields
        )
        if not free and (mine is _ABSENT or other is _ABSENT or not _same(mine, other)):
            lines.append(
                f"{name}: {_show(mine)} here, {_show(other)} in the work directory"
            )
    return lines


def write_json_atomic(path: str | os.PathLike[str], value: Any) -> None:
    """Writes a JSON file whole or not at all.

    Raises:
        OSError: the disk is full or the folder cannot be written; the old file is kept.
        TypeError: `value` is no JSON value.
    """
    write_atomic(Path(path), (json.dumps(value, indent=2, sort_keys=True) + "\n").encode())


def environment(data_fingerprint: str | None = None) -> dict[str, Any]:
    """What a run depends on besides its config: versions, revision, machine, data."""
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": list(sys.argv),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "processes": jax.process_count(),
        "devices": [f"{d.platform} {d.device_kind}" for d in jax.devices()],
        "packages": {name: _version(name) for name in _PACKAGES},
        "git_revision": git_revision(),
        "data_fingerprint": data_fingerprint,
    }


def git_revision() -> str | None:
    """The commit of the checkout that gan_jax runs from, with "+changes" if files differ
    from it; None outside a checkout or without git.
    """
    package = Path(__file__).resolve().parent
    root = _git(package, "rev-parse", "--show-toplevel")
    # An installed copy may lie inside a checkout of something else.
    if root is None or Path(root).resolve() / package.name != package:
        return None
    commit = _git(package, "rev-parse", "HEAD")
    changed = _git(package, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if commit and changed else commit


def _settle(
    place: Path,
    config: dict[str, Any],
    resume: bool,
    same: SameRun,
    data_fingerprint: str | None,
) -> bool:
    """Writes the files of a first start, or compares with them; returns which it was."""
    file, log = place / "config.json", place / "environment.json"
    start = environment(data_fingerprint)
    resumed = file.exists()
    starts: list[dict[str, Any]] = []
    if resumed:
        if not resume:
            raise WorkdirError(
                f"{place} holds a run already: resume it, or choose another work directory"
            )
        _check_config(place, config, _read_json(file), same)
        starts = _read_json(log)["starts"] if log.exists() else []
        _check_environment(place, start, starts)
    write_json_atomic(log, {"starts": [*starts, start]})
    write_json_atomic(file, config)  # last: its presence says that a run was here
    return resumed


def _check_config(
    place: Path, here: dict[str, Any], there: dict[str, Any], same: SameRun
) -> None:
    lines = config_differences(here, there, same)
    if lines:
        raise WorkdirError(
            f"{place} was made by another config: {'; '.join(lines)}. "
            "Use that config, or another work directory."
        )


def _check_environment(
    place: Path, start: dict[str, Any], starts: Sequence[dict[str, Any]]
) -> None:
    data = [s["data_fingerprint"] for s in starts if s["data_fingerprint"] is not None]
    here = start["data_fingerprint"]
    if data and here is not None and here != data[-1]:
        raise WorkdirError(
            f"the data have changed since {place} was made: fingerprint {here} here, "
            f"{data[-1]} there. Restore them, or use another work directory."
        )
    if starts:
        before = starts[-1]["packages"] | {"python": starts[-1]["python"]}
        now = start["packages"] | {"python": start["python"]}
        changed = [
            f"{p} {before.get(p)} -> {v}" for p, v in now.items() if before.get(p) != v
        ]
        if changed:
            _LOG.warning("resuming under other versions: %s", ", ".join(changed))


def _take(lock: IO[str], place: Path) -> None:
    """Locks the file until it is closed or the process dies, and notes who holds it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        raise WorkdirError(
            f"{place} is in use by a live run ({holder}): wait for it, end it, or choose "
            "another work directory"
        ) from None
    except OSError as error:
        _LOG.warning("%s cannot be locked (%s): start no second run in it", place, error)
    lock.truncate(0)
    lock.write(f"pid {os.getpid()} on {socket.gethostname()}")
    lock.flush()


@contextmanager
def _readable_errors(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise WorkdirError(
            f"cannot write to the work directory {place}: {reason}"
        ) from error


def _read_json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text())
    except FileNotFoundError:
        raise WorkdirError(f"{file} does not exist: no run has been there") from None
    except (OSError, ValueError) as error:
        raise WorkdirError(
            f"{file} is not readable ({error}): restore or remove it"
        ) from error
    if not isinstance(value, dict):
        raise WorkdirError(f"{file} is not readable (no JSON object): restore or remove it")
    return value


def _plain(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v, f"{name}.{k}") for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v, f"{name}[{i}]") for i, v in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise WorkdirError(f"config field {name} is a {type(value).__name__}, not a JSON value")


def _fields(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _fields(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _same(a: Any, b: Any) -> bool:
    """Equal as JSON: true is not 1, and nan is nan."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def _show(value: Any) -> str:
    return "absent" if value is _ABSENT else json.dumps(value)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
