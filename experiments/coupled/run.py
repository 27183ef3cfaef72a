"""Trains what is not trained yet, measures it, and writes the study's page.

    python -m experiments.coupled.run --folder runs/coupled

A quarter of an hour on one core; what was stopped goes on. A classifier of edges is trained
once, and kept in the folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from experiments.coupled.measure import classifiers, measure, true_pairs
from experiments.coupled.page import page
from experiments.coupled.runs import METHODS, SEEDS, make_config
from experiments.report import write_page
from experiments.training import train_all
from gan_jax.pictures import grid, save_png

HERE, SHOWN, COLUMNS = Path(__file__).parent, 24, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder.resolve()
    workdirs = train_all(METHODS, SEEDS, make_config, folder)
    by = classifiers(folder)
    runs = {
        name: [measure(name, workdirs[name, seed], seed, by, SHOWN) for seed in SEEDS]
        for name in METHODS
    }
    for name in METHODS:
        save_png(HERE / f"{name}.png", grid(runs[name][0].shown, columns=COLUMNS))
    write_page(__file__, page(runs, true_pairs(by)), seed=SEEDS[0])


if __name__ == "__main__":
    main()
