"""The Dirac-GAN: which methods settle, and what the eigenvalues of the game say of it.

python -m experiments.dirac_gan.run
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import optax

from experiments.report import table, write_page
from gan_jax import AdversarialLoss, Net, compile_game, losses, optim, penalties
from gan_jax.analysis import gradient_field, jacobian_eigenvalues, moving_params
from gan_jax.game import Game, rounds
from gan_jax.methods import augmented, regularisers
from gan_jax.methods.simultaneous import simultaneous
from gan_jax.methods.two_player import DISCRIMINATOR, GENERATOR, two_player

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
SEED, START, RATE, STEPS, BATCH = 0, (1.0, 1.0), 0.1, 500, 64
NEAR = 1e-4
"""Where the field is linearised: WGAN-GP's has no derivative at the equilibrium itself."""


def point(theta: float) -> Net:
    """The generator: all samples are theta."""
    return Net(
        lambda key: ({"theta": jnp.full((1,), theta)}, {}),
        lambda params, stats, z, train: (jnp.zeros_like(z) + params["theta"][None], {}),
    )


def line(psi: float) -> Net:
    """The discriminator: psi x."""
    return Net(
        lambda key: ({"psi": jnp.full((1,), psi)}, {}),
        lambda params, stats, x, train: (x @ params["psi"], {}),
    )


class Method(NamedTuple):
    """A way to play.

    Attributes:
        loss: of both players.
        options: of `two_player`, as `options()`.
        tx: makes a player's optimizer; None for gradient descent.
        d_tx: the discriminator's, where it is another.
        turns: moves of both at once per step, or 0 where they alternate.
        known: whether it converges locally at a linear rate, by the literature.
    """

    loss: AdversarialLoss
    options: Callable[[], dict] = dict
    tx: Callable[[], optax.GradientTransformation] = lambda: optax.sgd(RATE)
    d_tx: Callable[[], optax.GradientTransformation] | None = None
    turns: int = 0
    known: str = "no"


def _consensus() -> dict:
    term = (1.0, regularisers.consensus())
    return {"d_terms": {"consensus": term}, "g_terms": {"consensus": term}}


METHODS = {
    "GAN, at once": Method(losses.minimax, turns=1, known="no, diverges"),
    "GAN, in turns": Method(losses.minimax),
    "NS-GAN, in turns": Method(losses.non_saturating),
    "WGAN, in turns": Method(losses.wasserstein),
    "WGAN, clipped at 1": Method(
        losses.wasserstein,
        d_tx=lambda: optax.chain(optax.sgd(RATE), optim.keep_params_in_box(-1.0, 1.0)),
    ),
    "WGAN-GP": Method(
        losses.wasserstein,
        lambda: {"d_terms": {"gp": (1.0, penalties.gradient_penalty())}},
    ),
    "NS-GAN, R1": Method(
        losses.non_saturating,
        lambda: {"d_terms": {"r1": (1.0, penalties.r1())}},
        known="yes",
    ),
    "NS-GAN, R2": Method(
        losses.non_saturating,
        lambda: {"d_terms": {"r2": (1.0, penalties.r2())}},
        known="yes",
    ),
    "NS-GAN, instance noise": Method(
        losses.non_saturating,
        lambda: {"augment": augmented.noisy(lambda images: 1.0)},
        known="yes",
    ),
    "NS-GAN, consensus": Method(losses.non_saturating, _consensus, known="yes"),
    "WGAN, extragradient": Method(
        losses.wasserstein,
        tx=lambda: optim.extragradient(optax.sgd(RATE)),
        turns=2,
        known="yes",
    ),
    "WGAN, optimistic": Method(
        losses.wasserstein,
        tx=lambda: optim.optimistic(optax.sgd(RATE)),
        turns=1,
        known="yes",
    ),
}


def game_of(method: Method, start: tuple[float, float] = START) -> Game:
    """The method's game from (theta, psi)."""
    theta, psi = start
    game = two_player(
        generator=point(theta),
        discriminator=line(psi),
        loss=method.loss,
        prior=lambda key: jnp.zeros((1,)),
        g_tx=method.tx(),
        d_tx=(method.d_tx or method.tx)(),
        **method.options(),
    )
    return simultaneous(game, repeat=method.turns) if method.turns else game


