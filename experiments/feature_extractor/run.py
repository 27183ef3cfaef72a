"""Trains what is not trained yet, measures it, and writes the study's page.

    python -m experiments.feature_extractor.run --folder runs/feature_extractor

Half an hour on one core; what was stopped goes on, and what was read out is kept in the
folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax
import numpy as np

from experiments.bands import seeds_band
from experiments.feature_extractor.measure import (
    FEATURES,
    Read,
    digits_of,
    extractor,
    kept,
    minutes,
    read_out,
)
from experiments.feature_extractor.page import Found, page
from experiments.feature_extractor.runs import LABELS, METHODS, SEEDS, make_config
from experiments.report import write_page
from experiments.training import train_all
from gan_jax.analyses import common
from gan_jax.analysis import curves
from gan_jax.metrics.classifier import LabelledImages
from gan_jax.pictures import grid, save_png
from gan_jax.trained import open_run

HERE = Path(__file__).parent
COLUMNS = 16


def read(name: str, seed: int, workdir: Path, digits: LabelledImages) -> Read:
    """What is read out of a seed's features, from the run's folder if it is there."""

    def make() -> Read:
        return read_out(extractor(name, seed, workdir, digits), digits, seed)

    return kept(workdir / f"read_{FEATURES.index(name)}.json", make)


def draw_accuracy(found: Found, output: Path) -> None:
    """Accuracy over the number of labels: a band from the lowest seed to the highest."""
    x = np.log10(LABELS)
    lines = {}
    for name, reads in found.items():
        values = np.array([[one.accuracy[each] for each in LABELS] for one in reads])
        lines[name] = seeds_band(x, values)
    picture = curves(lines, x_label="labels a class, as a power of ten", y_label="accuracy")
    save_png(output, picture)


def draw_samples(workdirs: list[Path], output: Path) -> None:
    """A row of samples of each run."""
    rows = []
    for workdir in workdirs:
        run = open_run(workdir)
        latents = run.latents(jax.random.key(0), COLUMNS)
        rows.append(np.asarray(common.generator(run)(latents, None)))
    save_png(output, grid(np.concatenate(rows), columns=COLUMNS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder.resolve()
    workdirs = list(train_all(METHODS, SEEDS, make_config, folder).values())
    digits = digits_of(workdirs[0])
    pairs = list(zip(SEEDS, workdirs, strict=True))
    found = {name: [read(name, s, w, digits) for s, w in pairs] for name in FEATURES}
    draw_accuracy(found, HERE / "accuracy.png")
    draw_samples(workdirs, HERE / "samples.png")
    spent = float(np.mean([minutes(workdir) for workdir in workdirs]))
    write_page(__file__, page(found, spent), seed=SEEDS[0])


if __name__ == "__main__":
    main()
