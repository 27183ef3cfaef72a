"""How many modes of a ring of Gaussians each method finds, over ten seeds at once.

    python -m experiments.mode_collapse.run

Ten seeds of a method are one program: `jax.vmap` over the state of the whole game.
Networks, optimizer, data and number of generator steps are the same for all methods; what
differs is the loss, its terms, and what the generator looks through.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax

from experiments.report import table, write_page
from gan_jax import compile_game, losses, penalties
from gan_jax.data.synthetic_source import RING_SIGMA, open_synthetic, ring_modes
from gan_jax.game import Game, rounds
from gan_jax.methods import METHODS, Recipe, Weighted
from gan_jax.metrics.modes import Modes, mode_statistics
from gan_jax.nn.minibatch import MinibatchDiscrimination
from gan_jax.optim import keep_params_in_box
from gan_jax.priors import normal

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SEED, SEEDS, BATCH, STEPS, SAMPLES = 0, 10, 64, 4_000, 2_000
WIDTH = 64
HERE = Path(__file__).parent


ADAM = optax.adam(1e-3, b1=0.9, b2=0.999, eps_root=1e-12)
CALM = optax.adam(1e-3, b1=0.5, b2=0.999)

BASE = Recipe(
    loss=losses.non_saturating,
    prior=normal(2),
    g_tx=ADAM,
    d_tx=ADAM,
    joint_forward=True,
)
WASSERSTEIN = BASE._replace(loss=losses.wasserstein, d_steps=5)
"""Five critic steps a generator step, as both papers have."""
ZERO_CENTRED = {
    "r1": Weighted(0.1, penalties.r1()),
    "r2": Weighted(0.1, penalties.r2()),
}
RECIPES: dict[str, Recipe] = {
    "GAN (non-saturating)": BASE,
    "GAN, beta1 0.5": BASE._replace(g_tx=CALM, d_tx=CALM),
    "unrolled, 5 updates": BASE._replace(unroll=5),
    "WGAN, clipped": WASSERSTEIN._replace(
        d_tx=optax.chain(ADAM, keep_params_in_box(-0.1, 0.1))
    ),
    "WGAN-GP": WASSERSTEIN._replace(
        d_terms={"gp": Weighted(0.1, penalties.gradient_penalty())}
    ),
    "minibatch discrimination": BASE._replace(joint_forward=False),
    "R3GAN (paired relativistic, R1 + R2)": BASE._replace(
        loss=losses.relativistic(losses.non_saturating, average=False),
        d_terms=ZERO_CENTRED,
    ),
}


def game_of(name: str) -> Game:
    """A method on the plane, with two hidden layers on both sides."""
    features = (WIDTH, WIDTH)
    minibatch = partial(MinibatchDiscrimination, 4, 4) if "minibatch" in name else None
    return METHODS["ns_gan"](
        image_shape=(2,),
        g_features=features,
        d_features=features,
        recipe=RECIPES[name],
        minibatch=minibatch,
    )


class Outcome(NamedTuple):
    """Ten runs of a method.

    Attributes:
        modes: modes found, int (seeds,).
        quality: share of samples within three deviations of a mode, float (seeds,).
        points: samples (seeds, samples, 2).
        seconds: of training all seeds, without compiling.
    """

    modes: np.ndarray
    quality: np.ndarray
    points: np.ndarray
    seconds: float


def programs(
    game: Game, data: np.ndarray, *, seeds: int, steps: int, batch: int
) -> tuple[Callable, Callable]:
    """`(key) -> states` and `(states) -> samples`, both over all seeds."""
    algorithm, points = compile_game(game), jnp.asarray(data)

    def step(states, key):
        shape = (seeds, rounds(game), batch)
        rows = jax.random.randint(key, shape, 0, len(points))
        return jax.vmap(algorithm.step)(states, {"image": points[rows]})

    @jax.jit
    def train(key):
        start, run = jax.random.split(key)
        states = jax.vmap(algorithm.init)(jax.random.split(start, seeds))
        return jax.lax.scan(step, states, jax.random.split(run, steps))[0]

    @jax.jit
    def sample(states):
        keys = jax.random.split(jax.random.key(SEED + 1), seeds)
        return jax.vmap(lambda state, key: algorithm.sample(state, key, SAMPLES))(
            states, keys
        )

    return train, sample


def measure(name: str, data: np.ndarray) -> Outcome:
    train, sample = programs(game_of(name), data, seeds=SEEDS, steps=STEPS, batch=BATCH)
    compiled = train.lower(jax.random.key(SEED)).compile()
    begin = time.monotonic()
    states = jax.block_until_ready(compiled(jax.random.key(SEED)))
    seconds = time.monotonic() - begin
    points = np.asarray(sample(states))
    modes = Modes(ring_modes(), RING_SIGMA)
    found = [mode_statistics(run, modes) for run in points]
    return Outcome(
        np.array([one.modes_found for one in found]),
        np.array([one.high_quality_share for one in found]),
        points,
        seconds,
    )


def draw(outcomes: dict[str, Outcome]) -> None:
    """One column a method, the first four seeds below each other."""
    rows = 4
    figure, axes = plt.subplots(
        rows, len(outcomes), figsize=(1.5 * len(outcomes), 1.5 * rows), dpi=100
    )
    for column, (name, outcome) in enumerate(outcomes.items()):
        for row in range(rows):
            axis = axes[row, column]
            axis.scatter(*ring_modes().T, s=60, facecolors="none", edgecolors="0.6", lw=0.6)
            axis.scatter(*outcome.points[row].T, s=0.5, color="tab:blue", alpha=0.4)
            axis.set(xlim=(-3, 3), ylim=(-3, 3), xticks=[], yticks=[], aspect="equal")
        axes[0, column].set_title(name.split(" (")[0].replace(", ", ",\n"), fontsize=8)
    figure.tight_layout()
    figure.savefig(HERE / "samples.png")


def page(outcomes: dict[str, Outcome]) -> str:
    rows = [
        (
            name,
            f"{one.modes.mean():.1f} ({one.modes.min()} to {one.modes.max()})",
            f"{100 * one.quality.mean():.0f}% ± {100 * one.quality.std():.0f}%",
            int((one.modes == 8).sum()),
            f"{one.seconds:.0f} s",
        )
        for name, one in outcomes.items()
    ]
    head = ("method", "modes found of 8, mean (range)", "high quality", "seeds with all 8")
    return f"""# Mode collapse on a ring of eight Gaussians

