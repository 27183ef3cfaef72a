"""Examples in blocks: real ones from a source, samples from a state."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from gan_jax.data import ImageSource
from gan_jax.numerics import to_uint8
from gan_jax.registry import DataSettings
from gan_jax.sampler import Sampler
from gan_jax.session import plain_pipeline
from gan_jax.state import GameState

Arrays = dict[str, np.ndarray]
"""Examples: "images" uint8 (n, H, W, C) or points float (n, d), "labels" int32 (n,)."""
BLOCK = 1_024
"""Examples that are in memory at a time, unless a measure needs all."""


class RealSet(NamedTuple):
    """Real examples as the networks see them, but not augmented, in a fixed order.

    Attributes:
        source: where they are from.
        data: how they come to their shape.
        size: how many of them.
        split: as `data.source` or the command line names it.
    """

    source: ImageSource
    data: DataSettings
    size: int
    split: str

    @property
    def fingerprint(self) -> str:
        """Hexadecimal; of the data, how they come to their shape, and how many they are."""
        how = (self.data.image_shape, self.data.resize, self.data.crop, self.data.fill)
        text = f"{self.source.fingerprint()} {how} {self.size}"
        return hashlib.sha256(text.encode()).hexdigest()

    def blocks(self) -> Iterator[Arrays]:
        """The examples, in every process."""
        size = min(BLOCK, self.size)
        pipeline = plain_pipeline(self.source, self.data, size)
        for start in range(0, self.size, size):
            batch, left = pipeline.rounds(start // size, 1), self.size - start
            block = {"images": batch["image"][0][:left]}
            if "label" in batch:
                block["labels"] = batch["label"][0][:left]
            yield block


class NotFiniteError(ValueError):
    """Samples that cannot be measured."""


def sample_block(sampler: Sampler, state: GameState, start: int, count: int) -> Arrays:
    """Samples of the rows from `start` on, as pixels; points stay as they are.

    Raises:
        NotFiniteError: a value is not finite; names the row.
    """
    samples, labels = sampler.draw(state, count, start)
    bad = ~np.isfinite(samples).reshape(count, -1).all(axis=1)
    if bad.any():
        row = start + int(bad.argmax())
        raise NotFiniteError(f"samples are not finite, the first is sample {row}")
    if samples.ndim == 4:
        samples = np.asarray(to_uint8(jnp.asarray(samples)))
    return {"images": samples} | ({} if labels is None else {"labels": labels})
