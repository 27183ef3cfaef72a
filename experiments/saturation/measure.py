"""The gradient that a generator N(mu, 1) gets against N(0, 1), as its opponent improves."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.scipy.special import ndtri

from gan_jax import losses, penalties, prng
from gan_jax.networks.mlp import MLPDiscriminator
from gan_jax.nn.adapter import from_linen
from gan_jax.numerics import mean32
from gan_jax.types import AdversarialLoss, Array, Critic, Key, Penalty, PyTree, Scalar

BATCH, POINTS = 256, 16_384
RATE = 1e-3
NET = from_linen(MLPDiscriminator((64, 64)), (1,))


class Opponent(NamedTuple):
    """A discriminator's training, and the generators that look at it.

    Attributes:
        loss: what the discriminator minimises.
        generators: losses whose generator side is differentiated, by name.
        penalty: added to the discriminator's loss, if any.
        weight: of the penalty.
    """

    loss: AdversarialLoss
    generators: dict[str, AdversarialLoss]
    penalty: Penalty | None = None
    weight: float = 0.0


LOSSES = {
    "minimax": losses.minimax,
    "non-saturating": losses.non_saturating,
    "least squares": losses.least_squares,
    "hinge": losses.hinge,
    "Wasserstein": losses.wasserstein,
}

_CROSS_ENTROPY = {name: LOSSES[name] for name in ("minimax", "non-saturating")}
OPPONENTS = (
    Opponent(losses.minimax, _CROSS_ENTROPY),
    Opponent(losses.least_squares, {"least squares": losses.least_squares}),
    Opponent(losses.hinge, {"hinge": losses.hinge}),
    Opponent(
        losses.wasserstein,
        {"Wasserstein": losses.wasserstein},
        penalties.gradient_penalty(one_sided=True),
        10.0,
    ),
)


class Pulls(NamedTuple):
    """What generators at several distances feel.

    Attributes:
        pull: `{loss: (checkpoints, means)}`, the derivative of the generator's loss with
            respect to mu > 0; positive is towards the real data.
        accuracy: of the discriminator, (checkpoints, means).
    """

    pull: dict[str, np.ndarray]
    accuracy: np.ndarray


def logit_gradient(loss: AdversarialLoss, fake_logits: Array) -> Array:
    """Derivative of the generator's loss in each fake logit alone, (n,)."""

    def one(logit: Scalar) -> Scalar:
        return loss.generator(jnp.zeros((1,)), logit.reshape(1))

    return jax.vmap(jax.grad(one))(fake_logits)


def normal_points(count: int) -> Array:
    """Midpoint quantiles of N(0, 1), (count, 1): a sample without noise."""
    return ndtri((jnp.arange(count, dtype=jnp.float32) + 0.5) / count).reshape(-1, 1)


def critic_of(params: PyTree) -> Critic:
    """The network at given parameters."""
    return lambda x: NET.apply(params, {}, x, train=False)[0]


def pull(loss: AdversarialLoss, critic: Critic, mean: Scalar, points: Array) -> Scalar:
    """Derivative, with respect to mu, of the loss of a generator mu + z."""

    def generator(mu: Scalar) -> Scalar:
        return loss.generator(critic(points), critic(points + mu))

    return jax.grad(generator)(mean)


def accuracy(critic: Critic, mean: Scalar, points: Array) -> Scalar:
    """Share of points told apart by whether their output is above the mean output."""
    real, fake = critic(points), critic(points + mean)
    middle = 0.5 * (jnp.mean(real) + jnp.mean(fake))
    right = [real > middle, fake <= middle]
    return mean32(jnp.concatenate(right))


def optimal_pulls(mean: float) -> dict[str, float]:
    """Pulls of the best discriminator of the cross-entropy, D = p / (p + q): its logit is
    log p / q = mu^2 / 2 - mu x. By the trapezoid rule, in float64.
    """
    x = np.linspace(-10.0, mean + 10.0, 20_001)
    density = np.exp(-0.5 * (x - mean) ** 2) / np.sqrt(2.0 * np.pi)
    fake = 1.0 / (1.0 + np.exp(0.5 * mean**2 - mean * x))
    return {
        "minimax": float(mean * np.trapezoid(density * (1.0 - fake), x)),
        "non-saturating": float(mean * np.trapezoid(density * fake, x)),
    }


def _train(opponent: Opponent, key: Key, mean: Scalar, steps: tuple[int, ...]) -> PyTree:
    """Parameters after so many steps (increasing), stacked, against a generator that
    stands still.
    """
    optimizer = optax.adam(RATE, b1=0.5, b2=0.999)

    def loss(params: PyTree, key: Key) -> Scalar:
        keys = jax.random.split(key, 3)
        real = jax.random.normal(keys[0], (BATCH, 1))
        fake = mean + jax.random.normal(keys[1], (BATCH, 1))
        critic = critic_of(params)
        value = opponent.loss.discriminator(critic(real), critic(fake))
        if opponent.penalty is None:
            return value
        return value + opponent.weight * opponent.penalty(critic, real, fake, keys[2])

    def step(index: Array, carry: tuple) -> tuple:
        params, state = carry
        gradient = jax.grad(loss)(params, jax.random.fold_in(key, index))
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(params, updates), state

    def stretch(carry: tuple, ends: tuple[Array, Array]) -> tuple[tuple, PyTree]:
        carry = jax.lax.fori_loop(*ends, step, carry)
        return carry, carry[0]

    params = NET.init(prng.fold_name(key, "init"))[0]
    ends = jnp.asarray((0, *steps[:-1])), jnp.asarray(steps)
    return jax.lax.scan(stretch, (params, optimizer.init(params)), ends)[1]


def measure(
    opponent: Opponent, means: tuple[float, ...], steps: tuple[int, ...], seed: int
) -> Pulls:
    """Trains one discriminator per mean, all in one program, and looks at it on the way."""
    points = normal_points(POINTS)

    def one(mean: Scalar, key: Key) -> Pulls:
        def look(params: PyTree) -> Pulls:
            critic = critic_of(params)
            pulls = {
                name: pull(loss, critic, mean, points)
                for name, loss in opponent.generators.items()
            }
            return Pulls(pulls, accuracy(critic, mean, points))

        return jax.lax.map(look, _train(opponent, key, mean, steps))

    keys = jax.random.split(jax.random.key(seed), len(means))
    # optax mixes its integer count with floats.
    with jax.numpy_dtype_promotion("standard"):
        found = jax.jit(jax.vmap(one, out_axes=1))(jnp.asarray(means), keys)
    return jax.tree.map(np.asarray, found)
