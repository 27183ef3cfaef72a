"""Four objectives on seven architectures: which pairs train at all.

    python -m experiments.robustness_grid.run

Scores are in the project's own digit classifier, trained on first use and cached. Two cells
run at a time: compiling a program of 101 layers keeps one core busy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax

from experiments.report import table, write_page
from gan_jax import compile_game, losses, penalties, tracing
from gan_jax.engine import Algorithm
from gan_jax.game import Game
from gan_jax.methods import Recipe, Weighted
from gan_jax.methods.families import play
from gan_jax.metrics.classifier import load_classifier, mnist_images
from gan_jax.metrics.score import Scorer, make_scorer
from gan_jax.networks.robustness import ARCHITECTURES
from gan_jax.nn import BatchNorm, LayerNorm
from gan_jax.numerics import to_uint8
from gan_jax.optim import keep_params_in_box
from gan_jax.pictures import grid
from gan_jax.priors import normal
from gan_jax.state import GameState

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
SHAPE, WIDTH, BATCH, SEED, WORKERS = (28, 28, 1), 16, 8, 0, 2
UPDATES, DEEP_UPDATES = 300, 100
SAMPLES, SHOWN, RATE, CLIP = 1_000, 8, 2e-3, 0.1
DEEP, DIGITS, HELD_OUT = "resnet_101", 10, "held-out digits"
NARROW = 0.5
"""A cell with less than this part of the spread of digits gives nearly one image."""
QUICK = {"xla_backend_optimization_level": 1}
"""Twenty-eight programs run for seconds each: compiling them is half of the work."""

_DCGAN = Recipe(
    prior=normal(64), g_tx=optax.adam(RATE, b1=0.5), d_tx=optax.adam(RATE, b1=0.5)
)
_RMSPROP = optax.rmsprop(RATE)
_ADAM_GP = optax.adam(RATE, b1=0.5, b2=0.9)
OBJECTIVES: Mapping[str, Recipe] = {
    "DCGAN": _DCGAN,
    "LSGAN": _DCGAN._replace(loss=losses.least_squares, g_tx=_RMSPROP, d_tx=_RMSPROP),
    "WGAN": _DCGAN._replace(
        loss=losses.wasserstein,
        g_tx=_RMSPROP,
        d_tx=optax.chain(_RMSPROP, keep_params_in_box(-CLIP, CLIP)),
    ),
    "WGAN-GP": _DCGAN._replace(
        loss=losses.wasserstein,
        g_tx=_ADAM_GP,
        d_tx=_ADAM_GP,
        d_terms={"gp": Weighted(10.0, penalties.gradient_penalty())},
    ),
}
"""Kinds of optimizers and their momenta as in the paper, the rates and the box larger."""


class Score(NamedTuple):
    """What images are like, by the classifier and by their pixels.

    Attributes:
        distance: Fréchet distance in its features to 10,000 real digits.
        recognised: share of images of which it is sure.
        classes: exp(entropy of its guesses), from 1 to 10.
        spread: deviation of a pixel over images, of 255, a mean over pixels.
    """

    distance: float
    recognised: float
    classes: float
    spread: float

    def __str__(self) -> str:
        share = 100.0 * self.recognised
        return f"{self.distance:.0f} ({share:.0f}%, {self.classes:.1f})"


class Cell(NamedTuple):
    """One run: the score of its samples, and some of them, uint8 (SHOWN, H, W, C)."""

    score: Score
    pictures: np.ndarray


Cells = Mapping[tuple[str, str], Cell]
AXES = tuple(OBJECTIVES), tuple(ARCHITECTURES)


def game_of(objective: str, architecture: str) -> Game:
    """A cell's game; penalised critics have layer norm where others have batch norm."""
    norm = LayerNorm if objective == "WGAN-GP" else BatchNorm
    generator, discriminator = ARCHITECTURES[architecture](SHAPE, WIDTH, d_norm=norm)
    return play(generator, discriminator, SHAPE, OBJECTIVES[objective], None)


