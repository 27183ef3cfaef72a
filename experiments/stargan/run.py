"""Trains what is not trained yet, measures it, and writes the study's page.

    python -m experiments.stargan.run --folder runs/stargan

An hour and a half on one core; what was stopped goes on. A classifier of styles is trained
once, and kept in the folder.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from experiments.report import write_page
from experiments.stargan.measure import (
    Finished,
    Judges,
    aligned,
    baselines,
    measure,
    style_classifier,
)
from experiments.stargan.page import page
from experiments.stargan.runs import METHODS, SEEDS, STYLES, make_config
from experiments.training import train_all
from gan_jax.metrics.classifier import load_classifier
from gan_jax.metrics.perceptual import squeezenet_distance
from gan_jax.pictures import grid, save_png

HERE, COLUMNS = Path(__file__).parent, 20


def draw(run: Finished, held_out: Sequence[np.ndarray], output: Path) -> None:
    """For each style its held-out emoji, and what becomes of them in the others."""
    # Emoji of one category stand together: some from all.
    shown = np.linspace(0, len(held_out[0]) - 1, COLUMNS).astype(int)
    rows = []
    for given, images in enumerate(held_out):
        rows.append(images[shown])
        others = [label for label in range(len(STYLES)) if label != given]
        rows += [run.made[given, label][shown] for label in others]
    save_png(output, grid(np.concatenate(rows), columns=COLUMNS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder.resolve()
    workdirs = train_all(METHODS, SEEDS, make_config, folder)
    by = Judges(
        load_classifier("emoji"),
        style_classifier(folder),
        squeezenet_distance().measure,
        aligned("test"),
    )
    runs: Mapping[str, Sequence[Finished]] = {
        name: [run] for name, run in baselines(by).items()
    } | {name: [measure(workdirs[name, s], by) for s in SEEDS] for name in METHODS}
    for name in METHODS:
        draw(runs[name][0], by.held_out, HERE / f"{name}.png")
    write_page(__file__, page(runs, by), seed=SEEDS[0])


if __name__ == "__main__":
    main()
