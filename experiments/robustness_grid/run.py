"""Four objectives on seven architectures: which pairs train at all.

    python -m experiments.robustness_grid.run

Scores are in the project's own digit classifier, trained on first use and cached.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax

from experiments.report import table, write_page
from gan_jax import compile_game, losses, penalties
from gan_jax.data.sources import open_source
from gan_jax.game import Game, rounds
from gan_jax.methods import Recipe, Weighted
from gan_jax.methods.families import play
from gan_jax.metrics.classifier import load_classifier
from gan_jax.metrics.score import make_scorer
from gan_jax.networks.robustness import ARCHITECTURES
from gan_jax.nn import BatchNorm, LayerNorm
from gan_jax.numerics import to_uint8
from gan_jax.optim import keep_params_in_box
from gan_jax.pictures import grid
from gan_jax.priors import normal

HERE = Path(__file__).parent
SHAPE, WIDTH, BATCH, SEED = (28, 28, 1), 8, 32, 0
UPDATES, SAMPLES = 400, 1_000
"""Updates of the discriminator: one with five critic steps moves its generator a fifth as
often, so that all cells cost the same."""


QUICK = {"xla_backend_optimization_level": 0}
"""Twenty-eight programs run for seconds each: compiling them is most of the work."""


def _adam(rate: float, b1: float) -> optax.GradientTransformation:
    return optax.adam(rate, b1=b1, b2=0.9 if b1 == 0.0 else 0.999)


_DCGAN = Recipe(prior=normal(64), g_tx=_adam(1e-3, 0.5), d_tx=_adam(1e-3, 0.5))
_RMSPROP = optax.rmsprop(1e-3)
OBJECTIVES: dict[str, Recipe] = {
    "DCGAN": _DCGAN,
    "LSGAN": _DCGAN._replace(loss=losses.least_squares),
    "WGAN": _DCGAN._replace(
        loss=losses.wasserstein,
        g_tx=_RMSPROP,
        d_tx=optax.chain(_RMSPROP, keep_params_in_box(-0.05, 0.05)),
        d_steps=5,
    ),
    "WGAN-GP": _DCGAN._replace(
        loss=losses.wasserstein,
        g_tx=_adam(1e-3, 0.0),
        d_tx=_adam(1e-3, 0.0),
        d_terms={"gp": Weighted(10.0, penalties.gradient_penalty())},
        d_steps=5,
    ),
}


class Cell(NamedTuple):
    """One run.

    Attributes:
        distance: Fréchet distance in the classifier's features.
        recognised: share of samples that the classifier is sure of.
        pictures: uint8 (8, H, W, C).
        seconds: compiling and training.
    """

    distance: float
    recognised: float
    pictures: np.ndarray
    seconds: float


def game_of(objective: str, architecture: str) -> Game:
    """A cell's game; penalised critics have layer norm where others have batch norm."""
    norm = LayerNorm if objective == "WGAN-GP" else BatchNorm
    generator, discriminator = ARCHITECTURES[architecture](SHAPE, WIDTH, d_norm=norm)
    return play(generator, discriminator, SHAPE, OBJECTIVES[objective], None)


def samples_of(game: Game, images: np.ndarray, updates: int) -> np.ndarray:
    """Trains a game, and samples it: uint8 (n, H, W, C)."""
    algorithm, step = compile_game(game), None
    state = algorithm.init(jax.random.key(SEED))
    rng = np.random.default_rng(SEED)
    step = jax.jit(algorithm.step, donate_argnums=0, compiler_options=QUICK)
    for _ in range(updates // rounds(game)):
        rows = rng.integers(len(images), size=(rounds(game), BATCH))
        state, _ = step(state, {"image": jnp.asarray(images[rows])})
    draw = jax.jit(lambda key: algorithm.sample(state, key, 100))
    keys = jax.random.split(jax.random.key(SEED + 1), SAMPLES // 100)
    return np.concatenate([np.asarray(to_uint8(draw(key))) for key in keys])


def measure(images: np.ndarray) -> dict[tuple[str, str], Cell]:
    scorer = make_scorer(load_classifier("mnist"), images[:10_000])
    cells = {}
    for architecture in ARCHITECTURES:
        for objective in OBJECTIVES:
            begin = time.monotonic()
            samples = samples_of(game_of(objective, architecture), images, UPDATES)
            scores = scorer(samples)
            cells[objective, architecture] = Cell(
                next(v for k, v in scores.items() if k.startswith("frechet_distance")),
                next(v for k, v in scores.items() if k.startswith("recognised_share")),
                samples[:8],
                time.monotonic() - begin,
            )
            print(objective, architecture, cells[objective, architecture][:2], flush=True)
    return cells


def draw(cells: dict[tuple[str, str], Cell]) -> None:
    """Samples: a row an architecture, a column an objective."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shape = len(ARCHITECTURES), len(OBJECTIVES)
    figure, axes = plt.subplots(*shape, figsize=(9, 0.75 * len(ARCHITECTURES)), dpi=100)
    for row, architecture in enumerate(ARCHITECTURES):
        for column, objective in enumerate(OBJECTIVES):
            axis = axes[row, column]
            pictures = cells[objective, architecture].pictures
            axis.imshow(grid(pictures, columns=len(pictures)).squeeze(), cmap="gray")
            axis.set(xticks=[], yticks=[])
            if row == 0:
                axis.set_title(objective, fontsize=9)
            if column == 0:
                axis.set_ylabel(architecture, rotation=0, ha="right", fontsize=8)
    figure.tight_layout(pad=0.4)
    figure.savefig(HERE / "samples.png")


def page(cells: dict[tuple[str, str], Cell]) -> str:
    rows = [
        (
            architecture,
            *(
                f"{cells[o, architecture].distance:.1f} "
                f"({100 * cells[o, architecture].recognised:.0f}%)"
                for o in OBJECTIVES
            ),
        )
        for architecture in ARCHITECTURES
    ]
    seconds = sum(cell.seconds for cell in cells.values())
    return f"""# Objectives and architectures

The grid of 1704.00028 (section 4, figure 2) at small scale: MNIST, width {WIDTH}, batch
{BATCH}, {UPDATES} discriminator updates a cell (five per generator update for WGAN and
WGAN-GP), one seed. Each cell is the Fréchet distance of {SAMPLES:,} samples in the features
of the project's own digit classifier, and the share of samples in which it is sure to see a
digit; both compare with nothing but each other.

{table(("architecture", *OBJECTIVES), rows)}

![Eight samples of every cell](samples.png)

All {len(cells)} cells, compiling included, took {seconds / 60:.1f} minutes. No rate was
tuned for any cell, and the budget is far from convergence: the grid shows where training
starts, not where it ends.
"""


def main() -> None:
    images = open_source("builtin:mnist").arrays["image"]
    cells = measure(images)
    draw(cells)
    write_page(__file__, page(cells), seed=SEED)


if __name__ == "__main__":
    main()
