"""Samples of a state, always from the same latents, over all devices; its generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from gan_jax import parallel, prng
from gan_jax.engine import Algorithm
from gan_jax.errors import UserError
from gan_jax.game import Game, View, Views, sample_of
from gan_jax.methods.sides import GENERATOR, side_by_side
from gan_jax.methods.style_objectives import halves
from gan_jax.metrics.measures.evidence import Generator, Styled
from gan_jax.players import live_params, make_views
from gan_jax.sampling import sampling_inputs, standing_state
from gan_jax.state import GameState
from gan_jax.types import Array, Key

PER_DEVICE = 64
"""Samples that a device computes at a time: so many on any number of devices, so that a
sample comes from the same program, to the last bit."""
_STANDING = 500


class Sampler(NamedTuple):
    """Draws samples from a state, always from the same latents.

    Attributes:
        draw: `(state, n, offset) -> (images, labels)` on the host, float32 in [-1, 1] or
            points, and int32 labels or None; a collective with several processes.
        batch: samples that are computed at a time.
        beside: `(images) -> images`, the first of the samples with what they were made of
            beside them, float32; None where that is no picture.
    """

    draw: Callable[[GameState, int, int], tuple[np.ndarray, np.ndarray | None]]
    batch: int = PER_DEVICE
    beside: Callable[[np.ndarray], np.ndarray] | None = None


def check_samples(game: Game) -> None:
    """Refuses a game without samples of latents.

    Raises:
        UserError: it makes images of images.
    """
    try:
        sample_of(game)
    except ValueError as error:
        raise UserError(str(error)) from None


def in_turn(num_classes: int | None) -> Callable[[np.ndarray], np.ndarray | None]:
    """Labels of rows where classes take turns: row i has i modulo their number; None
    without classes.
    """
    if num_classes is None:
        return lambda rows: None
    return lambda rows: (rows % num_classes).astype(np.int32)


def always(label: int) -> Callable[[np.ndarray], np.ndarray | None]:
    """The same label for all rows."""
    return lambda rows: np.full_like(rows, label, np.int32)


def make_sampler(
    algorithm: Algorithm,
    key: Key,
    labels_of: Callable[[np.ndarray], np.ndarray | None],
    mesh: Mesh | None = None,
) -> Sampler:
    """Compiled sampling in batches of one size.

    Rows are numbered from `offset`; row i has the key folded from i, and its own label, so
    any cut of the rows gives the same samples.

    Args:
        algorithm: whose samples.
        key: of the latents.
        labels_of: int32 (n,) rows to their int32 labels, or None.
        mesh: devices that share a batch; None for the default device alone.
    """

    def compute(state: GameState, keys: Key, asked: Mapping[str, Array]) -> Array:
        made: Array = algorithm.sample(state, keys, keys.shape[0], asked.get("label"))
        return made

    def ask(rows: np.ndarray) -> dict[str, np.ndarray]:
        labels = labels_of(rows)
        return {} if labels is None else {"label": labels}

    images, batch = by_rows(compute, key, ask, mesh, PER_DEVICE)

    def draw(state: GameState, n: int, offset: int) -> tuple[np.ndarray, np.ndarray | None]:
        rows = np.arange(offset, offset + n, dtype=np.int32)
        return images(state, n, offset), labels_of(rows)

    return Sampler(draw, batch)


def by_rows(
    compute: Callable[[GameState, Key, Mapping[str, Array]], Array],
    key: Key,
    ask: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    mesh: Mesh | None,
    per_device: int,
) -> tuple[Callable[[GameState, int, int], np.ndarray], int]:
    """Something computed of numbered rows, in batches of one size over all devices.

    Args:
        compute: `(state, keys, asked) -> (n, ...)`, of a batch's rows; row i has the key
            folded from i.
        key: of all rows.
        ask: int32 (n,) rows to what else is asked of them, leaves (n, ...).
        mesh: devices that share a batch; None for the default device alone.
        per_device: rows that a device computes at a time.

    Returns:
        `(state, n, offset) -> rows` on the host, and the size of a batch.
    """
    batch = per_device * (1 if mesh is None else mesh.size)

    @jax.jit
    def compiled(state: GameState, key: Key, asked: Mapping[str, Array]) -> Array:
        flat = {name: leaf[0] for name, leaf in asked.items()}
        return compute(state, prng.fold_rows(key, flat["row"]), flat)

    def placed(rows: np.ndarray) -> Any:
        """What is asked of rows, as a batch of one round."""
        asked = {k: v[None] for k, v in {"row": rows, **ask(rows)}.items()}
        if mesh is None:
            return asked
        own = parallel.process_rows(mesh, len(rows))
        return parallel.shard_batch(mesh, {k: v[:, own] for k, v in asked.items()})

    def run(state: GameState, n: int, offset: int) -> np.ndarray:
        parts = []
        for start in range(offset, offset + n, batch):
            rows = np.arange(start, start + batch, dtype=np.int32)
            parts.append(parallel.to_host(compiled(state, key, placed(rows))))
        return np.concatenate(parts)[:n]

    return run, batch


def sampling_key(seed: int) -> Key:
    """The key of the latents that a seed stands for."""
    return prng.fold_name(jax.random.key(seed), "samples")


def views_of(game: Game, state: GameState) -> Views:
    """The nets of a state, to be sampled from or looked at."""
    return make_views(game, live_params(state), state, jnp.zeros((), jnp.float32))


def make_generator(game: Game, state: GameState, num_classes: int | None) -> Generator:
    """A state's generator, its average where one is kept, for latents of one's own.

    Args:
        game: with a net "generator".
        state: of the game.
        num_classes: number of classes, or None; classes take turns where no labels are
            given.
    """
    views = views_of(game, state)
    view = views.averaged(GENERATOR)

    def latents(key: Key, n: int, labels: Array | None) -> Array:
        found = sampling_inputs(game, views, prng.per_example(key, n), labels)
        drawn: Array = found[GENERATOR][0]
        return drawn

    def called(net: View, z: Array, labels: Array | None) -> Array:
        if num_classes is not None and labels is None:
            labels = jnp.arange(len(z), dtype=jnp.int32) % num_classes
        inputs = (z,) if num_classes is None else (z, labels)
        return side_by_side(net(*inputs, train=False))

    styled = None
    if (two := halves(view)) is not None:
        synthesis = partial(two.synthesis, train=False)
        styled = Styled(partial(called, two.mapping), synthesis)
    return Generator(latents, partial(called, view), num_classes, styled)


def standing_size(batch_size: int) -> int:
    """Samples in a batch of standing statistics: as in training, but no more than a device
    computes at a time.
    """
    return min(batch_size, _STANDING)


def with_standing(
    game: Game, state: GameState, key: Key, batches: int, batch_size: int, flag: str
) -> GameState:
    """A state with statistics of so many batches of its own samples.

    Args:
        game: of the state.
        state: to be sampled.
        key: of the latents.
        batches: how many.
        batch_size: of training; see `standing_size`.
        flag: what asked for it, in the error.

    Raises:
        UserError: no net that sampling calls has batch norm.
    """
    shape = (batches, standing_size(batch_size))
    keys = jax.random.split(prng.fold_name(key, "standing"), shape)
    try:
        return jax.jit(partial(standing_state, game))(state, keys)
    except ValueError as error:
        raise UserError(f"{flag}={batches}: {error}") from None
