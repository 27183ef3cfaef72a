"""Minima of KL, reverse KL, JS and MMD between a mixture and one Gaussian.

Divergences are quadratures on a grid, MMD has a closed form; L-BFGS follows their exact
gradients from many starts at once. Everything is float64: call it under
`jax.enable_x64(True)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_jax.types import Array, Scalar

WEIGHTS, MEANS, DEVIATIONS = (0.6, 0.4), (-2.0, 2.5), (0.6, 1.0)
GRID = (-20.0, 20.0, 1601)
STEPS = 60

Value = Callable[[Array], Scalar]
"""`(theta) -> value`, theta = (mu, log sigma), float64 (2,)."""


class Fit(NamedTuple):
    """A local optimum.

    Attributes:
        mean: of the Gaussian.
        deviation: its standard deviation.
        value: of the divergence there.
        curvature: smallest eigenvalue of the Hessian in (mu, log sigma); > 0 at a minimum.
    """

    mean: float
    deviation: float
    value: float
    curvature: float


class Ends(NamedTuple):
    """Where descents from n starts ended.

    Attributes:
        theta: (n, 2).
        value: (n,).
        slope: largest entry of the gradient, (n,).
        curvature: smallest eigenvalue of the Hessian, (n,).
    """

    theta: Array
    value: Array
    slope: Array
    curvature: Array


def log_normal(x: Array, mean: float | Scalar, deviation: float | Scalar) -> Array:
    """Log density of N(mean, deviation^2) at x (n,)."""
    scaled = (x - mean) / deviation
    return -0.5 * jnp.square(scaled) - jnp.log(deviation) - 0.5 * np.log(2.0 * np.pi)


def log_mixture(x: Array) -> Array:
    """Log density of the mixture at x (n,)."""
    parts = [
        np.log(w) + log_normal(x, m, s)
        for w, m, s in zip(WEIGHTS, MEANS, DEVIATIONS, strict=True)
    ]
    return jax.nn.logsumexp(jnp.stack(parts), axis=0)


def mixture_moments() -> tuple[float, float]:
    """Mean and standard deviation of the mixture."""
    w, m, s = (np.asarray(v) for v in (WEIGHTS, MEANS, DEVIATIONS))
    mean = w @ m
    return float(mean), float(np.sqrt(w @ (s**2 + m**2) - mean**2))


def divergences() -> dict[str, Value]:
    """KL, reverse KL and Jensen-Shannon, by the trapezoid rule, in nats."""
    x = jnp.linspace(*GRID)
    p = log_mixture(x)

    def integral(log_weight: Array, log_ratio: Array) -> Scalar:
        return jnp.trapezoid(jnp.exp(log_weight) * log_ratio, x)

    def q(theta: Array) -> Array:
        return log_normal(x, theta[0], jnp.exp(theta[1]))

    def kl(theta: Array) -> Scalar:
        return integral(p, p - q(theta))

    def reverse_kl(theta: Array) -> Scalar:
        return integral(q(theta), q(theta) - p)

    def jensen_shannon(theta: Array) -> Scalar:
        middle = jnp.logaddexp(p, q(theta)) - np.log(2.0)
        return 0.5 * (integral(p, p - middle) + integral(q(theta), q(theta) - middle))

    return {"KL(p, q)": kl, "KL(q, p)": reverse_kl, "JS(p, q)": jensen_shannon}


def squared_mmd(bandwidth: float) -> Value:
    """MMD^2 of the mixture and N(mu, sigma^2), kernel exp(-(x - y)^2 / (2 s^2)).

    For x ~ N(a, u) and y ~ N(b, v): E k(x, y) = s / r exp(-(a - b)^2 / (2 r^2)) with
    r^2 = s^2 + u + v.
    """

    def similarity(mean: Scalar, variance: Scalar) -> Scalar:
        square = bandwidth**2 + variance
        return bandwidth / jnp.sqrt(square) * jnp.exp(-0.5 * jnp.square(mean) / square)

    w, m, v = (jnp.array(t) for t in (WEIGHTS, MEANS, np.square(DEVIATIONS)))
    # Pairs of components: (2, 1) against (1, 2).
    rows, columns = (lambda t: t.reshape(2, 1)), (lambda t: t.reshape(1, 2))
    pairs = similarity(rows(m) - columns(m), rows(v) + columns(v))
    within = jnp.sum(rows(w) * columns(w) * pairs)

    def value(theta: Array) -> Scalar:
        variance = jnp.exp(2.0 * theta[1])
        across = jnp.sum(w * similarity(m - theta[0], v + variance))
        return within + similarity(jnp.zeros(()), 2.0 * variance) - 2.0 * across

    return value


def minimise(value: Value, starts: Array, steps: int) -> Ends:
    """L-BFGS from every start (n, 2), side by side."""
    optimizer = optax.lbfgs()
    value_and_grad = optax.value_and_grad_from_state(value)

    def step(carry: tuple, _: None) -> tuple[tuple, None]:
        theta, state = carry
        loss, grad = value_and_grad(theta, state=state)
        updates, state = optimizer.update(
            grad, state, theta, value=loss, grad=grad, value_fn=value
        )
        return (optax.apply_updates(theta, updates), state), None

    def one(theta: Array) -> Ends:
        (theta, _), _ = jax.lax.scan(step, (theta, optimizer.init(theta)), length=steps)
        slope = jnp.max(jnp.abs(jax.grad(value)(theta)))
        curvature = jnp.linalg.eigvalsh(jax.hessian(value)(theta))[0]
        return Ends(theta, value(theta), slope, curvature)

    # optax's line search mixes integers with floats.
    with jax.numpy_dtype_promotion("standard"):
        return jax.jit(jax.vmap(one))(starts)


def distinct(ends: Ends) -> list[Fit]:
    """The minima that were reached, each once, best first; saddles, and descents that
    left the grid or did not arrive, are not among them.
    """
    fits: list[Fit] = []
    for index in np.argsort(ends.value):
        if not (ends.slope[index] < 1e-6 and ends.curvature[index] > 1e-6):
            continue
        mean, log_deviation = (float(t) for t in ends.theta[index])
        deviation = float(np.exp(log_deviation))
        if all(abs(mean - f.mean) + abs(deviation - f.deviation) > 1e-2 for f in fits):
            fits.append(
                Fit(mean, deviation, float(ends.value[index]), float(ends.curvature[index]))
            )
    return fits


def measure(values: dict[str, Value], steps: int = STEPS) -> dict[str, list[Fit]]:
    """Minima of every value, from 5 means times 3 deviations."""
    means, deviations = jnp.linspace(-4.0, 4.0, 5), jnp.array([0.5, 1.0, 3.0])
    starts = jnp.stack([jnp.repeat(means, 3), jnp.log(jnp.tile(deviations, 5))], axis=1)
    return {name: distinct(minimise(v, starts, steps)) for name, v in values.items()}
