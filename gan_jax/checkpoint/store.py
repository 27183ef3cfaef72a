"""Writing checkpoints: asynchronous, atomic, the last few and the best few kept."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from etils import epath
from jax.experimental import multihost_utils

from gan_jax.checkpoint.digest import leaves_by_path, raw_data
from gan_jax.checkpoint.quiet import join_orbax_threads, quiet_orbax
from gan_jax.checkpoint.read import (
    RECORD_ITEM,
    STATE_ITEM,
    Restored,
    Whole,
    absolute,
    describe,
    one_line,
    place,
    read_newest,
    read_record,
    read_scores,
    read_whole,
)
from gan_jax.checkpoint.record import (
    CheckpointError,
    DamagedError,
    Record,
    make_record,
    to_json,
)
from gan_jax.types import PyTree

_LOG = logging.getLogger(__name__)
_REPLACED = ".replaced"
_NONE, _FAILED = -1, -2


class Checkpointer:
    """The checkpoints of one run, in one directory.

    In runs of several processes every process makes one and calls the same methods at the
    same points. Orbax writes; what is read back is verified leaf by leaf. Use it as a
    context manager, or call `close`.
    """

    def __init__(
        self,
        directory: epath.PathLike,
        *,
        config: Mapping[str, Any] | None = None,
        keep_last: int = 3,
        keep_best: int = 1,
        lower_is_better: bool = True,
    ) -> None:
        """Opens the directory, makes it if missing, and clears what a killed save left.

        Args:
            directory: where the checkpoints are; nothing else may be in it.
            config: the run's resolved configuration, JSON values, kept with every one.
            keep_last: how many of the newest are kept, at least 1.
            keep_best: how many of the best scored are kept besides.
            lower_is_better: whether a lower score is better.

        Raises:
            CheckpointError: the directory cannot be made or read.
            ValueError: `keep_last` or `keep_best` is out of range.
        """
        if keep_last < 1 or keep_best < 0:
            raise ValueError(
                f"keep_last must be at least 1 and keep_best at least 0; "
                f"got {keep_last} and {keep_best}"
            )
        self._directory = absolute(directory)
        self._config = dict(config or {})
        self._keep = _Keep(keep_last, keep_best, lower_is_better)
        self._saving: int | None = None
        self._open = ExitStack()
        self._open.enter_context(quiet_orbax())
        try:
            self._settle_replaced()
            self._manager = _manager(self._directory, self._keep)
        except OSError as error:
            self._open.close()
            raise CheckpointError(
                f"cannot keep checkpoints in {self._directory}: {_reason(error)}"
            ) from error
        self._keep.scores.update(read_scores(self._directory))

    def steps(self) -> list[int]:
        """The steps that are saved or being saved, ascending."""
        return sorted(self._manager.all_steps())

    def save(
        self,
        step: int,
        state: PyTree,
        *,
        position: int,
        meta: Mapping[str, Any] | None = None,
        score: float | None = None,
        wait: bool = False,
    ) -> None:
        """Saves a state in the background; it may be donated as soon as this returns.

        Hashes the state, then hands it to Orbax. A save of what is saved already does
        nothing; another state at the same step replaces the old one once it is complete.

        Args:
            step: its name; not below the newest one, see `discard_after`.
            state: a pytree of arrays and typed keys.
            position: of the data pipeline.
            meta: anything else the run needs to go on, JSON values.
            score: for `keep_best`; one that is not finite counts as none.
            wait: return only once the checkpoint is complete.

        Raises:
            CheckpointError: this save or the one before could not be written. Earlier
                checkpoints are untouched.
        """
        self.wait()
        newest = max(self.steps(), default=step)
        if newest > step:
            raise CheckpointError(
                f"{self._name(step)} is older than the newest one, {newest}; "
                "discard the newer ones first"
            )
        record = make_record(
            step,
            state,
            position=position,
            score=score,
            meta=meta or {},
            config=self._config,
        )
        exists = step in self.steps()
        if exists and self._saved_already(record):
            return
        self._saving = step
        with self._reporting(step):
            if exists:
                self._move_for_replacement(step)
            self._keep.note(step, record.score)
            self._manager.save(step, args=_items(state, record), force=True)
        if wait:
            self.wait()

    def wait(self) -> None:
        """Returns once the save in the background is complete.

        Raises:
            CheckpointError: it could not be written. Earlier checkpoints are untouched.
        """
        if self._saving is None:
            return
        with self._reporting(self._saving):
            self._manager.wait_until_finished()
        if jax.process_index() == 0:
            self._beside(self._saving, _REPLACED).rmtree(missing_ok=True)
        self._saving = None

    def restore(self, abstract: PyTree, *, step: int | None = None) -> Restored | None:
        """Reads the newest whole checkpoint. Damaged newer ones are named in the log and
        renamed to "STEP.damaged", out of the way of later saves; nothing is deleted.

        Args:
            abstract: the state's structure: `jax.ShapeDtypeStruct`s, with shardings where
                leaves belong on certain devices, or arrays.
            step: read this one and no other.

        Returns:
            The checkpoint, or None if there is none.

        Raises:
            CheckpointError: none is whole, that of `step` is missing or damaged, or it was
                made by another game.
        """
        self.wait()
        whole = self._agree(step)
        if whole is None:
            return None
        return place(whole, abstract, partial=False, where=self._name(whole.record.step))

    def discard_after(self, step: int) -> None:
        """Deletes the checkpoints newer than `step`, for going on from that one.

        Raises:
            CheckpointError: the save before could not be written.
        """
        self.wait()
        for newer in [saved for saved in self.steps() if saved > step]:
            _LOG.info("deleting %s", self._name(newer))
            self._keep.scores.pop(newer, None)
            self._manager.delete(newer)

    def close(self) -> None:
        """Waits for the save in the background and ends Orbax's threads.

        Raises:
            CheckpointError: that save could not be written.
        """
        with self._open:
            try:
                self.wait()
            finally:
                self._manager.close()

    def __enter__(self) -> Checkpointer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except CheckpointError as failure:
            if error is None:
                raise
            _LOG.error("%s", failure)  # the first error is the one to raise

    def _agree(self, step: int | None) -> Whole | None:
        """Process 0 finds the newest whole checkpoint, the others read the same."""
        whole, failure, code = None, None, _NONE
        if jax.process_index() == 0:
            try:
                whole = read_newest(self._directory, step=step, on_damage=self._set_aside)
                code = _NONE if whole is None else whole.record.step
            except CheckpointError as error:
                failure, code = error, _FAILED
        code = int(multihost_utils.broadcast_one_to_all(np.int32(code)))
        self._manager.reload()
        if code == _FAILED:
            raise failure or CheckpointError(f"no whole checkpoint in {self._directory}")
        if code == _NONE or whole is not None:
            return whole
        try:
            return read_whole(self._directory, code)
        except DamagedError as error:
            raise CheckpointError(
                f"{self._name(code)} is whole for process 0 but not for process "
                f"{jax.process_index()}: {error}"
            ) from error

    def _saved_already(self, record: Record) -> bool:
        try:
            return read_record(self._directory, record.step) == record
        except CheckpointError:
            return False

    def _move_for_replacement(self, step: int) -> None:
        if jax.process_index() == 0:
            (self._directory / str(step)).rename(self._beside(step, _REPLACED))
        multihost_utils.sync_global_devices("gan_jax.checkpoint.replace")
        self._manager.reload()

    def _settle_replaced(self) -> None:
        """Ends the replacements that were interrupted: the old one stays if the new one is
        not complete.
        """
        if jax.process_index() == 0 and self._directory.is_dir():
            for old in self._directory.glob("*" + _REPLACED):
                self._settle(old.name.removesuffix(_REPLACED))
        multihost_utils.sync_global_devices("gan_jax.checkpoint.open")

    def _settle(self, step: str) -> None:
        old = self._directory / (step + _REPLACED)
        if (self._directory / step).exists():
            old.rmtree()
        else:
            old.rename(self._directory / step)

    def _set_aside(self, step: int) -> None:
        target, n = self._beside(step, ".damaged"), 1
        while target.exists():
            n += 1
            target = self._beside(step, f".damaged-{n}")
        self._keep.scores.pop(step, None)
        (self._directory / str(step)).rename(target)
        _LOG.warning("kept the damaged one as %s", target)

    @contextmanager
    def _reporting(self, step: int) -> Iterator[None]:
        """Turns what Orbax raises for a failed save into one line, and cleans up."""
        try:
            yield
        except Exception as error:
            self._saving = None
            self._clean_up(step)
            newest = max(self.steps(), default=None)
            raise CheckpointError(
                f"{self._name(step)} could not be written: {_reason(error)}. "
                + ("There is none yet." if newest is None else f"The newest is {newest}.")
            ) from error

    def _clean_up(self, step: int) -> None:
        """Removes the unfinished save, which may hold the space that was missing."""
        join_orbax_threads()
        self._keep.scores.pop(step, None)
        if jax.process_index() == 0:
            for part in self._directory.glob(f"{step}.orbax-checkpoint-tmp*"):
                shutil.rmtree(part, ignore_errors=True)
            if self._beside(step, _REPLACED).exists():
                self._settle(str(step))
        self._manager.reload()

    def _beside(self, step: int, suffix: str) -> epath.Path:
        return self._directory / f"{step}{suffix}"

    def _name(self, step: int) -> str:
        return describe(self._directory, step)


@dataclass
class _Keep:
    """Orbax's preservation policy: the newest `last` and the `best` scored."""

    last: int
    best: int
    lower_is_better: bool
    scores: dict[int, float] = field(default_factory=dict)

    def note(self, step: int, score: float | None) -> None:
        self.scores.pop(step, None)
        if score is not None:
            self.scores[step] = score

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> list[bool]:
        """One bool per checkpoint, as Orbax asks."""
        steps = sorted(info.step for info in checkpoints)
        sign = -1.0 if self.lower_is_better else 1.0
        scored = [step for step in steps if step in self.scores]
        scored.sort(key=lambda step: (sign * self.scores[step], step), reverse=True)
        kept = {*steps[-self.last :], *scored[: self.best]}
        return [info.step in kept for info in checkpoints]


def _manager(directory: epath.Path, keep: _Keep) -> ocp.CheckpointManager:
    return ocp.CheckpointManager(
        directory,
        options=ocp.CheckpointManagerOptions(
            preservation_policy=keep,
            enable_async_checkpointing=True,
            cleanup_tmp_directories=True,
        ),
    )


def _items(state: PyTree, record: Record) -> ocp.args.Composite:
    """A flat dict of arrays under their paths: readable without knowing the game."""
    arrays = {path: raw_data(x) for path, x in leaves_by_path(state).items() if x.size}
    return ocp.args.Composite(
        **{
            STATE_ITEM: ocp.args.PyTreeSave(arrays),
            RECORD_ITEM: ocp.args.JsonSave(to_json(record)),
        }
    )


def _reason(error: BaseException) -> str:
    """What the operating system said, dug out of TensorStore's text if need be."""
    number = error.errno if isinstance(error, OSError) else None
    found = re.search(r"os_error_code='(\d+)'", str(error))
    if number is None and found:
        number = int(found.group(1))
    return os.strerror(number) if number else one_line(error)
