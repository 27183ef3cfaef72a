"""Trains what is not trained yet, measures it, and writes the study's page.

    python -m experiments.text.run --folder runs/text

Half an hour on one core; what was stopped goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from experiments.bands import seeds_band
from experiments.report import write_page
from experiments.text import measure
from experiments.text.measure import (
    NAMES,
    SEQUENCES,
    Curves,
    Names,
    describe_names,
    insight,
)
from experiments.text.ngrams import NGrams
from experiments.text.oracle import LENGTH, WORDS, Oracle, make_oracle, sequences
from experiments.text.page import Findings, Marks, page, repeats
from experiments.text.runs import METHODS, PLANS, SEEDS, TRAININGS, make_config
from experiments.training import train_all
from gan_jax.analyses import common
from gan_jax.analysis import curves
from gan_jax.data.text_source import open_text
from gan_jax.pictures import save_png

HERE, SHOWN = Path(__file__).parent, 12
_LONGEST, _CAPITALS = 11, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Workdirs = Mapping[tuple[str, int], Path]


def draw_curves(runs: Mapping[str, Sequence[Curves]], output: Path) -> None:
    """After maximum likelihood, of trainings that do not repeat themselves: under the
    oracle on the left, held-out sequences on the right.
    """

    def panel(of: Callable[[Curves], np.ndarray]) -> np.ndarray:
        lines = {}
        for name, found in runs.items():
            if not repeats(found):
                late = found[0].steps >= PLANS["oracle"].likelihood
                band = seeds_band(found[0].steps[late], [of(run)[late] for run in found])
                lines[TRAININGS[name].title] = band
        return curves(lines, x_label="steps", y_label="nats a word")

    save_png(output, common.beside(panel(lambda r: r.oracle), panel(lambda r: r.test)))


def measure_sequences(
    workdirs: Workdirs, oracle: Oracle
) -> tuple[dict[str, list[Curves]], Marks]:
    """All runs on the oracle's sequences, and what they are compared with."""
    held_out = open_text(sequences(), "test", between=" ").arrays["image"]
    draws = np.random.default_rng(SEEDS[0])
    random = draws.integers(1, WORDS + 1, (SEQUENCES, LENGTH)).astype(np.int32)
    found = {
        name: [
            measure.measure_oracle(workdirs[f"oracle_{name}", s], s, oracle, held_out)
            for s in SEEDS
        ]
        for name in TRAININGS
    }
    return found, Marks(oracle.nll(held_out), oracle.nll(random))


def measure_names(
    workdirs: Workdirs,
) -> tuple[dict[str, list[Names]], dict[str, Names], dict[str, list[str]]]:
    """All runs on names, other names, and a few to be shown."""
    known, held_out = measure.names_of("train"), measure.names_of("test")
    judge = NGrams(known, _CAPITALS)

    def told(names: Sequence[str]) -> Names:
        return describe_names(names, set(known), held_out, judge)

    made = {
        name: [measure.drawn_names(workdirs[f"names_{name}", s], s) for s in SEEDS]
        for name in TRAININGS
    }
    others = {
        "n-grams": told(judge.draw(NAMES, SEEDS[0], _LONGEST)),
        "held-out names": told(held_out),
        "training names": told(known),
    }
    return (
        {name: [told(names) for names in runs] for name, runs in made.items()},
        others,
        {name: runs[0][:SHOWN] for name, runs in made.items()},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder.resolve()
    workdirs = train_all(METHODS, SEEDS, make_config, folder)
    oracle = make_oracle()
    curves_of, marks = measure_sequences(workdirs, oracle)
    insights = [insight(workdirs["oracle_seqgan", s], s, oracle) for s in SEEDS]
    names, others, shown = measure_names(workdirs)
    draw_curves(curves_of, HERE / "oracle.png")
    found = Findings(curves_of, marks, insights, names, others, shown)
    write_page(__file__, page(found), seed=SEEDS[0])


if __name__ == "__main__":
    main()
