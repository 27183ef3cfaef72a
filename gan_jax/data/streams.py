"""Several independent streams of batches beside one another, such as a few labelled
examples beside all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from typing import Any, Protocol

import numpy as np

from gan_jax.data.counter import hash64
from gan_jax.data.errors import DataError
from gan_jax.data.protocol import ImageSource

_LEAVES = ("image", "label")


class Batches(Protocol):
    """What a run needs of the data of its process: a `Pipeline`, or `Streams` of them."""

    @property
    def source(self) -> ImageSource:
        """Where the examples come from; of several streams, those of the first."""

    @property
    def corrupt(self) -> tuple[str, ...]:
        """Names of the unreadable examples that this process has stepped over so far."""

    def epoch(self, position: int) -> float:
        """How many times the data have been seen at a position."""

    def rounds(self, position: int, rounds: int) -> Mapping[str, Any]:
        """Any part of the stream, read at once: leaves [rounds, local batch, ...]."""

    def iterate(self, position: int, rounds: int) -> Generator[Mapping[str, Any]]:
        """The stream from a position on, `rounds` at a time, read ahead; to be closed."""


class Streams:
    """A main stream with further ones, all at the same position.

    The position, in rounds since the start of the run, is the whole state, as of each of
    them alone. Give each a seed of its own (`stream_seed`), or their orders depend on one
    another where they hold equally many examples.

    Args:
        main: its leaves stand at the top of a batch: "image", "label".
        others: the leaves of each stand under its name, `batch["labelled"]["image"]`. A
            step wants equal batch sizes of all.

    Raises:
        DataError: a stream has the name of a leaf.
    """

    def __init__(self, main: Batches, others: Mapping[str, Batches]):
        for name in others:
            if name in _LEAVES:
                raise DataError(
                    f"no stream can be called {name!r}, as a leaf of the main stream is; "
                    "choose another name"
                )
        self._main = main
        self._others = dict(others)

    @property
    def source(self) -> ImageSource:
        """Of the main stream."""
        return self._main.source

    @property
    def corrupt(self) -> tuple[str, ...]:
        """Names of the unreadable examples that were stepped over, each once."""
        streams = (self._main, *self._others.values())
        return tuple(dict.fromkeys(name for each in streams for name in each.corrupt))

    def epoch(self, position: int) -> float:
        """How many times the data of the main stream have been seen at a position."""
        return self._main.epoch(position)

    def rounds(self, position: int, rounds: int) -> dict[str, Any]:
        """Any part of the streams, read at once.

        Args:
            position: first round.
            rounds: how many.

        Returns:
            What `rounds` of the main stream returns, and that of each other by its name.

        Raises:
            DataError: too many examples of a stream are unreadable; it names them.
        """
        batch = dict(self._main.rounds(position, rounds))
        for name, stream in self._others.items():
            batch[name] = stream.rounds(position, rounds)
        return batch

    def iterate(self, position: int, rounds: int) -> Generator[dict[str, Any]]:
        """The streams from a position on, `rounds` at a time, each read ahead by itself.

        Close it (`contextlib.closing`) to end the threads and processes of all.

        Args:
            position: first round.
            rounds: rounds of each batch.

        Yields:
            What `rounds` returns for position, position + rounds, position + 2 rounds, ...

        Raises:
            DataError: too many examples of a stream are unreadable; it names them.
        """
        with contextlib.ExitStack() as opened:

            def begin(stream: Batches) -> Generator[Mapping[str, Any]]:
                batches = stream.iterate(position, rounds)
                return opened.enter_context(contextlib.closing(batches))

            main = begin(self._main)
            others = {name: begin(each) for name, each in self._others.items()}
            while True:
                yield {**next(main), **{name: next(each) for name, each in others.items()}}


def stream_seed(seed: int, name: str) -> int:
    """The seed of a further stream, whose order and augmentation are then its own.

    Args:
        seed: of the run.
        name: of the stream.
    """
    return int(hash64(seed, f"stream/{name}", np.zeros((), np.int64)))
