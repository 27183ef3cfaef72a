"""Reading checkpoints: verified against their digests, the newest whole one first.

Everything here only reads, so it also serves beside a live run. Each process reads whole
leaves into host memory, verifies them and places its own shards: the devices that wrote a
checkpoint and those that read it need not be alike, and no process waits for another.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath

from gan_jax.checkpoint.digest import host_digest, leaves_by_path
from gan_jax.checkpoint.quiet import quiet_orbax
from gan_jax.checkpoint.record import (
    CheckpointError,
    DamagedError,
    LeafRecord,
    Record,
    check_same_structure,
    from_json,
)
from gan_jax.trees import map_with_path
from gan_jax.types import PyTree

_LOG = logging.getLogger(__name__)
STATE_ITEM = "state"
RECORD_ITEM = "record"


class Restored(NamedTuple):
    """A checkpoint in memory.

    Attributes:
        state: like the abstract state it was read into, on the devices named there.
        step: the step it was saved at.
        position: of the data pipeline, one integer.
        meta: the notes given to `save`, as JSON returns them.
        record: everything else: score, config, versions, digests.
    """

    state: PyTree
    step: int
    position: int
    meta: dict[str, Any]
    record: Record


class Whole(NamedTuple):
    """A verified checkpoint on the host: key data in place of typed keys."""

    record: Record
    data: dict[str, np.ndarray]


class LatestDigest(NamedTuple):
    """The newest whole checkpoint's step and the digest of its state."""

    step: int
    digest: str


def saved_steps(directory: epath.PathLike) -> list[int]:
    """The steps of the finished checkpoints in a directory, whole or damaged, ascending."""
    directory = epath.Path(directory)
    if not directory.is_dir():
        return []
    return sorted(
        int(child.name) for child in directory.iterdir() if child.name.isdecimal()
    )


def load(
    directory: epath.PathLike,
    abstract: PyTree,
    *,
    step: int | None = None,
    partial: bool = False,
) -> Restored | None:
    """Reads the newest whole checkpoint, or that of one step.

    Args:
        directory: where a `Checkpointer` saved.
        abstract: the state's structure: `jax.ShapeDtypeStruct`s, with shardings where
            leaves belong on certain devices, or arrays.
        step: read this one and no other.
        partial: `abstract` may be part of the state, under the same paths, as in
            `{"players": {"generator": ...}}`; only its leaves are read.

    Returns:
        The checkpoint, or None if there is none.

    Raises:
        CheckpointError: none is whole, that of `step` is missing or damaged, or it was
            made by another game.
    """
    paths = list(leaves_by_path(abstract)) if partial else None
    whole = read_newest(directory, step=step, paths=paths)
    if whole is None:
        return None
    return place(
        whole, abstract, partial=partial, where=describe(directory, whole.record.step)
    )


def read_record(directory: epath.PathLike, step: int) -> Record:
    """The record of one checkpoint, verified; its arrays are not looked at.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    try:
        return _read_record(epath.Path(directory), step)
    except DamagedError as error:
        raise CheckpointError(f"{describe(directory, step)} is damaged: {error}") from error


def best_step(directory: epath.PathLike, *, lower_is_better: bool = True) -> int | None:
    """The step of the checkpoint with the best score, the newest among equals.

    Returns:
        The step, or None if no checkpoint has a score.
    """
    scores = read_scores(directory)
    sign = -1.0 if lower_is_better else 1.0
    return max(scores, key=lambda step: (sign * scores[step], step), default=None)


def latest_digest(directory: epath.PathLike) -> LatestDigest:
    """The digest of the newest whole state, read without knowing its game.

    Equal to `state_digest` of the state that was saved.

    Raises:
        CheckpointError: there is no checkpoint, or none is whole.
    """
    whole = read_newest(directory)
    if whole is None:
        raise CheckpointError(f"no checkpoint in {directory}")
    return LatestDigest(whole.record.step, whole.record.digest)


def read_scores(directory: epath.PathLike) -> dict[int, float]:
    """Step to score of every checkpoint that has one and a readable record."""
    scores = {}
    for step in saved_steps(directory):
        try:
            score = _read_record(epath.Path(directory), step).score
        except DamagedError:
            continue
        if score is not None:
            scores[step] = score
    return scores


def read_newest(
    directory: epath.PathLike,
    *,
    step: int | None = None,
    paths: list[str] | None = None,
    on_damage: Callable[[int], None] = lambda step: None,
) -> Whole | None:
    """The newest whole checkpoint on the host, or that of `step`.

    Args:
        directory: where a `Checkpointer` saved.
        step: read this one and no other.
        paths: read these leaves only.
        on_damage: called with the step of every damaged checkpoint, once an older one has
            proved to be whole.

    Raises:
        CheckpointError: that of `step` is missing or damaged, or all are damaged.
    """
    steps = saved_steps(directory)
    if step is not None and step not in steps:
        have = ", ".join(map(str, steps)) or "none"
        raise CheckpointError(
            f"{describe(directory, step)} does not exist; there are: {have}"
        )
    damaged: dict[int, str] = {}
    for candidate in reversed(steps) if step is None else [step]:
        try:
            whole = read_whole(absolute(directory), candidate, paths)
        except DamagedError as error:
            damaged[candidate] = str(error)
            _LOG.warning("%s is damaged: %s", describe(directory, candidate), error)
            continue
        for bad in damaged:
            on_damage(bad)
        return whole
    if damaged:
        raise CheckpointError(_none_left(directory, damaged))
    return None


def absolute(directory: epath.PathLike) -> epath.Path:
    """A directory as Orbax wants it, which takes no relative paths; buckets as they are."""
    remote = "://" in os.fspath(directory)
    return epath.Path(directory if remote else os.path.abspath(directory))


def read_whole(directory: epath.Path, step: int, paths: list[str] | None = None) -> Whole:
    """One checkpoint on the host, verified; `paths` that it lacks are left out.

    Raises:
        DamagedError: it is not what was written.
        CheckpointError: it may not be read.
    """
    record = _read_record(directory, step)
    wanted = record.leaves
    if paths is not None:
        wanted = {path: wanted[path] for path in paths if path in wanted}
    stored = {path: leaf for path, leaf in wanted.items() if leaf.size}
    data = {path: _empty(leaf) for path, leaf in wanted.items() if not leaf.size}
    if stored:
        data |= _read_arrays(directory / str(step) / STATE_ITEM, list(stored))
    wrong = [
        p for p, leaf in wanted.items() if host_digest(data[p], leaf.dtype) != leaf.sha256
    ]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise DamagedError(
            f"values differ from their digests in {', '.join(wrong[:3])}{more}"
        )
    return Whole(record, data)


def place(whole: Whole, abstract: PyTree, *, partial: bool, where: str) -> Restored:
    """Puts a checkpoint onto devices, in the structure of `abstract`.

    Raises:
        CheckpointError: it was made by another game.
    """
    record = whole.record
    check_same_structure(record, abstract, partial=partial, where=where)
    state = map_with_path(
        lambda path, target: _place(whole.data[path], record.leaves[path], target), abstract
    )
    return Restored(state, record.step, record.position, record.meta, record)


def describe(directory: epath.PathLike, step: int) -> str:
    """A checkpoint's name in messages."""
    return f"checkpoint {step} in {directory}"


