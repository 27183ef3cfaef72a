"""Images that a game makes of images, always of the same ones, over all devices."""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from gan_jax import prng
from gan_jax.engine import Algorithm
from gan_jax.game import Batch, Direction
from gan_jax.sampler import Sampler, by_rows
from gan_jax.state import GameState
from gan_jax.types import Array, Key

PER_DEVICE = 4
"""Images that a device translates at a time."""


def make_translator(
    algorithm: Algorithm,
    directions: Mapping[str, Direction],
    key: Key,
    examples: Batch,
    mesh: Mesh | None = None,
) -> Sampler:
    """A sampler of what a game makes of fixed examples.

    Row i is of example i, or where there are fewer of i modulo their number, and has the
    key folded from i.

    Args:
        algorithm: whose images.
        directions: those of its game.
        key: of what the networks draw.
        examples: a round of data, leaves (n, ...) on the host.
        mesh: devices that share a batch; None for the default device alone.

    Returns:
        Its samples are float32 (n, directions, H, W, C), without labels.
    """
    given = {name: np.asarray(way.given(examples)) for name, way in directions.items()}
    count = len(next(iter(given.values())))

    def compute(state: GameState, keys: Key, asked: Mapping[str, Array]) -> Array:
        made = [
            algorithm.translate(state, prng.stream(keys, name), asked[name], name)
            for name in given
        ]
        return jnp.stack(made, axis=1)

    def ask(rows: np.ndarray) -> dict[str, np.ndarray]:
        return {name: images[rows % count] for name, images in given.items()}

    images, batch = by_rows(compute, key, ask, mesh, PER_DEVICE)

    def draw(state: GameState, n: int, offset: int) -> tuple[np.ndarray, None]:
        return images(state, n, offset), None

    def beside(made: np.ndarray) -> np.ndarray:
        """What was given, what was made of it and what is true, from left to right, all
        directions one after the other.
        """
        rows = np.arange(len(made)) % count
        strips: list[np.ndarray] = []
        shown: list[object] = []
        for place, (name, way) in enumerate(directions.items()):
            if way.given not in shown:  # several domains are made of one image
                strips.append(_enlarged(given[name][rows], way.scale))
                shown.append(way.given)
            strips.append(made[:, place])
            if way.truth is not None:
                strips.append(np.asarray(way.truth(examples))[rows])
        channels = max(strip.shape[-1] for strip in strips)
        return np.concatenate([_coloured(strip, channels) for strip in strips], axis=2)

    return Sampler(draw, batch, beside)


def _enlarged(images: np.ndarray, scale: int) -> np.ndarray:
    """Every pixel as a square, so that a small image is seen as it is."""
    return images.repeat(scale, axis=1).repeat(scale, axis=2)


def _coloured(images: np.ndarray, channels: int) -> np.ndarray:
    """Grey images with as many channels as coloured ones."""
    if images.shape[-1] == channels:
        return images
    return np.broadcast_to(images[..., :1], (*images.shape[:-1], channels))
