"""Trains what is not trained yet, measures it, and writes the study's page.

    python -m experiments.gmmn.run --folder runs/gmmn

A quarter of an hour on one core; what was stopped goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.bands import seeds_band
from experiments.gmmn import measure
from experiments.gmmn.measure import COMPARED, SAMPLES
from experiments.gmmn.page import COUNTS, TRUE, Runs, kmeans_name, page
from experiments.gmmn.runs import CODES, METHODS, PIXELS, SEEDS, make_config
from experiments.report import write_page
from experiments.training import train_all
from gan_jax.analyses import common
from gan_jax.analysis import Curve, curves
from gan_jax.pictures import grid, save_png
from gan_jax.trained import open_run

HERE, SHOWN = Path(__file__).parent, 100


def band(found: Sequence[measure.Curve]) -> Curve:
    """Roots of discrepancies of several seeds, as a line with a band of their range."""
    values = np.sqrt(np.maximum([curve.values for curve in found], 0.0))
    return seeds_band(found[0].images / 1000.0, values)


def draw_discrepancies(runs: Runs, floor: tuple[float, float], output: Path) -> None:
    """Over training: in pixels on the left, in codes on the right."""
    lines = {m.title: band([r.pixels for r in runs[n]]) for n, m in METHODS.items()}
    found = [run.codes for run in runs["gmmn_ae"] if run.codes is not None]
    codes = {METHODS["gmmn_ae"].title: band(found)}
    parts = []
    for drawn, square, space in ((lines, floor[0], "pixels"), (codes, floor[1], "codes")):
        ends = [drawn_line.x[[0, -1]] for drawn_line in drawn.values()]
        x = np.array([min(e[0] for e in ends), max(e[1] for e in ends)])
        level = np.full(2, np.sqrt(max(square, 0.0)))
        picture = curves(
            {**drawn, TRUE: Curve(x, level)},
            x_label="thousand images seen",
            y_label=f"discrepancy in {space}",
        )
        parts.append(picture)
    save_png(output, common.beside(*parts))


def draw_digits(name: str, rows: np.ndarray) -> None:
    """The first hundred of rows (n, 784) in [0, 1]."""
    pictures = grid(measure.pictures_of(rows[:SHOWN]), columns=10)
    save_png(HERE / f"{name}.png", pictures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder.resolve()
    workdirs = train_all(METHODS, SEEDS, make_config, folder)
    digits = measure.load_digits()
    runs = {
        name: [measure.measure(name, workdirs[name, s], s, digits, SHOWN) for s in SEEDS]
        for name in METHODS
    }
    centres = {n: measure.centroids(digits.train, n, folder) for n in COUNTS}
    known = {TRUE: measure.windows(digits.train[:SAMPLES], digits)}
    known |= {kmeans_name(n): measure.windows(rows, digits) for n, rows in centres.items()}
    real, others = digits.test[:COMPARED], digits.train[:COMPARED]
    run = open_run(workdirs["gmmn_ae", SEEDS[0]])
    codes = [measure.codes_of(run, rows) for rows in (real, others)]
    floor = (
        measure.discrepancy(real, others, PIXELS),
        measure.discrepancy(codes[0], codes[1], CODES),
    )
    draw_discrepancies(runs, floor, HERE / "discrepancy.png")
    for name in METHODS:
        draw_digits(f"samples_{name}", runs[name][0].shown)
    draw_digits("kmeans", centres[COUNTS[-1]])
    draw_digits("real", digits.test)
    write_page(__file__, page(runs, known, floor), seed=SEEDS[0])


if __name__ == "__main__":
    main()
