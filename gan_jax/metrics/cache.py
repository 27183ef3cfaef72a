"""Arrays that are expensive to make, kept in the user's cache directory.

Entries are `.npz` files without pickles that carry a SHA-256 of their own content, so a
damaged entry is noticed and made anew.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax import files

_DIGEST = "sha256"
_LOG = logging.getLogger(__name__)


def cache_directory(override: str | Path | None = None) -> Path:
    """The cache directory: `override`, else $GAN_JAX_CACHE, else $XDG_CACHE_HOME/gan_jax,
    else ~/.cache/gan_jax. It need not exist.
    """
    if override is not None:
        return Path(override).expanduser()
    if own := os.environ.get("GAN_JAX_CACHE"):
        return Path(own).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "gan_jax"


def digest(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256, hexadecimal, of names, dtypes, shapes and bytes, in the order of names."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        header = json.dumps([name, array.dtype.str, list(array.shape)])
        total.update(header.encode())
        total.update(array.reshape(-1).view(np.uint8).data)
    return total.hexdigest()


def load_or_make(
    path: Path, make: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """The arrays stored at `path`; made and stored when absent or damaged.

    A cache that cannot be written costs a warning, not the result.

    Args:
        path: the `.npz` file.
        make: computes the arrays; no name may be "sha256".

    Returns:
        Name to array, the same bytes whether stored or just made.
    """
    stored = load(path)
    if stored is not None:
        return stored
    arrays = {name: np.asarray(array) for name, array in make().items()}
    content = io.BytesIO()
    entries: dict[str, Any] = arrays | {_DIGEST: np.array(digest(arrays))}
    np.savez(content, **entries)
    try:
        files.write_atomic(path, content.getvalue())
    except OSError as error:
        _LOG.warning("cannot keep %s in the cache: %s", path.name, error)
    return arrays


def load(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays at `path`, or None if there are none that can be trusted."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except FileNotFoundError:
        return None
    except (
        OSError,
        ValueError,
        EOFError,
        KeyError,
        zipfile.BadZipFile,
        zipfile.error,
    ) as e:
        _LOG.warning("%s is damaged (%s), making it anew", path, e)
        return None
    expected = str(arrays.pop(_DIGEST, ""))
    if digest(arrays) == expected:
        return arrays
    _LOG.warning("%s is damaged (its SHA-256 differs), making it anew", path)
    return None