def one_line(error: BaseException) -> str:
    """The first line of an error, short enough for a terminal."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines[0]) <= 240 else lines[0][:240] + "..."


def _read_record(directory: epath.Path, step: int) -> Record:
    try:
        text = (directory / str(step) / RECORD_ITEM / "metadata").read_text()
    except PermissionError as error:
        raise CheckpointError(
            f"{describe(directory, step)} may not be read: {error}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedError(f"its record is not readable ({one_line(error)})") from error
    record = from_json(text)
    if record.step != step:
        raise DamagedError(f"its record is that of step {record.step}")
    return record


def _read_arrays(directory: epath.Path, paths: list[str]) -> dict[str, np.ndarray]:
    handler = ocp.PyTreeCheckpointHandler()
    to_numpy = ocp.RestoreArgs(restore_type=np.ndarray)
    args = ocp.args.PyTreeRestore(
        item=dict.fromkeys(paths, 0),
        restore_args=dict.fromkeys(paths, to_numpy),
        partial_restore=True,
    )
    try:
        with quiet_orbax():
            data = handler.restore(directory, args=args)
        return {path: np.asarray(data[path]) for path in paths}
    except MemoryError:
        raise
    except Exception as error:  # Orbax and TensorStore raise a dozen kinds for bad bytes.
        raise DamagedError(f"its arrays are not readable ({one_line(error)})") from error


def _empty(leaf: LeafRecord) -> np.ndarray:
    """A leaf without elements, which Orbax does not store."""
    if leaf.impl is None:
        return np.zeros(leaf.shape, jax.numpy.dtype(leaf.dtype))
    key = jax.eval_shape(lambda: jax.random.key_data(jax.random.key(0, impl=leaf.impl)))
    return np.zeros(leaf.shape + key.shape, key.dtype)


def _place(data: np.ndarray, leaf: LeafRecord, target: Any) -> jax.Array:
    """A leaf on the devices of `target`. A key's sharding fits its data as it stands: the
    words of a key are a trailing axis that the partition does not name.
    """
    sharding = getattr(target, "sharding", None)
    if sharding is None:
        array = jax.numpy.array(data)
    else:
        array = jax.make_array_from_callback(
            data.shape, sharding, lambda index: data[index]
        )
    return array if leaf.impl is None else jax.random.wrap_key_data(array, impl=leaf.impl)


def _none_left(directory: epath.PathLike, damaged: dict[int, str]) -> str:
    steps = ", ".join(map(str, damaged))
    last_step, last = next(iter(damaged.items()))
    return (
        f"every checkpoint in {directory} is damaged ({steps}; {last_step}: {last}). "
        "Nothing was deleted; move the directory away to start from the beginning."
        if len(damaged) > 1
        else f"{describe(directory, last_step)} is damaged: {last}. Nothing was deleted."
    )
