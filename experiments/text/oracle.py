"""The synthetic oracle of 1609.05473 (section 4): an LSTM with random weights, whose
sequences are the data, and which says how likely generated ones are.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import prng
from gan_jax.files import write_atomic
from gan_jax.metrics.cache import cache_directory
from gan_jax.networks.text import RecurrentGenerator
from gan_jax.types import Array, Key, Params

LENGTH, WORDS, UNITS, SEED = 20, 30, 32, 0
"""Of a sequence; of the vocabulary (5,000 in the paper); of the LSTM and of vectors."""
TRAIN, TEST, _PASS = 200_000, 2_000, 1_000
"""TRAIN: 10,000 in the paper, which a discriminator soon knows by heart."""

_MODULE = RecurrentGenerator(LENGTH, WORDS + 1, UNITS, UNITS, full=True)


class Oracle(NamedTuple):
    """The true distribution.

    Attributes:
        params: of an LSTM, all from N(0, 1).
    """

    params: Params

    def draw(self, key: Key, n: int) -> np.ndarray:
        """Sequences int32 (n, LENGTH)."""
        keys = prng.per_example(key, n)
        return np.concatenate([_draw(self.params, part) for part in _parts(keys)])

    def log_likelihoods(self, tokens: np.ndarray) -> np.ndarray:
        """Mean log likelihood of a token of each sequence (n, LENGTH), in nats, (n,)."""
        terms = [np.asarray(_log_probs(self.params, part)) for part in _parts(tokens)]
        return np.concatenate(terms).mean(axis=1, dtype=np.float64)

    def nll(self, tokens: np.ndarray) -> float:
        """Mean negative log likelihood of a token of sequences (n, LENGTH), in nats."""
        return -float(self.log_likelihoods(tokens).mean())


@jax.jit
def _draw(params: Params, keys: Key) -> Array:
    return _MODULE.apply({"params": params}, keys, method="draw")


@jax.jit
def _log_probs(params: Params, tokens: Array) -> Array:
    return _MODULE.apply({"params": params}, tokens, method="log_probs")


def _parts(rows: Array | np.ndarray) -> list[Array]:
    return [jnp.asarray(rows[i : i + _PASS]) for i in range(0, len(rows), _PASS)]


def make_oracle(seed: int = SEED) -> Oracle:
    """An LSTM whose weights are all from N(0, 1)."""
    key = jax.random.key(seed)
    texts = jax.ShapeDtypeStruct((1, LENGTH), jnp.int32)
    shapes = jax.eval_shape(_MODULE.init, key, texts)["params"]
    leaves, structure = jax.tree.flatten(shapes)
    keys = jax.random.split(key, len(leaves))
    drawn = [jax.random.normal(k, x.shape) for k, x in zip(keys, leaves, strict=True)]
    return Oracle(jax.tree.unflatten(structure, drawn))


def write_data(folder: Path) -> Path:
    """A folder of sequences as lines of words, which `words:FOLDER` reads.

    Args:
        folder: made if missing; what is in it already is kept.

    Returns:
        The folder.
    """
    oracle = make_oracle()
    for split, count in (("train", TRAIN), ("test", TEST)):
        path = folder / f"{split}.txt"
        if not path.exists():
            key = prng.fold_name(jax.random.key(SEED), split)
            rows = oracle.draw(key, count).tolist()
            lines = [" ".join(map(str, row)) for row in rows]
            write_atomic(path, "".join(f"{line}\n" for line in lines).encode())
    words = "".join(f"{word}\n" for word in range(1, WORDS + 1))
    write_atomic(folder / "vocabulary.txt", words.encode())
    return folder


def sequences() -> Path:
    """The folder of sequences in the cache, written on first use."""
    name = f"oracle_{WORDS}_{LENGTH}_{UNITS}_{TRAIN}_{TEST}_{SEED}"
    return write_data(cache_directory() / name)