def trajectory(method: Method, steps: int = STEPS) -> np.ndarray:
    """(theta, psi) after every step, float (steps + 1, 2), the start first."""
    game = game_of(method)
    algorithm = compile_game(game)
    batch = {"image": jnp.zeros((rounds(game), BATCH, 1))}

    def values(state):
        theta = state.players[GENERATOR].params[GENERATOR]["theta"]
        psi = state.players[DISCRIMINATOR].params[DISCRIMINATOR]["psi"]
        return jnp.concatenate([theta, psi])

    def step(state, _):
        state, _ = algorithm.step(state, batch)
        return state, values(state)

    state = algorithm.init(jax.random.key(SEED))
    path = jax.jit(lambda state: jax.lax.scan(step, state, length=steps)[1])(state)
    return np.concatenate([np.asarray(values(state))[None], np.asarray(path)])


def eigenvalues(method: Method) -> np.ndarray:
    """Of the Jacobian of the joint gradient field near the equilibrium, complex (2,)."""
    game = game_of(method._replace(turns=0), (NEAR, NEAR))
    state = compile_game(game).init(jax.random.key(SEED))
    batch = {"image": jnp.zeros((rounds(game), 100 * BATCH, 1))}
    field = gradient_field(game, state, batch)
    return jacobian_eigenvalues(field, moving_params(game, state), jax.random.key(SEED))


def distance(path: np.ndarray) -> np.ndarray:
    """From the equilibrium (0, 0)."""
    return np.linalg.norm(path, axis=1)


def draw(paths: dict[str, np.ndarray]) -> None:
    columns = 4
    rows = -(-len(paths) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(9, 2.35 * rows), dpi=100)
    for axis, (name, path) in zip(axes.flat, paths.items(), strict=True):
        axis.plot(*path.T, lw=0.7, color="tab:blue")
        axis.plot(*path[0], "o", ms=4, color="tab:green")
        axis.plot(*path[-1], "s", ms=4, color="tab:red")
        axis.plot(0, 0, "+", color="black")
        axis.set(xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), aspect="equal")
        axis.set_title(name, fontsize=9)
        axis.tick_params(labelsize=7)
    for axis in axes[-1]:
        axis.set_xlabel("generator, theta", fontsize=8)
    for axis in axes[:, 0]:
        axis.set_ylabel("discriminator, psi", fontsize=8)
    figure.tight_layout()
    figure.savefig(HERE / "trajectories.png")


def page(paths: dict[str, np.ndarray], spectra: dict[str, np.ndarray]) -> str:
    rows = []
    for name, path in paths.items():
        values = "; ".join(f"{v.real:+.3f} {v.imag:+.3f}i" for v in spectra[name])
        far = distance(path)
        rows.append((name, values, float(far[100]), float(far[-1]), METHODS[name].known))
    end = paths["WGAN-GP"][-1]
    head = (
        "method",
        "eigenvalues",
        "distance after 100",
        f"after {STEPS}",
        "linear rate in theory",
    )
    return f"""# The Dirac-GAN

The data are one point at 0, the generator is one point theta, the discriminator is psi x
(1801.04406, section 2). The only equilibrium is (0, 0). Everybody starts at {START} and
takes {STEPS} steps of gradient descent at rate {RATE}.

{table(head, rows)}

![Trajectories in the plane of both parameters](trajectories.png)

Green is the start, red the end, the cross the equilibrium.

Eigenvalues are those of the Jacobian of the joint gradient field (every player's gradient
of its own loss), {NEAR:g} from the equilibrium, by Arnoldi iteration on its derivatives.
Descent is by minus the field, so a positive real part attracts and a purely imaginary pair
turns: without a penalty every loss turns. The non-saturating loss comes closer all the
same, ever more slowly, by what is not linear in it. R1, R2, instance noise and consensus
give a positive real part. Extragradient and optimism change the steps and not the field:
the same imaginary pair is then damped.

WGAN-GP's field does not vanish at the equilibrium, since its penalty wants |psi| = 1. Where
psi > 0 it is smooth and has a stationary point of its own, which attracts (both eigenvalues
near 1) and at which this run ends: ({end[0]:.2f}, {abs(end[1]):.2f}), away from the data.
"""


def main() -> None:
    paths = {name: trajectory(method) for name, method in METHODS.items()}
    spectra = {name: eigenvalues(method) for name, method in METHODS.items()}
    draw(paths)
    write_page(__file__, page(paths, spectra), seed=SEED)


if __name__ == "__main__":
    main()
