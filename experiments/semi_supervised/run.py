"""Trains what is not trained yet, measures it, and writes the study's page.

    python -m experiments.semi_supervised.run --folder runs/semi_supervised

Three quarters of an hour on one core; what was stopped goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import jax

from experiments.bands import seeds_band
from experiments.report import write_page
from experiments.semi_supervised.measure import Finished, measure
from experiments.semi_supervised.page import Runs, page
from experiments.semi_supervised.runs import CELLS, GANS, LABELS, NAMES, SEEDS
from experiments.semi_supervised.train import train
from gan_jax.analyses import common
from gan_jax.analysis import Curve, curves
from gan_jax.metrics.classifier import load_classifier
from gan_jax.pictures import grid, save_png
from gan_jax.trained import open_run

HERE = Path(__file__).parent
SHOWN, COLUMNS = 64, 16


def band(runs: Sequence[Finished]) -> Curve:
    """Test accuracy over training: from the lowest seed to the highest."""
    return seeds_band(runs[0].steps.astype(float), [run.accuracy for run in runs])


def draw_accuracy(runs: Runs, labels: int, output: Path) -> None:
    """The curves of all variants with so many labels."""
    lines = {
        title: band(runs[name, labels])
        for name, title in NAMES.items()
        if (name, labels) in runs
    }
    save_png(output, curves(lines, x_label="steps", y_label="test accuracy"))


def draw_samples(workdir: Path, output: Path) -> None:
    """Samples of a run's generator."""
    images, _ = common.samples(open_run(workdir), jax.random.key(SEEDS[0]), SHOWN)
    save_png(output, grid(images, columns=COLUMNS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder.resolve()
    net, runs = load_classifier("mnist"), {}
    for name, labels in CELLS:
        workdirs = [train(name, labels, seed, folder) for seed in SEEDS]
        runs[name, labels] = [measure(name, workdir, net) for workdir in workdirs]
        if name in GANS and labels == LABELS[0]:
            draw_samples(workdirs[0], HERE / f"samples_{name}.png")
    for labels in LABELS:
        draw_accuracy(runs, labels, HERE / f"accuracy_{labels}.png")
    write_page(__file__, page(runs), seed=SEEDS[0])


if __name__ == "__main__":
    main()
