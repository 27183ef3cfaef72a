"""Trains the study's runs, one after the other; one that was stopped goes on.

python -m experiments.semi_supervised.train --folder runs/semi_supervised [NAME ...]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from experiments import training
from experiments.semi_supervised.alone import accuracy_of, train_alone
from experiments.semi_supervised.runs import (
    ALONE,
    BATCHES,
    CELLS,
    EVERY,
    SEEDS,
    make_config,
)
from gan_jax.metrics.classifier import mnist_images
from gan_jax.session import open_session

TESTED = "tested.json"
"""What is kept in the folder of a classifier alone."""


def train(name: str, labels: int, seed: int, folder: Path) -> Path:
    """Trains a run to its last step; returns its work directory."""
    cell = f"{name}_{labels}"
    if name != ALONE:
        return training.train(make_config(name, labels, seed), cell, folder)
    workdir = training.run_folder(folder, cell, seed)
    _train_alone(labels, seed, workdir)
    return workdir


def _train_alone(labels: int, seed: int, workdir: Path) -> None:
    if (workdir / TESTED).exists():
        return
    digits = mnist_images()
    session = open_session(make_config(ALONE, labels, seed))
    found = train_alone(
        session,
        EVERY,
        lambda view: accuracy_of(
            view, digits.test_images, digits.test_labels, BATCHES[ALONE]
        ),
    )
    workdir.mkdir(parents=True, exist_ok=True)
    (workdir / TESTED).write_text(json.dumps(found._asdict()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("names", nargs="*", metavar="NAME", help="by default all")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    for seed in SEEDS:
        for name, labels in CELLS:
            if name in arguments.names or not arguments.names:
                print(train(name, labels, seed, folder), flush=True)


if __name__ == "__main__":
    main()
