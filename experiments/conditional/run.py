"""Trains what is not trained yet, measures it, and writes the study's page.

    python -m experiments.conditional.run --folder runs/conditional

Half an hour on one core; what was stopped goes on. Scores are in the project's own digit
classifier, trained on first use and cached.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from experiments.bands import seeds_band
from experiments.conditional.measure import (
    EACH,
    REFERENCE,
    Finished,
    balanced,
    measure,
    score_in,
)
from experiments.conditional.page import GOAL, MORE, REAL, ROWS, Runs, page
from experiments.conditional.runs import CLASSES, METHODS, SEEDS, make_config
from experiments.report import write_page
from experiments.training import train_all
from gan_jax.analysis import Curve, curves
from gan_jax.metrics.classifier import load_classifier, mnist_images
from gan_jax.metrics.perceptual import squeezenet_distance
from gan_jax.pictures import grid, save_png

HERE = Path(__file__).parent


def draw_accuracy(runs: Runs, output: Path) -> None:
    """Accuracy over training: a mean over seeds with a band as wide as their range."""
    lines = {}
    for name, method in METHODS.items():
        if not method.conditional:
            continue
        lines[name] = seeds_band(runs[name][0].steps, [run.curve for run in runs[name]])
    steps = runs[next(iter(METHODS))][0].steps[[0, -1]]
    lines[f"{GOAL:.0%}"] = Curve(steps, np.full(2, GOAL))
    picture = curves(lines, x_label="steps", y_label="accuracy")
    save_png(output, picture)


def draw_samples(runs: Runs, real: np.ndarray) -> None:
    """Of every method's first seed, and held-out digits: a column a class."""
    for name in METHODS:
        pictures = grid(runs[name][0].shown, columns=CLASSES)
        save_png(HERE / f"samples_{name}.png", pictures)
    save_png(HERE / "real.png", grid(real[: ROWS * CLASSES], columns=CLASSES))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder.resolve()
    workdirs = train_all(METHODS, SEEDS, make_config, folder)
    net, data = load_classifier("mnist"), mnist_images()
    compared = balanced(data.train_images, data.train_labels, REFERENCE)
    more = balanced(data.train_images, data.train_labels, EACH, skip=REFERENCE)
    held_out = balanced(data.test_images, data.test_labels, EACH)
    score = score_in(net, compared, squeezenet_distance().measure)
    runs: dict[str, list[Finished]] = {
        name: [measure(workdirs[name, s], s, score, ROWS * CLASSES) for s in SEEDS]
        for name in METHODS
    }
    draw_accuracy(runs, HERE / "accuracy.png")
    draw_samples(runs, held_out.images)
    assert net.accuracy is not None  # the library trained it
    known = {REAL: score(held_out), MORE: score(more)}
    write_page(__file__, page(runs, known, net.accuracy), seed=SEEDS[0])


if __name__ == "__main__":
    main()
