"""Where a run's numbers, pictures and notes go, and the line that shows its progress."""

from __future__ import annotations

import importlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np

from gan_jax import files
from gan_jax.pictures import save_png

Values = Mapping[str, float]
"""Metric name to anything `float` understands."""


class MetricsWriter(Protocol):
    """Takes what a run has to tell; `step` counts optimizer steps and never goes back, but
    by `truncate_after`.
    """

    def scalars(self, step: int, values: Values) -> None:
        """Numbers of one step; `images_seen` is one of them by convention."""

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        """One picture, uint8 (H, W, C) with C = 1, 3 or 4."""

    def text(self, step: int, name: str, text: str) -> None:
        """One note."""

    def truncate_after(self, step: int) -> None:
        """Forgets what was written for later steps: the run goes on from this one."""

    def close(self) -> None:
        """Writes out what is left. Nothing may be written afterwards."""


class JsonlWriter:
    """One JSON object a line and a call, flushed at once.

    Numbers: `{"step": 10, "images_seen": 640, "discriminator/loss": 1.3}`; notes:
    `{"step": 10, "name": "config", "text": "..."}`. JSON has no infinities, so values that
    are not finite are the strings "nan", "inf" and "-inf"; `read_jsonl` turns them back.
    Pictures are not for this file and are passed over.

    Args:
        path: the file, continued if it exists; a line cut short by a crash is removed.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _cut_unfinished_line(self._path)
        self._stream: TextIO = self._path.open("a", encoding="utf-8")

    def scalars(self, step: int, values: Values) -> None:
        """Appends a line of numbers."""
        self._append({"step": int(step)} | {k: _jsonable(v) for k, v in values.items()})

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        """Does nothing: a picture is no line of text."""
        del step, name, image

    def text(self, step: int, name: str, text: str) -> None:
        """Appends a line with a note."""
        self._append({"step": int(step), "name": name, "text": text})

    def truncate_after(self, step: int) -> None:
        """Removes the lines of later steps, and damaged ones, atomically."""
        self._stream.close()
        kept = [line for line, entry in _entries(self._path) if entry["step"] <= step]
        files.write_atomic(self._path, "".join(kept).encode())
        self._stream = self._path.open("a", encoding="utf-8")

    def close(self) -> None:
        """Closes the file."""
        self._stream.close()

    def _append(self, line: dict[str, Any]) -> None:
        self._stream.write(json.dumps(line, allow_nan=False) + "\n")
        self._stream.flush()


class FolderWriter:
    """Pictures as files NAME_STEP.png and notes as NAME_STEP.txt in a folder; numbers are
    passed over.

    Args:
        directory: made if missing. A "/" in a name makes sub-folders.
    """

    def __init__(self, directory: str | Path) -> None:
        self._directory = Path(directory)

    def scalars(self, step: int, values: Values) -> None:
        """Does nothing: numbers have no files of their own."""
        del step, values

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        """Writes one file, atomically."""
        save_png(self._directory / f"{name}_{step:09d}.png", image)

    def text(self, step: int, name: str, text: str) -> None:
        """Writes one file, atomically."""
        files.write_atomic(self._directory / f"{name}_{step:09d}.txt", text.encode())

    def truncate_after(self, step: int) -> None:
        """Deletes the files of later steps."""
        for suffix in (".png", ".txt"):
            for number, path in _numbered(self._directory, suffix):
                if number > step:
                    path.unlink()

    def close(self) -> None:
        """Does nothing: every file is on disk already."""


def numbered_pictures(folder: Path) -> list[tuple[int, Path]]:
    """The pictures of a `FolderWriter` in a folder and below, with their steps."""
    return _numbered(folder, ".png")


def _numbered(folder: Path, suffix: str) -> list[tuple[int, Path]]:
    numbered = [
        (path.stem.rpartition("_")[2], path) for path in sorted(folder.rglob(f"*{suffix}"))
    ]
    return [
        (int(number), path)
        for number, path in numbered
        if number.isdecimal() and len(number) == 9
    ]


class TensorBoardWriter:
    """TensorBoard event files, through tensorboardX, without TensorFlow.

    Args:
        directory: of the event files. After `truncate_after` a further file marks the later
            steps of those before it as void, as TensorBoard expects.
    """

    def __init__(self, directory: str | Path) -> None:
        self._directory, self._files = str(directory), 0
        self._events = self._open(None)

    def scalars(self, step: int, values: Values) -> None:
        """Adds one scalar for each value."""
        for name, value in values.items():
            self._events.add_scalar(name, float(value), int(step))

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        """Adds one picture."""
        self._events.add_image(name, image, int(step), dataformats="HWC")

    def text(self, step: int, name: str, text: str) -> None:
        """Adds one note."""
        self._events.add_text(name, text, int(step))

    def truncate_after(self, step: int) -> None:
        """Begins a file that voids the later steps."""
        self._events.close()
        self._events = self._open(int(step) + 1)

    def close(self) -> None:
        """Writes out and closes the event file."""
        self._events.close()

    def _open(self, purge_step: int | None) -> Any:
        from tensorboardX import SummaryWriter

        # Names have the second, so a file of the same second needs one of its own; readers
        # take files in the order of their names.
        suffix = f".{self._files:03d}"
        self._files += 1
        return SummaryWriter(self._directory, purge_step=purge_step, filename_suffix=suffix)


class WandbWriter:
    """Weights & Biases, if the package is installed (`pip install 'gan-jax[wandb]'`).

    Steps are logged as the metric "step", the x axis of all others, so that a run may go
    back; what was sent for later steps stays on the server.

    Args:
        project: of the account that the machine is logged in to.
        directory: for the package's local files.
        run_id: one for each work directory, so that a resumed run continues its curves.
        config: shown beside the run.

    Raises:
        ModuleNotFoundError: the package is missing.
    """

    def __init__(
        self, project: str, directory: str | Path, run_id: str, config: Mapping[str, Any]
    ) -> None:
        self._wandb = _require_wandb()
        Path(directory).mkdir(parents=True, exist_ok=True)
        self._run = self._wandb.init(
            project=project,
            dir=str(directory),
            id=run_id,
            resume="allow",
            config=dict(config),
        )
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")

    def scalars(self, step: int, values: Values) -> None:
        """Sends the numbers of one step."""
        self._run.log({"step": int(step)} | {k: float(v) for k, v in values.items()})

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        """Sends one picture."""
        self._run.log({"step": int(step), name: self._wandb.Image(image)})

    def text(self, step: int, name: str, text: str) -> None:
        """Sends one note, shown as preformatted text."""
        escaped = text.replace("&", "&amp;").replace("<", "&lt;")
        note = self._wandb.Html(f"<pre>{escaped}</pre>")
        self._run.log({"step": int(step), name: note})

    def truncate_after(self, step: int) -> None:
        """Does nothing: what was sent cannot be taken back."""
        del step

    def close(self) -> None:
        """Ends the run."""
        self._run.finish()


class _Multi:
    def __init__(self, writers: Sequence[MetricsWriter]) -> None:
        self._writers = tuple(writers)

    def scalars(self, step: int, values: Values) -> None:
        for writer in self._writers:
            writer.scalars(step, values)

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        for writer in self._writers:
            writer.image(step, name, image)

    def text(self, step: int, name: str, text: str) -> None:
        for writer in self._writers:
            writer.text(step, name, text)

    def truncate_after(self, step: int) -> None:
        for writer in self._writers:
            writer.truncate_after(step)

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


def multi(*writers: MetricsWriter) -> MetricsWriter:
    """One writer that passes everything on to each; with none, to nobody."""
    return _Multi(writers)


def read_jsonl(path: str | Path) -> Iterator[dict[str, Any]]:
    """Lines of a `JsonlWriter`'s file in order, values that are not finite as floats.

    Lines that are no JSON object, as a crash or a full disk leave them, are left out.

    Args:
        path: the file.

    Yields:
        {"step": ..., name: value} or {"step": ..., "name": ..., "text": ...}.
    """
    for _, entry in _entries(Path(path)):
        if "text" not in entry:
            entry = {k: float(v) if isinstance(v, str) else v for k, v in entry.items()}
        yield entry


class ProgressBar:
    """Step, images/s, losses and the time left, on one line that is rewritten.

    Where the output is no terminal (a log file, a job's output), it prints a whole line
    every `interval_s` seconds instead, and one at the end.

    Args:
        total: step at which the run ends.
        initial: step at which it starts; time left is judged by steps made since then.
        stream: where to; standard error by default.
        interval_s: seconds between lines where the output is no terminal.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        total: int,
        initial: int = 0,
        *,
        stream: TextIO | None = None,
        interval_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._total, self._initial = total, initial
        self._interval, self._clock = interval_s, clock
        self._start = self._last = clock()
        self._pending = ""
        self._bar = _tqdm(total, initial, self._stream) if self._stream.isatty() else None

    def update(self, step: int, images_per_second: float, losses: Values) -> None:
        """Shows where the run is.

        Args:
            step: steps made, of the whole run.
            images_per_second: real images, over all devices.
            losses: a few numbers to show.
        """
        shown = [f"{images_per_second:,.0f} images/s"]
        shown += [f"{name} {float(value):.4g}" for name, value in losses.items()]
        if self._bar is not None:
            self._bar.set_postfix_str(", ".join(shown), refresh=False)
            self._bar.update(step - self._bar.n)
            return
        now = self._clock()
        share = f"step {step:,}/{self._total:,}"
        self._pending = " | ".join([share, *shown, f"{self._left(step, now)} left"])
        if now - self._last >= self._interval:
            self._last = now
            self._flush()

    def write(self, message: str) -> None:
        """Prints a line of its own, above the bar."""
        if self._bar is not None:
            self._bar.clear()
        print(message, file=self._stream, flush=True)
        if self._bar is not None:
            self._bar.refresh()

    def close(self) -> None:
        """Shows the last state and leaves it standing."""
        if self._bar is not None:
            self._bar.close()
        else:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self.write(self._pending)
        self._pending = ""

    def _left(self, step: int, now: float) -> str:
        """Time left as H:MM:SS, judged by the mean speed since the start."""
        made = step - self._initial
        if made <= 0:
            return "?"
        seconds = round((now - self._start) / made * (self._total - step))
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _jsonable(value: float) -> float | int | str:
    if isinstance(value, (int, np.integer)):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else str(number)


def _entries(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Whole lines with what they say."""
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(entry, dict) and "step" in entry:
            yield f"{line}\n", entry


def _cut_unfinished_line(path: Path) -> None:
    """Removes what follows the last newline."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)


def _require_wandb() -> Any:
    try:
        return importlib.import_module("wandb")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Weights & Biases is not installed: pip install 'gan-jax[wandb]', "
            "or switch it off in the config"
        ) from error


def _tqdm(total: int, initial: int, stream: TextIO) -> Any:
    from tqdm import tqdm

    form = "step {n_fmt}/{total_fmt} |{bar}| {percentage:3.0f}%, {remaining} left{postfix}"
    return tqdm(
        total=total, initial=initial, file=stream, bar_format=form, dynamic_ncols=True
    )
