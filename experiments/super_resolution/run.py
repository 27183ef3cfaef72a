"""Trains what is not trained yet, measures it, and writes the study's page.

    python -m experiments.super_resolution.run --folder runs/super_resolution

Half an hour on one core; what was stopped goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.report import write_page
from experiments.super_resolution.measure import (
    BICUBIC,
    WAYS,
    Finished,
    Judge,
    bicubic,
    held_out,
    measure,
    score,
    small,
)
from experiments.super_resolution.page import Found, page
from experiments.super_resolution.runs import METHODS, SEEDS, make_config
from experiments.training import train_all
from gan_jax.metrics.extractors import open_features
from gan_jax.metrics.perceptual import squeezenet_distance
from gan_jax.pictures import grid, save_png

HERE = Path(__file__).parent
ROWS, GROUPS = 6, 2


def draw(
    truth: np.ndarray, given: np.ndarray, plain: np.ndarray, run: Finished, output: Path
) -> None:
    """Small images, enlarged in every way, beside the true ones.

    Args:
        truth: uint8 (n, H, W, C).
        given: what they were made small to.
        plain: the bicubic enlargement.
        run: what its networks make.
        output: the file.
    """
    factor = truth.shape[1] // given.shape[1]
    squares = given.repeat(factor, axis=1).repeat(factor, axis=2)
    ways = {BICUBIC: plain, **run.images}
    columns = [squares, *(ways[way] for way in WAYS), truth]
    shown = np.linspace(0, len(truth) - 1, ROWS * GROUPS).round().astype(int)
    strips = np.stack([images[shown] for images in columns], axis=1)
    flat = strips.reshape(-1, *truth.shape[1:])
    save_png(output, grid(flat, columns=GROUPS * len(columns)))


def study(name: str, workdirs: Sequence[Path]) -> Found:
    """Measures and draws the runs on one kind of images, by seed."""
    truth, factor = held_out(workdirs[0]), make_config(name, SEEDS[0]).model.factor
    features = open_features("efficientnet_lite0").features
    by = Judge(truth, features(truth), features, squeezenet_distance().measure)
    given = small(truth, factor)
    plain = bicubic(factor)(given)
    runs = [measure(workdir, by) for workdir in workdirs]
    draw(truth, given, plain, runs[0], HERE / f"enlarged_{name}.png")
    return Found(len(truth), truth.shape[1], score(plain, by), runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder.resolve()
    workdirs = train_all(METHODS, SEEDS, make_config, folder)
    found = {name: study(name, [workdirs[name, s] for s in SEEDS]) for name in METHODS}
    write_page(__file__, page(found), seed=SEEDS[0])


if __name__ == "__main__":
    main()
