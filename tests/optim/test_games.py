"""Looking ahead: trajectories of bilinear games, and the papers' algorithms in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import compile_game, optim
from gan_jax.game import Aux, Game, Phase, Player
from gan_jax.types import Net

ETA = 0.2
SHAPES = {"kernel": (2, 3), "bias": (3,), "scale": ()}


def tree(seed, dtype=jnp.float32):
    rng = np.random.default_rng(seed)
    return {k: jnp.asarray(rng.standard_normal(s), dtype) for k, s in SHAPES.items()}


def close(a, b, **tolerance):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, **tolerance), a, b)


# min_x max_y <x, y>: with z = x + i y the field is v = -i z, so every method is a
# recursion of one complex number per element.


def simultaneous(tx, steps, start):
    """Both players move by gradients at the same point."""
    players, states = dict(start), {name: tx.init(p) for name, p in start.items()}

    @jax.jit
    def step(players, states):
        grads = {"x": players["y"], "y": jax.tree.map(jnp.negative, players["x"])}
        moved, new = {}, {}
        for name, p in players.items():
            updates, new[name] = tx.update(grads[name], states[name], p)
            moved[name] = optax.apply_updates(p, updates)
        return moved, new

    path = [players]
    for _ in range(steps):
        players, states = step(players, states)
        path.append(players)
    return path


def as_complex(players):
    pair = zip(*(jax.tree.leaves(players[name]) for name in ("x", "y")), strict=True)
    return np.concatenate([np.ravel(np.float64(x) + 1j * np.float64(y)) for x, y in pair])


def optimistic_closed_form(z, steps):
    """z_{t+1} = (1 + 2 i eta) z_t - i eta z_{t-1}, with z_{-1} so that v_{-1} = 0."""
    roots = np.roots([1.0, -(1 + 2j * ETA), 1j * ETA])
    first = (1 + 2j * ETA) * z
    weight = (first - roots[1] * z) / (roots[0] - roots[1])
    return weight * roots[0] ** steps + (z - weight) * roots[1] ** steps


def test_optimistic_descent_of_a_bilinear_game_is_its_closed_form():
    start = {"x": tree(1), "y": tree(2)}
    path = simultaneous(optim.optimistic(optax.sgd(ETA)), 40, start)
    z = as_complex(start)
    for t in (1, 2, 5, 40):
        expected = optimistic_closed_form(z, t)
        np.testing.assert_allclose(as_complex(path[t]), expected, rtol=1e-4, atol=1e-5)
    # The slower root is 0.979 by hand: |z|^2 falls where plain descent's grows.
    roots = np.roots([1.0, -(1 + 2j * ETA), 1j * ETA])
    np.testing.assert_allclose(np.abs(roots).max(), 0.9781, atol=1e-3)


def test_extragradient_of_a_bilinear_game_is_its_closed_form():
    start = {"x": tree(1), "y": tree(2)}
    path = simultaneous(optim.extragradient(optax.sgd(ETA)), 40, start)
    z, factor = as_complex(start), 1 - ETA**2 + 1j * ETA
    for t in (1, 2, 7, 20):
        expected = factor**t * z
        np.testing.assert_allclose(as_complex(path[2 * t]), expected, rtol=1e-4, atol=1e-5)
        # In between are the extrapolated points.
        ahead = (1 + 1j * ETA) * factor ** (t - 1) * z
        np.testing.assert_allclose(as_complex(path[2 * t - 1]), ahead, rtol=1e-4, atol=1e-5)


def test_optimistic_points_are_those_of_extrapolation_from_the_past():
    # Gidel's form: w' = w - eta F(last w'), then w <- w - eta F(w').
    start = {"x": tree(1), "y": tree(2)}
    path = simultaneous(optim.optimistic(optax.sgd(ETA)), 12, start)
    w, seen = as_complex(start), 0.0
    for t in range(12):
        ahead = w - ETA * seen
        np.testing.assert_allclose(as_complex(path[t]), ahead, rtol=1e-4, atol=1e-5)
        seen = -1j * ahead
        w = w - ETA * seen


# Through the engine -----------------------------------------------------------------------


def point(seed):
    """A net that is nothing but its parameters."""
    return Net(lambda key: (tree(seed), {}), lambda params, stats, train: (params, stats))


def bilinear(names):
    def objective(views, batch, keys, memory):
        pair = zip(*(jax.tree.leaves(views[n]()) for n in ("x", "y")), strict=True)
        value = sum(jnp.sum(a * b) for a, b in pair)
        losses = {"x": value, "y": -value}
        return {name: losses[name] for name in names}, Aux()

    return objective


def play(tx, phases, steps):
    game = Game(
        nets={"x": point(1), "y": point(2)},
        players={name: Player((name,), tx) for name in ("x", "y")},
        phases=phases,
        sample=lambda views, keys, labels: None,
    )
    algorithm = compile_game(game)
    state, step = algorithm.init(jax.random.key(0)), jax.jit(algorithm.step)
    rounds = max(phase.repeat for phase in phases)
    for _ in range(steps):
        state, _ = step(state, jnp.zeros((rounds, 2)))
    return {name: state.players[name].params[name] for name in ("x", "y")}


TOGETHER = ("x", "y")


@pytest.mark.parametrize("method", ["extragradient", "optimistic", "alternating"])
def test_drop_in_players_of_the_engine(method):
    z, t = as_complex({"x": tree(1), "y": tree(2)}), 9
    if method == "extragradient":
        tx = optim.extragradient(optax.sgd(ETA))
        end = play(tx, (Phase("both", TOGETHER, bilinear(TOGETHER), repeat=2),), t)
        expected = (1 - ETA**2 + 1j * ETA) ** t * z
    elif method == "optimistic":
        tx = optim.optimistic(optax.sgd(ETA))
        end = play(tx, (Phase("both", TOGETHER, bilinear(TOGETHER)),), t)
        expected = optimistic_closed_form(z, t)
    else:
        phases = tuple(Phase(name, (name,), bilinear((name,))) for name in TOGETHER)
        end = play(optax.sgd(ETA), phases, t)
        # x <- x - eta y, then y <- y + eta x: a matrix of determinant 1, which orbits.
        matrix = np.array([[1.0, -ETA], [ETA, 1.0 - ETA**2]])
        x, y = np.linalg.matrix_power(matrix, t) @ np.stack([z.real, z.imag])
        expected = x + 1j * y
    np.testing.assert_allclose(as_complex(end), expected, rtol=1e-4, atol=1e-5)


# The papers' Adams ------------------------------------------------------------------------

B1, B2, EPS = 0.5, 0.9, 1e-8


class NumpyAdam:
    """Directions of Adam, float64."""

    def __init__(self):
        self.t, self.m, self.v = 0, 0.0, 0.0

    def __call__(self, g):
        self.t += 1
        self.m = B1 * self.m + (1 - B1) * g
        self.v = B2 * self.v + (1 - B2) * g**2
        m, v = self.m / (1 - B1**self.t), self.v / (1 - B2**self.t)
        return ETA * m / (np.sqrt(v) + EPS)


def slope(w):
    return w**3 + 2.0 * w - 1.0


def descend(tx, steps):
    w, path = tree(3), []
    state = tx.init(w)
    # optax raises a float to an integer power here.
    with jax.numpy_dtype_promotion("standard"):
        update = jax.jit(tx.update)
        for _ in range(steps):
            updates, state = update(jax.tree.map(slope, w), state, w)
            w = optax.apply_updates(w, updates)
            path.append(w)
    return path


@pytest.mark.parametrize("name", SHAPES)
def test_optimistic_adam_is_algorithm_1(name):
    path = descend(optim.optimistic(optax.adam(ETA, B1, B2, EPS)), 8)
    w, adam, last = np.float64(tree(3)[name]), NumpyAdam(), 0.0
    for found in path:
        direction = adam(slope(w))
        w = w - 2 * direction + last
        last = direction
        np.testing.assert_allclose(found[name], w, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SHAPES)
def test_extra_adam_is_algorithm_4(name):
    path = descend(optim.extragradient(optax.adam(ETA, B1, B2, EPS)), 8)
    w, adam = np.float64(tree(3)[name]), NumpyAdam()
    for t in range(0, 8, 2):
        ahead = w - adam(slope(w))
        np.testing.assert_allclose(path[t][name], ahead, rtol=1e-4, atol=1e-5)
        w = w - adam(slope(ahead))
        np.testing.assert_allclose(path[t + 1][name], w, rtol=1e-4, atol=1e-5)


def test_optax_differs_by_its_first_step_alone():
    # On given gradients the sums of updates differ by the first plain update for ever.
    pairs = [
        (optax.sgd(ETA), optax.optimistic_gradient_descent(ETA)),
        (
            optax.adam(ETA, B1, B2),
            optax.optimistic_adam_v2(ETA, b1=B1, b2=B2, nesterov=False),
        ),
    ]
    p = tree(0)
    for plain, theirs in pairs:
        with jax.numpy_dtype_promotion("standard"):
            ours = optim.optimistic(plain)
            first, _ = plain.update(tree(10), plain.init(p), p)
            state, other, gap = (
                ours.init(p),
                theirs.init(p),
                jax.tree.map(jnp.zeros_like, p),
            )
            for seed in range(10, 16):
                a, state = ours.update(tree(seed), state, p)
                b, other = theirs.update(tree(seed), other, p)
                gap = jax.tree.map(lambda d, a, b: d + a - b, gap, a, b)
                close(gap, first, rtol=1e-4, atol=1e-6)


def test_projected_extragradient_keeps_both_points_in_the_box():
    tx = optax.chain(
        optim.extragradient(optax.sgd(ETA)), optim.keep_params_in_box(-0.5, 0.5)
    )
    start = {
        name: jax.tree.map(lambda x: jnp.clip(x, -0.5, 0.5), tree(s))
        for name, s in (("x", 1), ("y", 2))
    }
    path = simultaneous(tx, 30, start)

    def project(z):
        return np.clip(z.real, -0.5, 0.5) + 1j * np.clip(z.imag, -0.5, 0.5)

    z = as_complex(start)
    for t in range(15):
        ahead = project(z + 1j * ETA * z)
        np.testing.assert_allclose(as_complex(path[2 * t + 1]), ahead, rtol=1e-4, atol=1e-5)
        z = project(z + 1j * ETA * ahead)
        np.testing.assert_allclose(as_complex(path[2 * t + 2]), z, rtol=1e-4, atol=1e-5)
    for players in path:
        for leaf in jax.tree.leaves(players):
            np.testing.assert_array_equal(np.clip(leaf, -0.5, 0.5), leaf)


@pytest.mark.parametrize("wrap", [optim.optimistic, optim.extragradient])
def test_state_is_a_fixed_point_and_low_precision_is_finite(wrap):
    tx, p = wrap(optax.adam(1e-2)), tree(0, jnp.bfloat16)
    state = tx.init(p)
    with jax.numpy_dtype_promotion("standard"):
        updates, new = tx.update(p, state, p)
        updates, new = tx.update(p, new, p)
    shapes = [jax.tree.map(lambda x: (x.shape, x.dtype), s) for s in (state, new)]
    assert shapes[0] == shapes[1]
    for leaf in jax.tree.leaves(updates):
        np.testing.assert_array_equal(np.isfinite(np.float32(leaf)), True)


def test_extragradient_needs_the_parameters():
    tx = optim.extragradient(optax.sgd(ETA))
    with pytest.raises(ValueError, match="needs the parameters"):
        tx.update(tree(0), tx.init(tree(0)))
