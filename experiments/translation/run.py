"""Trains what is not trained yet, measures it, and writes the study's page.

    python -m experiments.translation.run --folder runs/translation

An hour on one core; what was stopped goes on. Scores are in the project's own emoji
classifier, trained on first use and cached.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from experiments.report import write_page
from experiments.training import train_all
from experiments.translation.measure import (
    Finished,
    Judge,
    emoji,
    judge,
    measure,
    recoloured,
    score,
)
from experiments.translation.page import Runs, page
from experiments.translation.runs import FIRST, METHODS, SECOND, SEEDS, make_config
from gan_jax.metrics.classifier import load_classifier
from gan_jax.metrics.perceptual import squeezenet_distance
from gan_jax.pictures import grid, save_png

HERE = Path(__file__).parent
COLUMNS = 20


def baselines(by: Judge) -> dict[str, list[Finished]]:
    """What needs no training."""
    made = {
        "unchanged": by.given,
        "recoloured": recoloured(
            by.given, emoji(FIRST, "train_a"), emoji(SECOND, "train_b")
        ),
    }
    return {
        name: [Finished(score(images, by), images, 0.0)] for name, images in made.items()
    }


def draw(runs: Runs, by: Judge, output: Path) -> None:
    """Held-out emoji, what every method's first seed makes of them, and the truth."""
    # Emoji of one category stand together: some from all.
    shown = np.linspace(0, len(by.given) - 1, COLUMNS).astype(int)
    ways = ["recoloured", *METHODS]
    rows = [by.given, *(runs[name][0].made for name in ways), by.truth]
    save_png(output, grid(np.concatenate([row[shown] for row in rows]), columns=COLUMNS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder.resolve()
    workdirs = train_all(METHODS, SEEDS, make_config, folder)
    by = judge(load_classifier("emoji"), squeezenet_distance().measure)
    runs: dict[str, list[Finished]] = dict(baselines(by))
    for name in METHODS:
        runs[name] = [measure(workdirs[name, seed], by) for seed in SEEDS]
    draw(runs, by, HERE / "translations.png")
    write_page(__file__, page(runs, len(by.given)), seed=SEEDS[0])


if __name__ == "__main__":
    main()
