"""A constrained critic's estimate of the distance of two distributions on the line.

Every problem is N(0, 1) against the same, shifted or scaled, at a known distance; the
critics of all problems are trained side by side in one program for each constraint.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.scipy.special import ndtri

from gan_jax import losses, optim, penalties, prng, transforms
from gan_jax.networks.mlp import MLPDiscriminator
from gan_jax.nn.adapter import from_linen
from gan_jax.types import (
    Array,
    Critic,
    Key,
    Params,
    ParamTransform,
    Penalty,
    PyTree,
    Scalar,
)

WIDTH, BATCH, POINTS, STEPS = 32, 128, 4096, 1000
NET = from_linen(MLPDiscriminator((WIDTH, WIDTH)), (1,))


class Problem(NamedTuple):
    """Generated points are shift + scale * z, real ones z, with z ~ N(0, 1).

    Attributes:
        shift: units of x.
        scale: no unit.
    """

    shift: float
    scale: float


class Constraint(NamedTuple):
    """How a critic is kept from growing without bound.

    Attributes:
        tx: its optimizer.
        transform: of its parameters.
        penalty: added to its loss, if any.
        weight: of the penalty.
        bound: the steepest slope that the constraint allows for certain, or None.
    """

    tx: optax.GradientTransformation
    transform: ParamTransform = transforms.identity()
    penalty: Penalty | None = None
    weight: float = 0.0
    bound: float | None = None


class Estimates(NamedTuple):
    """One entry for every problem.

    Attributes:
        value: E C(x) - E C(G(z)) at the end, over `POINTS` quantiles.
        slope: steepest slope |C'| at these points.
        exact: the Wasserstein-1 distance of these points, units of x.
    """

    value: np.ndarray
    slope: np.ndarray
    exact: np.ndarray


def problems(distances: tuple[float, ...]) -> list[Problem]:
    """Shifts, then scales, at the given distances: W1(N(0, 1), N(d, 1)) = d, and
    W1(N(0, 1), N(0, s^2)) = |s - 1| sqrt(2 / pi).
    """
    shifts = [Problem(d, 1.0) for d in distances]
    return shifts + [Problem(0.0, 1.0 + d * float(np.sqrt(np.pi / 2.0))) for d in distances]


def clipping(box: float) -> Constraint:
    """Weights in [-box, box] after each update, RMSProp as in 1701.07875."""
    tx = optax.chain(optax.rmsprop(1e-3), optim.keep_params_in_box(-box, box))
    # Three kernels (1, W), (W, W), (W, 1) of entries +-box, and |activation'| <= 1.
    return Constraint(tx, bound=box**3 * WIDTH**2)


def _adam() -> optax.GradientTransformation:
    return optax.adam(1e-3, b1=0.0, b2=0.9)


CONSTRAINTS = {
    "clipping, c = 0.01": clipping(0.01),
    "clipping, c = 0.1": clipping(0.1),
    "gradient penalty": Constraint(
        _adam(), penalty=penalties.gradient_penalty(), weight=10.0
    ),
    "one-sided penalty": Constraint(
        _adam(), penalty=penalties.gradient_penalty(one_sided=True), weight=10.0
    ),
    "spectral norm": Constraint(_adam(), transforms.spectral_norm(), bound=1.0),
}


def quantiles(problem: Problem, count: int) -> tuple[Array, Array]:
    """Real and generated points without noise, (count, 1) each."""
    z = ndtri((jnp.arange(count, dtype=jnp.float32) + 0.5) / count).reshape(-1, 1)
    return z, problem.shift + problem.scale * z


def exact_distance(x: Array, y: Array) -> Scalar:
    """Wasserstein-1 distance of two samples (n, 1) on the line: sorted, they match."""
    return jnp.mean(jnp.abs(jnp.sort(x, axis=0) - jnp.sort(y, axis=0)))


def train(
    constraint: Constraint, chosen: list[Problem], seed: int, steps: int = STEPS
) -> Estimates:
    """A critic for each problem, all in one program."""

    def one(problem: Problem, key: Key) -> Estimates:
        critic = _train(constraint, problem, key, steps)
        real, fake = quantiles(problem, POINTS)
        slopes = jax.vmap(jax.grad(lambda x: critic(x.reshape(1, 1))[0]))
        steepest = jnp.max(jnp.abs(slopes(jnp.concatenate([real, fake])[:, 0])))
        value = -losses.wasserstein.discriminator(critic(real), critic(fake))
        return Estimates(value, steepest, exact_distance(real, fake))

    keys = jax.random.split(jax.random.key(seed), len(chosen))
    stacked = Problem(*(jnp.asarray(column) for column in zip(*chosen, strict=True)))
    # optax mixes its integer count with floats.
    with jax.numpy_dtype_promotion("standard"):
        return jax.tree.map(np.asarray, jax.jit(jax.vmap(one))(stacked, keys))


def _train(constraint: Constraint, problem: Problem, key: Key, steps: int) -> Critic:
    """A critic after `steps` steps."""

    def loss(params: Params, state: PyTree, key: Key) -> Scalar:
        keys = jax.random.split(key, 3)
        real = jax.random.normal(keys[0], (BATCH, 1))
        fake = problem.shift + problem.scale * jax.random.normal(keys[1], (BATCH, 1))
        critic = _critic(constraint, params, state)
        value = losses.wasserstein.discriminator(critic(real), critic(fake))
        if constraint.penalty is None:
            return value
        return value + constraint.weight * constraint.penalty(critic, real, fake, keys[2])

    def step(carry: tuple, index: Array) -> tuple[tuple, None]:
        params, state, opt = carry
        state = constraint.transform.update(params, state)
        gradient = jax.grad(loss)(params, state, jax.random.fold_in(key, index))
        updates, opt = constraint.tx.update(gradient, opt, params)
        return (optax.apply_updates(params, updates), state, opt), None

    params = constraint.transform.parametrize(NET.init(prng.fold_name(key, "init"))[0])
    state = constraint.transform.init(params, prng.fold_name(key, "transform"))
    begin = (params, state, constraint.tx.init(params))
    (params, state, _), _ = jax.lax.scan(step, begin, jnp.arange(steps))
    return _critic(constraint, params, constraint.transform.update(params, state))


def _critic(constraint: Constraint, params: Params, state: PyTree) -> Critic:
    seen = constraint.transform.apply(params, state)
    return lambda x: NET.apply(seen, {}, x, train=False)[0]
