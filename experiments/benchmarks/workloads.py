"""The games that are timed, compiled and fed, on the JAX side: steps and sampling."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_jax import compile_game, parallel, tracing, trees
from gan_jax.engine import Algorithm
from gan_jax.game import Ema, Game, ema_from_decay, rounds
from gan_jax.methods import METHODS, Recipe
from gan_jax.nn import initializers
from gan_jax.optim import lazy_adam
from gan_jax.priors import normal

Timed = Callable[[], float]
"""Runs one sample and returns its seconds."""


class Workload(NamedTuple):
    """A game and how it is run.

    Attributes:
        game: makes it.
        shape: of one example.
        batch: examples per round.
        steps: steps per sample.
        per_call: of them, in one dispatch.
        devices: virtual devices that share the batch, each with a thread of its own.
        classes: of the labels; 0 is none.
        sampling: whether a step generates a batch from the average, and trains nothing.
    """

    game: Callable[[], Game]
    shape: tuple[int, ...]
    batch: int
    steps: int
    per_call: int = 1
    devices: int = 1
    classes: int = 0
    sampling: bool = False


def _ring() -> Game:
    """Points in the plane; real and fake in one pass, parameters updated as one vector."""
    adam = optax.flatten(optax.adam(2e-4, b1=0.5, b2=0.999))
    recipe = Recipe(prior=normal(2), g_tx=adam, d_tx=adam, joint_forward=True)
    features = (128, 128)
    return METHODS["ns_gan"](
        image_shape=(2,), g_features=features, d_features=features, recipe=recipe
    )


_IMAGE = (32, 32, 3)
_LARGE = (128, 128, 3)


def _images(method: str, **sizes: Any) -> Callable[[], Game]:
    return partial(METHODS[method], **{"image_shape": _IMAGE} | sizes)


def _averaged(method: str, batch: int, **changes: Any) -> Recipe:
    """The published recipe of a method with changes, and an average of the generator."""
    published = inspect.signature(METHODS[method]).parameters["recipe"].default
    return published._replace(g_ema=ema_from_decay(0.9999, batch), **changes)


def _biggan_cifar() -> Game:
    """The game of `configs/biggan.py:cifar10`."""
    adam = optax.adam(2e-4, b1=0.0, b2=0.999)
    return METHODS["biggan"](
        image_shape=_IMAGE,
        num_classes=10,
        g_width=64,
        d_width=64,
        embedding=None,
        hierarchical=False,
        kernel_init=initializers.normal(),
        recipe=_averaged(
            "biggan", 50, prior=normal(128), g_tx=adam, d_tx=adam, g_terms={}, d_steps=4
        ),
    )


def _biggan_128() -> Game:
    """The paper's game at 128 pixels with a sixth of its width."""
    return METHODS["biggan"](
        image_shape=_LARGE,
        num_classes=1000,
        g_width=16,
        d_width=16,
        kernel_init=initializers.normal(),
        recipe=_averaged("biggan", 8),
    )


def _stylegan2() -> Game:
    """The game of `configs/stylegan2.py:cifar10` in float32, with at most 256 channels and
    without augmentation.
    """
    published = inspect.signature(METHODS["stylegan2"]).parameters["recipe"].default
    penalty = published.d_terms["r1"]._replace(weight=0.01)
    return METHODS["stylegan2"](
        image_shape=_IMAGE,
        channel_max=256,
        mapping_layers=2,
        d_architecture="orig",
        group_size=32,
        mixing=0.0,
        recipe=published._replace(
            g_tx=lazy_adam(2.5e-3, 4),
            d_tx=lazy_adam(2.5e-3, 16),
            g_ema=Ema(500_000.0, ramp=0.05),
            d_terms={"r1": penalty},
            g_terms={},
        ),
    )


WORKLOADS = {
    "ring": Workload(_ring, (2,), 256, steps=400, per_call=200, devices=2),
    "dcgan": Workload(
        _images("dcgan", width=64, kernel_size=4), _IMAGE, 64, steps=10, per_call=10
    ),
    "sngan": Workload(_images("sngan"), _IMAGE, 64, steps=1),
    "wgan_gp": Workload(_images("wgan_gp"), _IMAGE, 64, steps=1),
    "biggan_cifar": Workload(_biggan_cifar, _IMAGE, 50, steps=1, classes=10),
    "biggan_128": Workload(_biggan_128, _LARGE, 8, steps=4, per_call=4, classes=1000),
    "stylegan2": Workload(_stylegan2, _IMAGE, 16, steps=16),
    "sample_sngan": Workload(
        _images("sngan", recipe=_averaged("sngan", 64)), _IMAGE, 64, steps=1, sampling=True
    ),
    "sample_biggan_128": Workload(
        _biggan_128, _LARGE, 8, steps=8, per_call=8, classes=1000, sampling=True
    ),
    "sample_stylegan2": Workload(_stylegan2, _IMAGE, 64, steps=4, sampling=True),
}


