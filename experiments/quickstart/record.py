"""Runs the quickstart as a user would, and records its picture, scores and time here.

    python experiments/quickstart/record.py

The run's classifier for scores is trained anew, so that the time is that of a first run.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COMMAND = ["train", "--config", "configs/quickstart.py", "--workdir"]

PAGE = """# The quickstart run

The README's first command, recorded by `python experiments/quickstart/record.py`.

![Samples by class](samples.png)

One column a class; latents are fixed, weights are the generator's average.

| | |
|---|---|
| command | `gan-jax {command}` |
| seed | {seed} |
| steps, images seen | {steps:,}, {images:,} |
| wall time, start to end, first run | {minutes:.1f} minutes |
| of that, training | {training:.1f} minutes |
| machine | {machine} |
| versions | {versions} |

Scores of {samples:,} samples against {reference:,} training digits, in the features of the
project's own digit classifier (they compare with nothing else):

| images seen | {names} |
|---|{rule}
{rows}
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        workdir = Path(folder) / "quickstart"
        start = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "gan_jax", *COMMAND, str(workdir)],
            cwd=ROOT,
            env=os.environ | {"GAN_JAX_CACHE": str(Path(folder) / "cache")},
            check=True,
        )
        seconds = time.monotonic() - start
        record(workdir, seconds)


def record(workdir: Path, seconds: float) -> None:
    """Writes the page and the picture of a finished run."""
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").open()]
    config = json.loads((workdir / "config.json").read_text())
    environment = json.loads((workdir / "environment.json").read_text())["starts"][-1]
    scores = [
        {name: value for name, value in line.items() if name.startswith("score/")} | line
        for line in lines
        if any(name.startswith("score/") for name in line)
    ]
    names = sorted(name for name in scores[-1] if name.startswith("score/"))
    speeds = [line["images_per_second"] for line in lines if "images_per_second" in line]
    every = config["log"]["every"] * config["train"]["batch_size"]
    packages = environment["packages"]
    page = PAGE.format(
        command=" ".join([*COMMAND, "runs/quickstart"]),
        seed=config["seed"],
        steps=config["train"]["steps"],
        images=scores[-1]["images_seen"],
        minutes=seconds / 60.0,
        training=sum(every / speed for speed in speeds) / 60.0,
        machine=f"{os.cpu_count()} CPU cores, {platform.machine()}, no accelerator",
        versions=", ".join(f"{name} {packages[name]}" for name in ("jax", "flax", "optax")),
        samples=config["score"]["samples"],
        reference=config["score"]["reference"],
        names=" | ".join(name.split("/")[1].replace("_", " ") for name in names),
        rule="---|" * len(names),
        rows="\n".join(
            f"| {row['images_seen']:,} | "
            + " | ".join(f"{row[name]:.4g}" for name in names)
            + " |"
            for row in scores
        ),
    )
    (HERE / "README.md").write_text(page)
    shutil.copy(sorted((workdir / "samples").glob("*.png"))[-1], HERE / "samples.png")


if __name__ == "__main__":
    main()
