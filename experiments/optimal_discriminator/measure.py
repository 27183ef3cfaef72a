"""Discriminators with one logit per atom, trained to the optimum on discrete distributions.

An atom of weight n / N is repeated n times in a batch of N, so the means in the library's
losses are the exact expectations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_jax import losses
from gan_jax.types import AdversarialLoss, Array

ATOMS, DRAWS = 20, 980
STEPS = 4000


class Pair(NamedTuple):
    """Two distributions on the same atoms, as counts that add up to the same number.

    Attributes:
        real: int (atoms,).
        fake: int (atoms,).
    """

    real: np.ndarray
    fake: np.ndarray

    def probabilities(self) -> tuple[np.ndarray, np.ndarray]:
        return self.real / self.real.sum(), self.fake / self.fake.sum()


Value = Callable[[np.ndarray, np.ndarray], float]


class Optimum(NamedTuple):
    """What a loss's discriminator reaches, in closed form.

    Attributes:
        loss: the loss.
        value: `(p, q) -> ` the least discriminator loss.
        output: `(p, q) -> ` the discriminator's outputs there.
        activation: from logits to these outputs.
        undecided: whether the loss does not care about an atom that is as likely real as
            fake.
    """

    loss: AdversarialLoss
    value: Value
    output: Callable[[np.ndarray, np.ndarray], np.ndarray]
    activation: Callable[[Array], Array]
    undecided: bool = False


class Trained(NamedTuple):
    """A discriminator trained on each of n pairs.

    Attributes:
        outputs: (n, atoms).
        values: discriminator losses at the end, (n,).
        curve: discriminator losses before every step, (n, steps).
    """

    outputs: np.ndarray
    values: np.ndarray
    curve: np.ndarray


def pairs(seed: int, atoms: int = ATOMS, draws: int = DRAWS) -> dict[str, Pair]:
    """Pairs of distributions; all but the last have weight on every atom."""
    rng = np.random.default_rng(seed)
    places = np.linspace(-3.0, 3.0, atoms)

    def drawn(weights: np.ndarray) -> np.ndarray:
        return 1 + rng.multinomial(draws, weights / weights.sum())

    def hump(centre: float) -> np.ndarray:
        return drawn(np.exp(-0.5 * (places - centre) ** 2))

    uniform, even = np.ones(atoms), drawn(np.ones(atoms))
    left = (draws + atoms) // (atoms // 2) * (np.arange(atoms) < atoms // 2)
    return {
        "equal": Pair(even, even),
        "two humps": Pair(hump(-0.7), hump(0.7)),
        "distant humps": Pair(hump(-1.5), hump(1.5)),
        "even and geometric": Pair(drawn(uniform), drawn(0.75 ** np.arange(atoms))),
        "random": Pair(drawn(rng.dirichlet(uniform)), drawn(rng.dirichlet(uniform))),
        "disjoint": Pair(left, left[::-1]),
    }


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """JSD in nats; an atom without weight adds nothing."""

    def kl(a: np.ndarray, b: np.ndarray) -> float:
        some = a > 0.0
        return float(np.sum(a[some] * np.log(a[some] / b[some])))

    return 0.5 * kl(p, 0.5 * (p + q)) + 0.5 * kl(q, 0.5 * (p + q))


def total_variation(p: np.ndarray, q: np.ndarray) -> float:
    """Half the L1 distance."""
    return float(0.5 * np.sum(np.abs(p - q)))


def share(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """p / (p + q)."""
    return p / (p + q)


OPTIMA = {
    "cross-entropy": Optimum(
        losses.minimax,
        lambda p, q: np.log(4.0) - 2.0 * jensen_shannon(p, q),
        share,
        jax.nn.sigmoid,
    ),
    "least squares": Optimum(
        losses.least_squares,
        lambda p, q: 0.5 * float(np.sum(p * q / (p + q))),
        share,
        lambda logits: logits,
    ),
    "hinge": Optimum(
        losses.hinge,
        lambda p, q: 2.0 - 2.0 * total_variation(p, q),
        lambda p, q: np.sign(p - q),
        # The loss does not see how far beyond 1 or -1 a logit is.
        lambda logits: jnp.clip(logits, -1.0, 1.0),
        undecided=True,
    ),
}


F_VALUES: dict[str, Value] = {
    "kl": lambda p, q: np.sum(p * np.log(p / q)),
    "reverse_kl": lambda p, q: np.sum(q * np.log(q / p)),
    "pearson": lambda p, q: np.sum((p - q) ** 2 / q),
    "neyman": lambda p, q: np.sum((p - q) ** 2 / p),
    "squared_hellinger": lambda p, q: np.sum((np.sqrt(p) - np.sqrt(q)) ** 2),
    "jensen_shannon": lambda p, q: 2.0 * jensen_shannon(p, q),
    "total_variation": total_variation,
    "gan": lambda p, q: 2.0 * jensen_shannon(p, q) - np.log(4.0),
}
"""The divergences as f-GAN's Table 1 states them, which are the largest values of its bound
where both distributions have weight on every atom."""


def f_optimum(name: str) -> Optimum:
    """The optimum of an f-GAN: minus the divergence, at T* = f'(p / q)."""
    parts = losses.F_DIVERGENCES[name]
    return Optimum(
        losses.f_divergence(name),
        lambda p, q: -F_VALUES[name](p, q),
        lambda p, q: np.asarray(parts.optimal(jnp.asarray(np.log(p / q)))),
        parts.activation,
        undecided=name == "total_variation",
    )


def train(
    optimum: Optimum, chosen: list[Pair], seed: int, steps: int = STEPS, rate: float = 0.3
) -> Trained:
    """One logit per atom from N(0, 1), Adam with a rate that falls to 0; all pairs in one
    program.
    """
    atoms = np.arange(len(chosen[0].real))
    real, fake = (
        jnp.asarray([np.repeat(atoms, counts) for counts in side])
        for side in zip(*chosen, strict=True)
    )
    optimizer = optax.adam(optax.cosine_decay_schedule(rate, steps))

    def one(real: Array, fake: Array) -> tuple[Array, Array, Array]:
        def loss(logits: Array) -> Array:
            return optimum.loss.discriminator(logits[real], logits[fake])

        def step(carry: tuple, _: None) -> tuple[tuple, Array]:
            logits, state = carry
            value, gradient = jax.value_and_grad(loss)(logits)
            updates, state = optimizer.update(gradient, state)
            return (optax.apply_updates(logits, updates), state), value

        start = jax.random.normal(jax.random.key(seed), (len(atoms),))
        carry, curve = jax.lax.scan(step, (start, optimizer.init(start)), length=steps)
        return optimum.activation(carry[0]), loss(carry[0]), curve

    # optax mixes its integer count with floats.
    with jax.numpy_dtype_promotion("standard"):
        return Trained(*(np.asarray(a) for a in jax.jit(jax.vmap(one))(real, fake)))


def output_error(optimum: Optimum, pair: Pair, outputs: np.ndarray) -> float:
    """Largest distance from the optimal outputs, relative to the largest of these if it is
    above 1.
    """
    p, q = pair.probabilities()
    best = optimum.output(p, q)
    counted = (p != q) | (not optimum.undecided)
    error = np.max(np.abs(outputs - best), where=counted, initial=0.0)
    return float(error / max(1.0, np.max(np.abs(best))))
