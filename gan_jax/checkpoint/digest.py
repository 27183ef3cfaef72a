"""The digest of a state: one SHA-256 that two runs share exactly when their states do.

A leaf's digest covers its dtype (for a typed key, its implementation), its shape and its
bytes; the digest of a state covers the sorted paths and digests of its leaves. Paths are
strings and empty nodes have no leaf, so a dataclass, a named tuple and the plain dict that
holds the same leaves have the same digest, on any number of devices and processes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from gan_jax.trees import leaves_with_path
from gan_jax.types import PyTree


def is_key(leaf: Any) -> bool:
    """Whether a leaf, concrete or abstract, holds typed keys."""
    return bool(jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key))


def raw_data(leaf: Any) -> Any:
    """The array behind a leaf: the key data, uint32 (..., words), of typed keys."""
    return jax.random.key_data(leaf) if is_key(leaf) else leaf


def leaves_by_path(tree: PyTree) -> dict[str, Any]:
    """The leaves of a tree under their paths, in sorted order.

    Raises:
        ValueError: two leaves have the same path, as of `{"a/b": x, "a": {"b": y}}`.
    """
    pairs = leaves_with_path(tree)
    leaves = dict(sorted(pairs, key=lambda pair: pair[0]))
    if len(leaves) != len(pairs):
        paths = [path for path, _ in pairs]
        twice = sorted({path for path in paths if paths.count(path) > 1})
        raise ValueError(f"two leaves have the same path: {', '.join(twice)}")
    return leaves


def leaf_digests(state: PyTree) -> dict[str, str]:
    """SHA-256 of every leaf.

    Of arrays sharded over several processes every process must call this, at the same
    point of the program: their leaves are gathered, one after the other.

    Args:
        state: a pytree of arrays and typed keys.

    Returns:
        Path to 64 hexadecimal digits, in sorted order.
    """
    leaves = leaves_by_path(state)
    raw = {path: raw_data(leaf) for path, leaf in leaves.items()}
    for data in raw.values():
        if isinstance(data, jax.Array) and data.is_fully_addressable:
            data.copy_to_host_async()
    # hashlib releases the interpreter lock, so threads hash leaves side by side.
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        futures = {
            path: pool.submit(host_digest, _on_host(data), str(leaves[path].dtype))
            for path, data in raw.items()
        }
        return {path: future.result() for path, future in futures.items()}


def host_digest(data: np.ndarray, dtype: str) -> str:
    """SHA-256 of one leaf.

    Args:
        data: the leaf on the host; of typed keys their key data.
        dtype: the leaf's dtype by name, "float32" or, of keys, "key<fry>".

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256(f"{dtype} {data.shape}\n".encode())
    digest.update(np.ascontiguousarray(data).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _on_host(data: Any) -> np.ndarray:
    if not isinstance(data, jax.Array) or data.is_fully_addressable:
        return np.asarray(data)
    if data.is_fully_replicated:
        return np.asarray(data.addressable_data(0))
    return np.asarray(multihost_utils.process_allgather(data, tiled=True))


def combine_digests(digests: Mapping[str, str]) -> str:
    """The digest of a whole state from `leaf_digests`, as 64 hexadecimal digits."""
    total = hashlib.sha256()
    for path in sorted(digests):
        total.update(f"{path}\n{digests[path]}\n".encode())
    return total.hexdigest()


def state_digest(state: PyTree) -> str:
    """SHA-256 of a whole state, as 64 hexadecimal digits; see `leaf_digests`."""
    return combine_digests(leaf_digests(state))
