"""The order of the examples: one pure function of (seed, position in the stream)."""

from __future__ import annotations

import functools

import numpy as np

from gan_jax.data.counter import hash64


@functools.lru_cache(maxsize=4)
def permutation(seed: int, epoch: int, n: int) -> np.ndarray:
    """A permutation of 0..n-1, int64 (n,), read-only, fixed by its arguments."""
    # The keys are distinct, so the order does not depend on the sorting algorithm.
    keys = hash64(seed, f"order/{epoch}", np.arange(n))
    order = np.argsort(keys)
    order.flags.writeable = False
    return order


def source_index(stream: np.ndarray, n: int, seed: int) -> np.ndarray:
    """The example at each place of the endless stream.

    Args:
        stream: int64 (...,), places 0, 1, 2, ... in the stream.
        n: number of examples.
        seed: fixes the order.

    Returns:
        int64 of the shape of `stream`: `permutation(seed, g // n, n)[g % n]`. Every run of
        places k*n .. (k+1)*n-1 holds every example exactly once.
    """
    epochs, rows = np.divmod(stream, n)
    out = np.empty_like(rows)
    for epoch in np.unique(epochs):
        inside = epochs == epoch
        out[inside] = permutation(seed, int(epoch), n)[rows[inside]]
    return out