def samples_of(algorithm: Algorithm, state: GameState) -> np.ndarray:
    """Samples, uint8 (SAMPLES, H, W, C)."""

    @partial(jax.jit, compiler_options=QUICK)
    def draw(state: GameState, key: jax.Array) -> jax.Array:
        return to_uint8(algorithm.sample(state, key, SAMPLES // 4))

    keys = jax.random.split(jax.random.key(SEED + 1), 4)
    return np.concatenate([np.asarray(draw(state, key)) for key in keys])


def updates_of(architecture: str) -> int:
    """Updates of each player; those of the deep networks take many times as long."""
    return DEEP_UPDATES if architecture == DEEP else UPDATES


def train(algorithm: Algorithm, images: np.ndarray, updates: int) -> GameState:
    """A state after so many updates of both players."""
    # Initialised outside of jit, where a draw is compiled once for all arrays of a shape.
    state = algorithm.init(jax.random.key(SEED))
    step = jax.jit(algorithm.step, donate_argnums=0, compiler_options=QUICK)
    rng = np.random.default_rng(SEED)
    for _ in range(updates):
        rows = rng.integers(len(images), size=(1, BATCH))
        state, _ = step(state, {"image": jnp.asarray(images[rows])})
    return state


def run_cell(
    images: np.ndarray, score: Callable[[np.ndarray], Score], name: tuple[str, str]
) -> Cell:
    """Trains and scores one cell."""
    objective, architecture = name
    algorithm = compile_game(game_of(objective, architecture))
    # As on a GPU, without this library's formulations of convolutions for the CPU: at so
    # many layers of so few channels compiling them costs more than they save.
    native = architecture == DEEP
    with tracing.platform("gpu") if native else nullcontext():
        state = train(algorithm, images, updates_of(architecture))
        samples = samples_of(algorithm, state)
    cell = Cell(score(samples), samples[:SHOWN])
    print(f"{objective} on {architecture}: {cell.score}", flush=True)
    return cell


def score_in(scorer: Scorer) -> Callable[[np.ndarray], Score]:
    """A scorer's scores of interest, and the spread."""

    def score(images: np.ndarray) -> Score:
        named = {name.partition("/")[0]: value for name, value in scorer(images).items()}
        return Score(
            named["frechet_distance"],
            named["recognised_share"],
            DIGITS * named["class_balance"],
            float(images.std(axis=0).mean()),
        )

    return score


def measure(images: np.ndarray, score: Callable[[np.ndarray], Score]) -> Cells:
    """All cells, those of the deep networks early and spread out, so that no core waits."""
    names = list(product(*AXES))[::-1]
    with ThreadPoolExecutor(WORKERS) as pool:
        cells = pool.map(partial(run_cell, images, score), names)
        return dict(zip(names, cells, strict=True))


def references(
    held_out: np.ndarray, score: Callable[[np.ndarray], Score]
) -> dict[str, Score]:
    """What held-out digits and the baseline before training score."""
    untrained = compile_game(game_of("DCGAN", "baseline"))
    start = untrained.init(jax.random.key(SEED))
    return {
        HELD_OUT: score(held_out[:SAMPLES]),
        "the baseline before training": score(samples_of(untrained, start)),
    }


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


def page(cells: Cells, known: Mapping[str, Score]) -> str:
    """The page, from cells by objective and architecture, and scores to read them by."""
    rows = [
        (a, updates_of(a), *(cells[o, a].score for o in OBJECTIVES)) for a in ARCHITECTURES
    ]
    readings = "; ".join(f"{name} {score}" for name, score in known.items())
    return f"""# Objectives and architectures

The grid of 1704.00028 (section 5.2) at small scale: four objectives on seven pairs of
networks, on MNIST instead of 64 x 64 bedrooms. A cell is the Fréchet distance of
{SAMPLES:,} samples in the features of the project's own digit classifier; in brackets, the
share of samples in which it is sure to see a digit, and how many digits it sees, the
exponential of the entropy of its guesses. The distance is what ranks cells: the classifier
can be sure of what is no digit, so a share means something where many digits are seen.
For comparison: {readings}.

{table(("architecture", "updates", *OBJECTIVES), rows)}

{summary(cells)}

{narrow(cells, known[HELD_OUT].spread)}

![Samples of every cell](samples.png)

The first {SHOWN} samples of every cell, not chosen.

The row of {DEEP} has {DEEP_UPDATES} updates of each player, all others {UPDATES}: its
distances compare with each other and not with those of other rows.

What differs from the paper: the data, width {WIDTH} instead of 64, batches of
{BATCH}, and only {UPDATES} or {DEEP_UPDATES} updates of each player; one critic step per
generator step, not five, also for WGAN and WGAN-GP, so that all objectives see as many
images in as many updates; a rate of {RATE:g} for all (there 2e-4 for DCGAN,
1e-4 for LSGAN and WGAN-GP, 5e-5 for WGAN), with its optimizers and momenta; weights clipped
at {CLIP}, not 0.01; one seed. Penalised critics have layer normalisation where the others
have batch normalisation. Both networks of the last row have all their 101 layers. Nothing
was chosen per cell: rate, clipping and batch were chosen on the baseline, for all
objectives together. The grid shows how training starts, not where it ends: a cell that has
not begun to train may do so later, and the distances of one seed swing by tens.
"""


def summary(cells: Cells) -> str:
    """How far each objective came over the architectures trained equally long."""
    lines = []
    compared = [a for a in ARCHITECTURES if a != DEEP]
    for objective in OBJECTIVES:
        ranked = sorted((cells[objective, a].score.distance, a) for a in compared)
        (best, first), (worst, last) = ranked[0], ranked[-1]
        median = np.median([distance for distance, _ in ranked])
        lines.append(
            f"- {objective}: best {best:.0f} ({first}), median {median:.0f}, worst "
            f"{worst:.0f} ({last})"
        )
    head = f"Distances over the architectures with {UPDATES} updates:\n\n"
    return head + "\n".join(lines)


def narrow(cells: Cells, whole: float) -> str:
    """Which cells give nearly one image, by the spread of held-out digits."""
    shares = {name: cells[name].score.spread / whole for name in product(*AXES)}
    found = [f"{o} on {a} {s:.2f}" for (o, a), s in shares.items() if s < NARROW]
    return (
        f"Samples of {len(found)} of {len(cells)} cells are nearly one image, whatever the "
        f"latent: their pixels vary less than {NARROW:g} times as much as those of "
        f"{HELD_OUT} ({', '.join(found) or 'none'})."
    )


def main() -> None:
    data = mnist_images()
    score = score_in(make_scorer(load_classifier("mnist"), data.train_images[:10_000]))
    known = references(data.test_images, score)
    cells = measure(data.train_images, score)
    draw(cells)
    write_page(__file__, page(cells, known), seed=SEED)


if __name__ == "__main__":
    main()