Eight Gaussians of deviation {RING_SIGMA} on a circle of radius 2 (1611.02163). Generator
and discriminator have two hidden layers of {WIDTH}; {STEPS:,} generator steps at batch
{BATCH}, Adam (1e-3, 0.9, 0.999) for all but the second row. A sample is of high quality
within three deviations of a mode; a mode is found if such a sample is nearest to it.
{SAMPLES:,} samples of each of {SEEDS} seeds; the {SEEDS} seeds of a method are one program
under `jax.vmap`.

{table((*head, f"training {SEEDS} seeds"), rows)}

![Samples of the first four seeds of every method](samples.png)

Circles are the true modes, dots samples; a column a method, a row a seed. The settings are
the same for all, and such that the plain game is not reliable; the second row shows what
less momentum does for it. What the others show is which mechanisms keep the modes where
plain alternation does not, not which method is best at settings of its own: momentum is
known to hurt clipped critics (1701.07875, section 3).
"""


def main() -> None:
    data = open_synthetic("ring").arrays["image"]
    outcomes = {}
    for name in RECIPES:
        outcomes[name] = measure(name, data)
        one = outcomes[name]
        print(name, one.modes, np.round(one.quality, 2), f"{one.seconds:.0f} s", flush=True)
    draw(outcomes)
    write_page(__file__, page(outcomes), seed=SEED)


if __name__ == "__main__":
    main()
