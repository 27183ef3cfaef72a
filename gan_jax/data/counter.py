"""Random numbers by counter: a pure function of (seed, name, index), in plain numpy.

They do not depend on how many were drawn before, on hosts, workers or the numpy version, so
that a stream may be entered anywhere. SplitMix64 (Steele, Lea and Flood 2014, "Fast
splittable pseudorandom number generators", section 4) hashes the counters.
"""

from __future__ import annotations

import zlib

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_MASK = (1 << 64) - 1


def _mix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


def _key(seed: int, name: str) -> np.ndarray:
    words = np.array([seed & _MASK, zlib.crc32(name.encode())], np.uint64)
    key = np.zeros(1, np.uint64)
    for word in words:
        key = _mix((key ^ word) + _GOLDEN)
    return key


def hash64(seed: int, name: str, index: np.ndarray) -> np.ndarray:
    """64 random bits per index.

    Args:
        seed: any Python integer; its low 64 bits count.
        name: names the stream; streams of different names are independent.
        index: int (...,), non-negative counters.

    Returns:
        uint64 of the shape of `index`; distinct indices give distinct values.
    """
    counter = np.atleast_1d(np.asarray(index)).astype(np.uint64)
    bits = _mix(_key(seed, name) + (counter + np.uint64(1)) * _GOLDEN)
    return bits.reshape(np.shape(index))


def uniform(seed: int, name: str, index: np.ndarray) -> np.ndarray:
    """One float64 in [0, 1) per index; arguments as `hash64`."""
    return (hash64(seed, name, index) >> np.uint64(11)) * 2.0**-53


def normal(seed: int, name: str, index: np.ndarray) -> np.ndarray:
    """Standard normal pairs by Box and Muller (1958): float64 (..., 2), one per index."""
    # 1 - u lies in (0, 1], where the logarithm is finite.
    radius = np.sqrt(-2.0 * np.log(1.0 - uniform(seed, f"{name}/radius", index)))
    angle = 2.0 * np.pi * uniform(seed, f"{name}/angle", index)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
