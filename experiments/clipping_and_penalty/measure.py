"""Critics between a toy distribution and the same with unit noise, clipped or penalised."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_jax import losses, optim, penalties
from gan_jax.data.synthetic_source import open_synthetic
from gan_jax.networks.mlp import MLPDiscriminator
from gan_jax.nn.adapter import from_linen
from gan_jax.types import Array, Key, Net, Params, Scalar

BATCH = 256
TOYS = {"swiss_roll": "Swiss roll", "ring": "8 Gaussians", "grid": "25 Gaussians"}
EXTENT = {"swiss_roll": 3.5, "ring": 3.5, "grid": 5.5}
"""Half the side of the square in which a toy's critic is looked at."""


class Constraint(NamedTuple):
    """How a critic is kept from growing.

    Attributes:
        tx: its optimizer.
        weight: of the gradient penalty.
    """

    tx: optax.GradientTransformation
    weight: float = 0.0


def clipped(bound: float) -> Constraint:
    """WGAN's (1701.07875), with a rate at which small critics get somewhere."""
    return Constraint(
        optax.chain(optax.rmsprop(5e-4), optim.keep_params_in_box(-bound, bound))
    )


def penalised() -> Constraint:
    """WGAN-GP's (1704.00028)."""
    return Constraint(optax.adam(1e-3, b1=0.0, b2=0.9), weight=10.0)


def perceptron(*features: int) -> Net:
    """A critic of points with rectifiers."""
    return from_linen(MLPDiscriminator(features, activation=jax.nn.relu), (2,))


def toy(name: str) -> Array:
    """Points of a toy distribution, float32 (n, 2)."""
    return jnp.asarray(open_synthetic(name).arrays["image"])


def examples(points: Array, key: Key) -> tuple[Array, Array]:
    """A batch of real points, and of "generated" ones: others, with unit noise on them."""
    real_key, fake_key, noise_key = jax.random.split(key, 3)
    real = points[jax.random.randint(real_key, (BATCH,), 0, len(points))]
    fake = points[jax.random.randint(fake_key, (BATCH,), 0, len(points))]
    return real, fake + jax.random.normal(noise_key, fake.shape)


def critic_of(net: Net, params: Params) -> Callable[[Array], Array]:
    return lambda x: net.apply(params, {}, x, train=True)[0]


def train(net: Net, constraint: Constraint, points: Array, steps: int, seed: int) -> Params:
    """The critic after so many steps at a fixed generator."""
    gradient_penalty = penalties.gradient_penalty()
    start, run = jax.random.split(jax.random.key(seed))

    def loss(params: Params, key: Key) -> Scalar:
        batch_key, penalty_key = jax.random.split(key)
        real, fake = examples(points, batch_key)
        critic = critic_of(net, params)
        value = losses.wasserstein.discriminator(critic(real), critic(fake))
        if constraint.weight:
            slope = gradient_penalty(critic, real, fake, penalty_key)
            value = value + constraint.weight * slope
        return value

    def step(carry, key):
        params, opt = carry
        updates, opt = constraint.tx.update(jax.grad(loss)(params, key), opt, params)
        return (optax.apply_updates(params, updates), opt), None

    @jax.jit
    def whole():
        params = net.init(start)[0]
        carry = params, constraint.tx.init(params)
        return jax.lax.scan(step, carry, jax.random.split(run, steps))[0][0]

    return whole()


def surface(net: Net, params: Params, extent: float, side: int = 96) -> np.ndarray:
    """Values of a critic on a grid, less their mean, (side, side), rows upwards."""
    line = jnp.linspace(-extent, extent, side)
    grid = jnp.stack(jnp.meshgrid(line, line), axis=-1).reshape(-1, 2)
    values = np.asarray(critic_of(net, params)(grid)).reshape(side, side)
    return values - values.mean()


def activation_gradients(params: Params, real: Array, fake: Array) -> np.ndarray:
    """Norm of the critic loss's gradient in the activations of every hidden layer, from the
    first to the last, mean over examples.
    """
    names = sorted((n for n in params if n.startswith("Dense_")), key=lambda n: int(n[6:]))

    def forward(x: Array, offsets: list[Array]) -> Array:
        for name, offset in zip(names, offsets, strict=True):
            x = jax.nn.relu(x @ params[name]["kernel"] + params[name]["bias"]) + offset
        return (x @ params["logit"]["kernel"] + params["logit"]["bias"])[:, 0]

    def loss(offsets: list[Array]) -> Scalar:
        both = forward(jnp.concatenate([real, fake]), offsets)
        return losses.wasserstein.discriminator(both[: len(real)], both[len(real) :])

    widths = [params[name]["bias"].shape[0] for name in names]
    zeros = [jnp.zeros((2 * len(real), width)) for width in widths]
    norms = [jnp.linalg.norm(g, axis=1).mean() for g in jax.grad(loss)(zeros)]
    return np.array([float(norm) for norm in norms]) * 2 * len(real)


def weights(params: Params) -> np.ndarray:
    """All kernels' entries in one vector."""
    leaves = [leaf for leaf in jax.tree.leaves(params) if leaf.ndim == 2]
    return np.concatenate([np.asarray(leaf).reshape(-1) for leaf in leaves])