class Ready(NamedTuple):
    """A compiled workload with its data on the device.

    Attributes:
        sample: runs `steps` steps.
        sizes: trained scalars of generator and discriminator.
        compile_seconds: what tracing and compiling took.
    """

    sample: Timed
    sizes: tuple[int, int]
    compile_seconds: float


def prepare(work: Workload, seed: int) -> Ready:
    """Compiles a workload; its data lies on the devices already."""
    game, mesh = work.game(), parallel.make_mesh(jax.devices()[: work.devices])
    single = compile_game(game)
    state = parallel.init_state(single, jax.random.key(seed), mesh)
    if work.sampling:
        program = _sampler(single, work)
        batch = jax.random.split(jax.random.key(seed + 1), work.per_call)
    else:
        program = _program(game, single, mesh, work.per_call)
        data = _data(work, (work.per_call * rounds(game),), seed)
        batch = parallel.shard_batch(mesh, data)
    begin = time.perf_counter()
    compiled = program.lower(state, batch).compile()
    seconds = time.perf_counter() - begin
    generator, discriminator = (
        trees.count(state.players[name].params) for name in ("generator", "discriminator")
    )
    sample = _sample(compiled, state, batch, work.steps // work.per_call)
    return Ready(sample, (generator, discriminator), seconds)


def prepare_seeds(work: Workload, seeds: int, seed: int) -> Ready:
    """The same for several seeds in one program, on the same devices."""
    game, mesh = work.game(), parallel.make_mesh(jax.devices()[: work.devices])
    algorithm = compile_game(game)
    states = parallel.init_seeds(
        algorithm, jax.random.split(jax.random.key(seed), seeds), mesh
    )
    data = _data(work, (seeds, work.per_call * rounds(game)), seed)
    batch = jax.device_put(data, parallel.seeds_sharding(mesh))
    program = parallel.seeds_step(algorithm, mesh, steps_per_call=work.per_call)
    begin = time.perf_counter()
    compiled = program.lower(states, batch).compile()
    seconds = time.perf_counter() - begin
    sample = _sample(compiled, states, batch, work.steps // work.per_call)
    return Ready(sample, (0, 0), seconds)


def _program(
    game: Game, single: Algorithm, mesh: jax.sharding.Mesh, per_call: int
) -> jax.stages.Wrapped:
    if mesh.size == 1:
        return parallel.jit_step(single, mesh, steps_per_call=per_call)
    mapped = compile_game(game, axis_name=parallel.DATA_AXIS)
    return parallel.shard_map_step(mapped, mesh, steps_per_call=per_call)


def _sampler(single: Algorithm, work: Workload) -> jax.stages.Wrapped:
    """Batches of samples, one after another, as `(state, keys) -> (state, images)`."""
    numbers = jnp.arange(work.batch, dtype=jnp.int32)
    labels = numbers % work.classes if work.classes else None

    def sample(state: Any, keys: Any) -> tuple[Any, Any]:
        with tracing.platform("cpu"):
            one = partial(single.sample, state, n=work.batch, labels=labels)
            return state, jax.lax.map(one, keys)

    return jax.jit(sample, donate_argnums=0)


def _data(work: Workload, lead: tuple[int, ...], seed: int) -> dict[str, np.ndarray]:
    """Random examples in [-1, 1], float32 (*lead, batch, ...), and their labels if any."""
    rng = np.random.default_rng(seed)
    shape = (*lead, work.batch, *work.shape)
    data = {"image": rng.uniform(-1.0, 1.0, shape).astype(np.float32)}
    if work.classes:
        data["label"] = rng.integers(work.classes, size=shape[: len(lead) + 1], dtype="i4")
    return data


def _sample(step: Callable, state: object, batch: object, calls: int) -> Timed:
    def run() -> float:
        nonlocal state
        begin = time.perf_counter()
        for _ in range(calls):
            state, seen = step(state, batch)
        jax.block_until_ready((state, seen))
        return time.perf_counter() - begin

    return run
