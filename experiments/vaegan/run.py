"""Trains what is not trained yet, measures it, and writes the study's page.

    python -m experiments.vaegan.run --folder runs/vaegan

A quarter of an hour on one core; what was stopped goes on. Scores are in the project's own
emoji classifier, trained on first use and cached.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from experiments.report import write_page
from experiments.training import train_all
from experiments.vaegan.attributes import (
    CAT,
    COLOURS,
    FACES,
    SHAPES,
    named_emoji,
    rate,
    sums,
)
from experiments.vaegan.measure import (
    Judge,
    decoder,
    encoder,
    judge,
    measure,
    sharpness,
)
from experiments.vaegan.page import Real, Runs, page
from experiments.vaegan.runs import METHODS, SEEDS, make_config
from gan_jax.analyses import common
from gan_jax.metrics.classifier import load_classifier
from gan_jax.metrics.frechet import frechet_from_statistics, statistics
from gan_jax.metrics.perceptual import squeezenet_distance
from gan_jax.pictures import grid, save_png
from gan_jax.trained import Trained, open_run

HERE = Path(__file__).parent
COLUMNS, ROWS = 16, 3
PAIRS = (("red", "blue"), ("yellow", "purple"), ("black", "orange"))
"""Of colours, in the picture: that of A, and that of B and C."""


def draw_reconstructions(runs: Runs, real: np.ndarray, output: Path) -> None:
    """Rows of emoji, each above its reconstructions by every method's first seed."""
    strips = []
    for row in range(ROWS):
        shown = slice(row * COLUMNS, (row + 1) * COLUMNS)
        strips += [real[shown], *(runs[name][0].again[shown] for name in METHODS)]
    save_png(output, grid(np.concatenate(strips), columns=COLUMNS))


def draw_samples(runs: Runs, output: Path) -> None:
    """Of every method's first seed, one below the other."""
    parts = [
        grid(runs[name][0].free[: ROWS * COLUMNS], columns=COLUMNS) for name in METHODS
    ]
    save_png(output, common.stacked(*parts))


def draw_arithmetic(opened: Mapping[str, Trained], output: Path) -> None:
    """Colours of shapes above, faces that become a cat's below."""
    shape = next(iter(opened.values())).data.image_shape
    tools = {name: (encoder(run), decoder(run)) for name, run in opened.items()}

    def decoded(known: np.ndarray, terms: np.ndarray) -> list[np.ndarray]:
        return [decode(sums(encode(known), terms)) for encode, decode in tools.values()]

    known = named_emoji([name for names in SHAPES.values() for name in names], shape)
    places = {
        (form, colour): i * len(COLOURS) + j
        for i, form in enumerate(SHAPES)
        for j, colour in enumerate(COLOURS)
    }
    rows = [
        [places[key] for key in (("square", a), ("square", b), (form, b), (form, a))]
        for a, b in PAIRS
        for form in ("heart", "circle")
    ]
    columns = [known[list(column)] for column in zip(*rows, strict=True)]
    columns += decoded(known, np.array(rows)[:, :3])
    colours = common.rows(np.stack(columns, axis=1))
    faces = named_emoji([*CAT, *FACES], shape)
    terms = np.array([(0, 1, 2 + i) for i in range(len(FACES))])
    cats = common.rows(np.stack([faces[2:], *decoded(faces, terms)]))
    save_png(output, common.stacked(colours, cats))


def references(by: Judge) -> Real:
    """What the numbers are read by: of held-out emoji, and of pairs of them."""
    features = by.net.features(by.real)
    half = len(by.real) // 2
    first, second = slice(0, half), slice(half, 2 * half)
    apart = np.linalg.norm(features[first] - features[second], axis=1)
    return Real(
        float(sharpness(by.real).mean()),
        frechet_from_statistics(*by.known, *statistics(features)),
        len(by.real),
        (float(apart.mean()), float(by.perceptual(by.real[first], by.real[second]).mean())),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder.resolve()
    workdirs = train_all(METHODS, SEEDS, make_config, folder)
    opened = {name: open_run(workdirs[name, SEEDS[0]]) for name in METHODS}
    by = judge(opened["vae"], load_classifier("emoji"), squeezenet_distance().measure)
    runs = {
        name: [measure(workdirs[name, s], s, by, ROWS * COLUMNS) for s in SEEDS]
        for name in METHODS
    }
    known = named_emoji(
        [name for names in SHAPES.values() for name in names], by.real.shape[1:]
    )
    rights = {
        name: [
            rate(encoder(run), decoder(run), known)
            for run in (open_run(workdirs[name, s]) for s in SEEDS)
        ]
        for name in METHODS
    }
    draw_reconstructions(runs, by.real, HERE / "reconstructions.png")
    draw_samples(runs, HERE / "samples.png")
    draw_arithmetic(opened, HERE / "arithmetic.png")
    write_page(__file__, page(runs, rights, references(by)), seed=SEEDS[0])


if __name__ == "__main__":
    main()
