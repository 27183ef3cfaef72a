"""Trains what is not trained yet, measures it, and writes the study's page.

    python -m experiments.infogan.run --folder runs/infogan

Half an hour on one core; what was stopped goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.bands import seeds_band
from experiments.infogan.measure import Finished, measure
from experiments.infogan.page import Runs, page
from experiments.infogan.runs import BASELINE, INFORMED, METHODS, SEEDS, make_config
from experiments.looks import look
from experiments.report import write_page
from experiments.training import train
from gan_jax.analysis import Curve, curves
from gan_jax.metrics.classifier import load_classifier
from gan_jax.pictures import save_png

HERE = Path(__file__).parent
_WINDOW = 5
"""Logged numbers that are averaged in curves."""


def band(runs: Sequence[Finished]) -> Curve:
    """The bound on the information over training: from the lowest seed to the highest."""
    kernel = np.full(_WINDOW, 1.0 / _WINDOW)
    values = np.array([np.convolve(run.curve, kernel, mode="valid") for run in runs])
    return seeds_band(runs[0].steps[_WINDOW - 1 :].astype(float), values)


def draw_information(runs: Runs, output: Path) -> None:
    """The curves with the term and without."""
    lines = {METHODS[name].title: band(runs[name]) for name in (INFORMED, BASELINE)}
    save_png(output, curves(lines, x_label="steps", y_label="information, nats"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder.resolve()
    net, runs, said = load_classifier("mnist"), {}, {}
    for name in METHODS:
        workdirs = [train(make_config(name, seed), name, folder) for seed in SEEDS]
        pairs = zip(SEEDS, workdirs, strict=True)
        runs[name] = [measure(workdir, seed, net) for seed, workdir in pairs]
        said[name] = look(HERE, str(workdirs[0]), f"codes_{name}.png", "codes", {})
    draw_information(runs, HERE / "information.png")
    write_page(__file__, page(runs, said), seed=SEEDS[0])


if __name__ == "__main__":
    main()
