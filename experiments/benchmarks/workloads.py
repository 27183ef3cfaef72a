"""What is measured: a method, its sizes, and how much of it makes one sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from gan_jax import compile_game, parallel, trees
from gan_jax.game import Game, rounds
from gan_jax.methods import METHODS, Recipe
from gan_jax.priors import normal

Sampler = Callable[[], None]
"""Runs the steps of one sample, and returns when they are done."""


class Workload(NamedTuple):
    """One row of the table.

    Attributes:
        title: what the row is called.
        goal: smallest wanted ratio of images/s, JAX over PyTorch.
        game: makes the method's game.
        shape: of one example.
        batch: examples per round.
        steps: steps per sample.
        steps_per_call: of them, in one dispatch.
    """

    title: str
    goal: float
    game: Callable[[], Game]
    shape: tuple[int, ...]
    batch: int
    steps: int
    steps_per_call: int = 1


def ring() -> Game:
    """Points in the plane: two hidden layers of 128, latents of 2, one pass for real and
    fake.
    """
    return METHODS["ns_gan"](
        image_shape=(2,),
        g_features=(128, 128),
        d_features=(128, 128),
        recipe=Recipe(prior=normal(2), joint_forward=True),
    )


def _images(method: str, **sizes: int) -> Callable[[], Game]:
    return lambda: METHODS[method](image_shape=(32, 32, 3), **sizes)


WORKLOADS = {
    "ring": Workload("2-D ring, MLP 2 x 128", 4.0, ring, (2,), 256, 400, 200),
    "dcgan": Workload(
        "DCGAN 32, width 64, 4 x 4", 1.0, _images("dcgan", width=64, kernel_size=4),
        (32, 32, 3), 64, 6,
    ),
    "sngan": Workload(
        "SNGAN 32, 5 D steps", 1.0, _images("sngan"), (32, 32, 3), 64, 1
    ),
    "wgan_gp": Workload(
        "WGAN-GP 32, 5 D steps", 1.3, _images("wgan_gp"), (32, 32, 3), 64, 1
    ),
}  # fmt: skip


class Ready(NamedTuple):
    """A compiled workload.

    Attributes:
        sample: runs one sample.
        sizes: trained scalars of generator and discriminator.
        compile_seconds: what tracing and compiling took.
    """

    sample: Sampler
    sizes: tuple[int, int]
    compile_seconds: float


def prepare(workload: Workload, seed: int) -> Ready:
    """Compiles a workload's step for one device, its data there already."""
    game = workload.game()
    algorithm, mesh = compile_game(game), parallel.make_mesh(jax.devices()[:1])
    state = parallel.init_state(algorithm, jax.random.key(seed), mesh)
    per_call = workload.steps_per_call
    data = _data(workload, rounds(game) * per_call, seed)
    batch = parallel.shard_batch(mesh, {"image": data})
    step, seconds = _compile(
        parallel.jit_step(algorithm, mesh, steps_per_call=per_call), state, batch
    )
    sizes = tuple(
        trees.count(state.players[name].params) for name in ("generator", "discriminator")
    )
    return Ready(_sampler(step, state, batch, workload.steps // per_call), sizes, seconds)


def _data(workload: Workload, rows: int, seed: int) -> np.ndarray:
    """Random examples in [-1, 1], float32 (rows, batch, ...)."""
    rng = np.random.default_rng(seed)
    shape = (rows, workload.batch, *workload.shape)
    return rng.uniform(-1.0, 1.0, shape).astype(np.float32)


def _compile(step, state, batch):
    begin = time.perf_counter()
    compiled = step.lower(state, batch).compile()
    return compiled, time.perf_counter() - begin
