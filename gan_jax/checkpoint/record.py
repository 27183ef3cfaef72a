"""What stands beside the arrays of a checkpoint: position, score, notes, a digest per leaf.

The record is a JSON file with a digest of its own, so that no flipped bit goes unnoticed.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import platform
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax

from gan_jax.checkpoint.digest import combine_digests, is_key, leaf_digests, leaves_by_path
from gan_jax.errors import UserError
from gan_jax.types import PyTree

_PACKAGES = ("jax", "jaxlib", "numpy", "flax", "optax", "orbax-checkpoint", "gan_jax")


class CheckpointError(UserError):
    """A checkpoint cannot be written, or none can be read."""


class DamagedError(Exception):
    """A checkpoint is not what was written; the text says in what."""


class LeafRecord(NamedTuple):
    """One leaf as it was saved.

    Attributes:
        dtype: by name: "float32", or "key<fry>" of typed keys.
        shape: of the leaf; of typed keys the shape without the key's own words.
        impl: the implementation of typed keys ("threefry2x32"), else None.
        sha256: the leaf's digest, 64 hexadecimal digits.
    """

    dtype: str
    shape: tuple[int, ...]
    impl: str | None
    sha256: str

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


class Record(NamedTuple):
    """Everything of a checkpoint but its arrays.

    Attributes:
        step: the step it was saved at.
        position: of the data pipeline, one integer.
        score: as given to `save`, None if there was none or it was not finite.
        meta: the caller's own notes, as JSON returns them.
        config: the run's resolved configuration.
        versions: of Python and the packages that wrote it.
        leaves: path to `LeafRecord`.
    """

    step: int
    position: int
    score: float | None
    meta: dict[str, Any]
    config: dict[str, Any]
    versions: dict[str, str]
    leaves: dict[str, LeafRecord]

    @property
    def digest(self) -> str:
        """The digest of the whole state."""
        return combine_digests({path: leaf.sha256 for path, leaf in self.leaves.items()})


def make_record(
    step: int,
    state: PyTree,
    *,
    position: int,
    score: float | None,
    meta: Mapping[str, Any],
    config: Mapping[str, Any],
) -> Record:
    """The record of a state; hashes every leaf."""
    digests = leaf_digests(state)
    leaves = {
        path: LeafRecord(str(x.dtype), tuple(x.shape), _impl(x), digests[path])
        for path, x in leaves_by_path(state).items()
    }
    finite = score is not None and math.isfinite(score)
    return Record(
        step=int(step),
        position=int(position),
        score=float(score) if score is not None and finite else None,
        meta=json.loads(json.dumps(dict(meta))),
        config=json.loads(json.dumps(dict(config))),
        versions=_versions(),
        leaves=leaves,
    )


def to_json(record: Record) -> dict[str, Any]:
    """The record and its digest, as plain JSON values."""
    leaves = {path: leaf._asdict() for path, leaf in record.leaves.items()}
    body = json.loads(json.dumps(record._asdict() | {"leaves": leaves}))
    return {"sha256": _body_digest(body), "record": body}


def from_json(text: str) -> Record:
    """The record of a file's text.

    Raises:
        DamagedError: it is not what `to_json` gave.
    """
    try:
        outer = json.loads(text)
        body = outer["record"]
        if outer["sha256"] != _body_digest(body):
            raise DamagedError("its record does not match the record's own digest")
        leaves = {
            path: LeafRecord(**leaf | {"shape": tuple(leaf["shape"])})
            for path, leaf in body["leaves"].items()
        }
        return Record(**body | {"leaves": leaves})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"its record is not readable ({error!r})") from error


def check_same_structure(
    record: Record, abstract: PyTree, *, partial: bool, where: str
) -> None:
    """Compares a checkpoint with the state it is to be restored into.

    Args:
        record: of the checkpoint.
        abstract: a pytree of arrays or `jax.ShapeDtypeStruct`s.
        partial: whether the checkpoint may hold more leaves than `abstract`.
        where: the checkpoint's name, for the error.

    Raises:
        CheckpointError: leaves differ; names the first three of them.
    """
    here = {path: (str(x.dtype), x.shape) for path, x in leaves_by_path(abstract).items()}
    there = {path: (leaf.dtype, leaf.shape) for path, leaf in record.leaves.items()}
    if partial:
        there = {path: leaf for path, leaf in there.items() if path in here}
    differences = list(_differences(here, there))
    if differences:
        more = len(differences) - 3
        raise CheckpointError(
            f"{where} was made by another game: {'; '.join(differences[:3])}"
            + (f"; and {more} more" if more > 0 else "")
            + ". Use the config that made it, or another work directory."
        )


def _differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[str]:
    for path in sorted(here.keys() | there.keys()):
        if path not in there:
            yield f"{path} is not in the checkpoint"
        elif path not in here:
            yield f"{path} is in the checkpoint only"
        elif here[path] != there[path]:
            yield f"{path} is {_show(*here[path])} here, {_show(*there[path])} there"


def _show(dtype: str, shape: tuple[int, ...]) -> str:
    return f"{dtype}[{','.join(map(str, shape))}]"


def _impl(leaf: Any) -> str | None:
    return str(jax.random.key_impl(leaf)) if is_key(leaf) else None


def _body_digest(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions
