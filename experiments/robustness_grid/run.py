"""Four objectives on seven architectures: which pairs train at all.

    python -m experiments.robustness_grid.run

Scores are in the project's own digit classifier, trained on first use and cached. Two cells
run at a time: compiling a program of 101 layers keeps one core busy.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import matplotlib

from experiments.report import write_page
from experiments.robustness_grid.measure import (
    ARCHITECTURES,
    OBJECTIVES,
    SEED,
    SHOWN,
    Cells,
    measure,
    references,
    score_in,
)
from experiments.robustness_grid.page import page
from gan_jax.metrics.classifier import load_classifier, mnist_images
from gan_jax.pictures import grid

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent


def draw(cells: Cells) -> None:
    """Samples: a row an architecture, a column an objective."""
    shape = len(ARCHITECTURES), len(OBJECTIVES)
    figure, axes = plt.subplots(*shape, figsize=(13, 0.6 * shape[0]), dpi=110)
    for (row, architecture), (column, objective) in product(
        enumerate(ARCHITECTURES), enumerate(OBJECTIVES)
    ):
        axis = axes[row, column]
        pictures = grid(cells[objective, architecture].pictures, columns=SHOWN)
        axis.imshow(pictures.squeeze(), cmap="gray")
        axis.set(xticks=[], yticks=[])
        if row == 0:
            axis.set_title(objective, fontsize=10)
        if column == 0:
            axis.set_ylabel(architecture, rotation=0, ha="right", va="center", fontsize=9)
    figure.tight_layout(pad=0.4)
    figure.savefig(HERE / "samples.png")
    plt.close(figure)


def main() -> None:
    data = mnist_images()
    score = score_in(load_classifier("mnist"), data.train_images[:10_000])
    known = references(data.test_images, score)
    cells = measure(data.train_images, score)
    draw(cells)
    write_page(__file__, page(cells, known), seed=SEED)


if __name__ == "__main__":
    main()
