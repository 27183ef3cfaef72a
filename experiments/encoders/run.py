"""Trains what is not trained yet, measures it, and writes the study's page.

    python -m experiments.encoders.run --folder runs/encoders

An hour on one core; what was stopped goes on, and what was measured is kept in the folders
of the runs. Scores are in the project's own digit classifier, trained on first use and
cached.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np

from experiments.encoders.measure import (
    CLASSES,
    ENCODERS,
    GAME,
    PER_CLASS,
    REGRESSION,
    Finished,
    Pictures,
    fewer,
    kept,
    measure,
    pixels,
    read_out,
    shown_digits,
)
from experiments.encoders.page import Baselines, page
from experiments.encoders.runs import METHODS, SEEDS, make_config
from experiments.report import write_page
from experiments.training import train
from gan_jax.metrics.classifier import load_classifier, mnist_images
from gan_jax.metrics.frechet import frechet_distance
from gan_jax.pictures import grid, save_png

HERE = Path(__file__).parent
COLUMNS = CLASSES * PER_CLASS


def draw(shown: dict[str, list[Pictures]], digits: np.ndarray) -> None:
    """The page's pictures: reconstructions of each method's first seed, samples of all, and
    rows from digit to digit.
    """
    first = {name: pictures[0] for name, pictures in shown.items()}
    rows = [digits]
    for pictures in first.values():
        rows += [pictures.again[ENCODERS.index(kind)] for kind in (GAME, REGRESSION)]
    save_png(HERE / "reconstructions.png", grid(np.concatenate(rows), columns=COLUMNS))
    samples = [p.samples for pictures in shown.values() for p in pictures]
    save_png(HERE / "samples.png", grid(np.concatenate(samples), columns=COLUMNS))
    between = np.concatenate([pictures.between for pictures in first.values()])
    flat = between.reshape(-1, *between.shape[2:])
    save_png(HERE / "between.png", grid(flat, columns=between.shape[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder.resolve()
    data, net = mnist_images(), load_classifier("mnist")
    found: dict[str, list[Finished]] = {}
    shown: dict[str, list[Pictures]] = {}
    for name in METHODS:
        workdirs = [train(make_config(name, seed), name, folder) for seed in SEEDS]
        measured = [
            kept(workdir, partial(measure, workdir, seed, data, net))
            for workdir, seed in zip(workdirs, SEEDS, strict=True)
        ]
        found[name] = [finished for finished, _ in measured]
        shown[name] = [pictures for _, pictures in measured]
    draw(shown, shown_digits(data))
    known = fewer(data)
    read = read_out(pixels(known.train_images), pixels(known.test_images), known)
    distance = frechet_distance(
        net.features(known.train_images), net.features(known.test_images)
    )
    assert net.accuracy is not None  # the library trained it
    write_page(
        __file__, page(found, Baselines(read, distance, net.accuracy)), seed=SEEDS[0]
    )


if __name__ == "__main__":
    main()
