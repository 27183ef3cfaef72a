"""Trains everything that the page shows, in a folder outside of the repository.

    for part in SNGAN SAGAN BigGAN rows; do
        python -m experiments.biggan.train --folder runs/study --part $part
    done

The parts may run side by side. What is finished is not done again. A run that is killed on
purpose is started again by the same command, and so is this script.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax

from experiments.biggan.runs import KILLED, ROOT, ROWS, RUNS, row_config
from experiments.logs import read_lines
from gan_jax import loop
from gan_jax.checkpoint import saved_steps

KILL_AT, TWIN_STEPS = (140, 3_040), 200
"""The run is killed when it has logged these steps, between two checkpoints; the first time
before the step at which its twin, which nobody kills, ends."""


def last_step(workdir: Path) -> int:
    """The step of the newest checkpoint, 0 if there is none."""
    return max(saved_steps(workdir / "checkpoints"), default=0)


def train(folder: Path, name: str, method: str, steps: int | None = None) -> None:
    """One `gan-jax train` to its end, in the subfolder `name`.

    Args:
        folder: of the study.
        name: of the run.
        method: one of `RUNS`.
        steps: where it ends, if not where the method's run does.
    """
    whole = int(RUNS[method].changes["train.steps"])
    if last_step(folder / name) < (whole if steps is None else steps):
        _start(folder, name, method, steps).wait()


def train_killed(folder: Path, name: str, method: str) -> None:
    """The same, killed on the way by SIGKILL and started again. What it had logged is kept
    as metrics_STEP.jsonl.
    """
    workdir = folder / name
    for step in KILL_AT:
        kept = workdir / f"metrics_{step}.jsonl"
        if kept.exists():
            continue
        _kill_at(step, folder, name, method)
        shutil.copy(workdir / "metrics.jsonl", kept)
    train(folder, name, method)


def _kill_at(step: int, folder: Path, name: str, method: str) -> None:
    """Starts a run, and kills it when it has logged a step."""
    process = _start(folder, name, method, None)
    logged = folder / name / "metrics.jsonl"
    while max((line["step"] for line in read_lines(logged)), default=0) < step:
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended before step {step}: see its log")
        time.sleep(2.0)
    process.send_signal(signal.SIGKILL)
    process.wait()


def _start(
    folder: Path, name: str, method: str, steps: int | None
) -> subprocess.Popen[bytes]:
    flags = RUNS[method].flags(str(folder / name), steps)
    # A program that was compiled once is not compiled again when its run goes on.
    cache = {"JAX_COMPILATION_CACHE_DIR": str(folder / "compiled")}
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "gan_jax", "train", *flags],
            cwd=ROOT,
            env=os.environ | cache,
            stdout=log,
            stderr=log,
        )


def train_rows(folder: Path) -> None:
    """The rows of the ablation, by the same loop in this process."""
    jax.config.update("jax_compilation_cache_dir", str(folder / "compiled"))
    for row in ROWS:
        config, workdir = row_config(row), folder / row.name
        if last_step(workdir) < config.train.steps:
            loop.train(config, workdir)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--part", choices=(*RUNS, "rows"), required=True)
    arguments = parser.parse_args()
    folder, part = arguments.folder.resolve(), arguments.part
    folder.mkdir(parents=True, exist_ok=True)
    if part == "rows":
        train_rows(folder)
    elif part == KILLED:
        train(folder, "twin", KILLED, TWIN_STEPS)
        train_killed(folder, KILLED, KILLED)
    else:
        train(folder, part, part)


if __name__ == "__main__":
    main()
