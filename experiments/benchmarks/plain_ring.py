"""The 2-D ring written out by hand in plain JAX: what XLA can reach without any engine.

The same networks, losses, Adam and two devices as the row "ring", with parameters in one
vector and no engine: no metrics, no named streams, no keys per example. "bare" leaves out
the noise and the all-reduce as well; it could train nothing, and is a bound.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from experiments.benchmarks.workloads import WORKLOADS, Ready
from gan_jax.parallel import DATA_AXIS, make_mesh

WORK = WORKLOADS["ring"]
HALF = WORK.batch // WORK.devices
Shapes = tuple[tuple[int, ...], ...]
G_SHAPES: Shapes = ((2, 128), (128,), (128, 128), (128,), (128, 2), (2,))
D_SHAPES: Shapes = (*G_SHAPES[:4], (128, 1), (1,))


class _Learner(NamedTuple):
    """A player's parameters and its Adam's moments, each one float32 vector."""

    params: jax.Array
    mean: jax.Array
    square: jax.Array


class _State(NamedTuple):
    generator: _Learner
    discriminator: _Learner
    step: jax.Array
    key: jax.Array


def prepare_plain(bare: bool, seed: int) -> Ready:
    """Compiles the ring by hand; its data lies on the devices already."""
    mesh = make_mesh(jax.devices()[: WORK.devices])
    rng = np.random.default_rng(seed)
    state = jax.device_put(_state(rng, seed), NamedSharding(mesh, P()))
    data = rng.uniform(-1.0, 1.0, (WORK.per_call, WORK.batch, 2)).astype(np.float32)
    reals = jax.device_put(data, NamedSharding(mesh, P(None, DATA_AXIS)))

    def steps(state: _State, reals: jax.Array) -> _State:
        return jax.lax.scan(lambda s, x: (_step(s, x, bare), None), state, reals)[0]

    mapped = jax.shard_map(
        steps, mesh=mesh, in_specs=(P(), P(None, DATA_AXIS)), out_specs=P(), check_vma=False
    )
    begin = time.perf_counter()
    compiled = jax.jit(mapped, donate_argnums=0).lower(state, reals).compile()
    seconds = time.perf_counter() - begin

    def sample() -> float:
        nonlocal state
        begin = time.perf_counter()
        for _ in range(WORK.steps // WORK.per_call):
            state = compiled(state, reals)
        jax.block_until_ready(state)
        return time.perf_counter() - begin

    return Ready(sample, (_size(G_SHAPES), _size(D_SHAPES)), seconds)


def _state(rng: np.random.Generator, seed: int) -> _State:
    def learner(shapes: Shapes) -> _Learner:
        params = jnp.asarray(0.1 * rng.standard_normal(_size(shapes)), jnp.float32)
        return _Learner(params, jnp.zeros_like(params), jnp.zeros_like(params))

    zero = jnp.zeros((), jnp.float32)
    return _State(learner(G_SHAPES), learner(D_SHAPES), zero, jax.random.key(seed))


def _step(state: _State, real: jax.Array, bare: bool) -> _State:
    """One step of the discriminator, one of the generator."""
    generator, discriminator, step, key = state
    step = step + 1
    if bare:
        latents = jnp.stack([0.3 * real, 0.2 * real])
    else:
        key, drawn = jax.random.split(key)
        drawn = jax.random.fold_in(drawn, jax.lax.axis_index(DATA_AXIS))
        latents = jax.random.normal(drawn, (2, HALF, 2))

    def fakes(params: jax.Array, latents: jax.Array) -> jax.Array:
        return _perceptron(params, G_SHAPES, latents, jax.nn.relu)

    def logits(params: jax.Array, points: jax.Array) -> jax.Array:
        return _perceptron(params, D_SHAPES, points, _leaky)[:, 0]

    def update(learner: _Learner, loss: Callable[[jax.Array], jax.Array]) -> _Learner:
        gradient = jax.grad(loss)(learner.params)
        if not bare:
            gradient = jax.lax.pmean(gradient, DATA_AXIS)
        return _adam(learner, gradient, step)

    both = jnp.concatenate([real, fakes(generator.params, latents[0])])

    def d_loss(params: jax.Array) -> jax.Array:
        on_real, on_fake = jnp.split(logits(params, both), 2)
        return jnp.mean(jax.nn.softplus(-on_real)) + jnp.mean(jax.nn.softplus(on_fake))

    discriminator = update(discriminator, d_loss)

    def g_loss(params: jax.Array) -> jax.Array:
        on_fake = logits(discriminator.params, fakes(params, latents[1]))
        return jnp.mean(jax.nn.softplus(-on_fake))

    return _State(update(generator, g_loss), discriminator, step, key)


def _adam(learner: _Learner, gradient: jax.Array, step: jax.Array) -> _Learner:
    mean = 0.5 * learner.mean + 0.5 * gradient
    square = 0.999 * learner.square + 0.001 * jnp.square(gradient)
    root = jnp.sqrt(square / (1.0 - 0.999**step)) + 1e-8
    return _Learner(learner.params - 2e-4 * mean / (1.0 - 0.5**step) / root, mean, square)


def _perceptron(
    params: jax.Array,
    shapes: Shapes,
    x: jax.Array,
    activation: Callable[[jax.Array], jax.Array],
) -> jax.Array:
    """Two hidden layers; x (B, 2) to (B, outputs)."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    parts = zip(jnp.split(params, ends), shapes, strict=True)
    w1, b1, w2, b2, w3, b3 = (part.reshape(shape) for part, shape in parts)
    hidden = activation(activation(x @ w1 + b1) @ w2 + b2)
    return hidden @ w3 + b3


def _leaky(x: jax.Array) -> jax.Array:
    return jnp.where(x > 0, x, 0.2 * x)


def _size(shapes: Shapes) -> int:
    return sum(math.prod(shape) for shape in shapes)
