"""Batches for training: one endless stream, entered at any position by one integer."""

from __future__ import annotations

import dataclasses
import math
import os
import sys
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from gan_jax.data.errors import DataError
from gan_jax.data.order import source_index
from gan_jax.data.protocol import ImageSource
from gan_jax.data.reader import Reader, make_reader
from gan_jax.data.transform import ImageTransform, augment

Batch = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Stream:
    """This process's part of the stream, as a pure function; it may be pickled.

    Attributes:
        reader: gives examples by index.
        examples: how many there are.
        shape: as `make_pipeline` takes it.
        transform: of images.
        seed: fixes order and augmentation.
        batch_size: rows of a global batch.
        first: this process's first row of each global batch.
        local: how many rows it has; they are contiguous.
    """

    reader: Reader
    examples: int
    shape: tuple[int, ...]
    transform: ImageTransform
    seed: int
    batch_size: int
    first: int
    local: int

    def read(self, position: int, rounds: int) -> Batch:
        """Rounds `position` to `position + rounds`: leaves [rounds, local, ...].

        Also "corrupt", int64 (k,): examples that could not be read and were replaced, and
        "complete", bool (): False if there were too many, the batch then being blank.
        """
        starts = (position + np.arange(rounds, dtype=np.int64)) * self.batch_size
        places = (starts[:, None] + self.first + np.arange(self.local)).reshape(-1)
        rows = self.reader(source_index(places, self.examples, self.seed))
        batch = {"image": self._augment(rows.image, places)}
        if rows.label is not None:
            batch["label"] = rows.label
        batch = {k: v.reshape(rounds, self.local, *v.shape[1:]) for k, v in batch.items()}
        batch["corrupt"] = np.array(rows.corrupt, np.int64)
        batch["complete"] = np.array(rows.complete)
        return batch

    def _augment(self, image: Any, places: np.ndarray) -> np.ndarray:
        if len(self.shape) != 3:
            return np.asarray(image)
        return augment(image, self.shape, self.transform, seed=self.seed, stream=places)


class _Chunks:
    """Chunks of a stream from a position on, by index, as grain wants its sources."""

    def __init__(self, stream: Stream, position: int, rounds: int):
        self._stream, self._position, self._rounds = stream, position, rounds

    def __len__(self) -> int:
        return sys.maxsize // 2  # grain has no endless source; no run comes to its end

    def __getitem__(self, index: int) -> Batch:
        return self._stream.read(self._position + index * self._rounds, self._rounds)


def _parse_absl_flags() -> None:
    # grain's workers read absl flags, which only absl's own main function parses.
    from absl import flags

    if not flags.FLAGS.is_parsed():
        flags.FLAGS(sys.argv[:1])


class Pipeline:
    """The batches of one process; made by `make_pipeline`.

    The position, in rounds since the start of the run, is the whole state: `rounds` and
    `iterate` give the same stream for any number of processes and workers.
    """

    def __init__(
        self,
        source: ImageSource,
        stream: Stream,
        *,
        workers: int,
        prefetch: int,
        max_corrupt: int,
    ):
        self.source = source
        self._stream = stream
        self._workers = workers
        self._prefetch = prefetch
        self._max_corrupt = max_corrupt
        self._corrupt: dict[int, str] = {}

    @property
    def corrupt(self) -> tuple[str, ...]:
        """Names of the unreadable examples that this process has stepped over so far."""
        return tuple(self._corrupt.values())

    def epoch(self, position: int) -> float:
        """How many times the data have been seen at a position."""
        return position * self._stream.batch_size / self._stream.examples

    def rounds(self, position: int, rounds: int) -> Batch:
        """Any part of the stream, read at once.

        Args:
            position: first round.
            rounds: how many.

        Returns:
            "image" [rounds, local batch, ...], uint8 (float32 for points, int32 for
            texts), and "label" int32 [rounds, local batch] if the source has labels.

        Raises:
            DataError: more than `max_corrupt` examples are unreadable; it names them.
        """
        return self._account([self._stream.read(position, rounds)])

    def iterate(self, position: int, rounds: int) -> Generator[Batch]:
        """The stream from a position on, `rounds` at a time, read ahead in the background.

        Close it (`contextlib.closing`) to end its threads and processes.

        Args:
            position: first round.
            rounds: rounds of each batch.

        Yields:
            What `rounds` returns for position, position + rounds, position + 2 rounds, ...

        Raises:
            DataError: more than `max_corrupt` examples are unreadable; it names them.
        """
        # A gather is cheapest in one piece; decoding is spread over threads by rounds.
        chunk = rounds if self._stream.reader.in_memory else 1
        chunks = self._read_ahead(position, chunk, self._prefetch * (rounds // chunk))
        try:
            while True:
                yield self._account([next(chunks) for _ in range(rounds // chunk)])
        finally:
            chunks.close()

    def _read_ahead(self, position: int, chunk: int, ahead: int) -> Any:
        import grain

        workers = 0 if self._stream.reader.in_memory else self._workers
        per_worker = math.ceil(ahead / max(1, workers))
        threads = 1 if workers else min(ahead, os.cpu_count() or 1)
        options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=per_worker)
        chunks = grain.MapDataset.source(_Chunks(self._stream, position, chunk))
        batches = chunks.to_iter_dataset(options)
        if workers:
            _parse_absl_flags()
            batches = batches.mp_prefetch(
                grain.MultiprocessingOptions(
                    num_workers=workers, per_worker_buffer_size=per_worker
                )
            )
        return iter(batches)

    def _account(self, chunks: Sequence[Batch]) -> Batch:
        """Joins chunks, and stops the run when too many examples were corrupt."""
        for chunk in chunks:
            for index in chunk["corrupt"].tolist():
                self._corrupt.setdefault(index, self.source.element_name(index))
        excess = len(self._corrupt) > self._max_corrupt
        if excess or not all(chunk["complete"] for chunk in chunks):
            raise DataError(
                f"{self.source.name}: stopped after {len(self._corrupt)} unreadable images "
                f"(max_corrupt allows {self._max_corrupt}): {', '.join(self.corrupt)}"
            )
        leaves = [key for key in chunks[0] if key not in ("corrupt", "complete")]
        return {key: _join([chunk[key] for chunk in chunks]) for key in leaves}


def _join(parts: Sequence[np.ndarray]) -> np.ndarray:
    # What comes from a worker lies in shared memory, which the copy sets free.
    plain = type(parts[0]) is np.ndarray
    return parts[0] if plain and len(parts) == 1 else np.concatenate(parts)


def make_pipeline(
    source: ImageSource,
    *,
    image_shape: Sequence[int],
    batch_size: int,
    seed: int,
    process_index: int = 0,
    process_count: int = 1,
    transform: ImageTransform | None = None,
    workers: int = 0,
    prefetch: int = 2,
    max_corrupt: int = 0,
    cache_bytes: int = 1 << 30,
) -> Pipeline:
    """Batches of a source, shuffled anew every epoch, for one of several processes.

    Row r of round p is place g = p * batch_size + r of the stream, example
    `permutation(seed, g // n)[g % n]`: every n places hold every example once, and neither
    processes nor workers change what stands where. Each process gets contiguous rows.

    Args:
        source: where the examples come from; arrays are resized once, here.
        image_shape: (H, W, C), (D,) for points, or (length, tokens) for texts, which are
            filled up to the length; grey, RGB and alpha are converted if C asks for it.
        batch_size: global; all processes together.
        seed: fixes order, crops and flips.
        process_index: which process this is.
        process_count: of how many.
        transform: resizing and augmentation; `ImageTransform()` by default.
        workers: processes that decode images; 0 for threads. Arrays need none.
        prefetch: batches to read ahead.
        max_corrupt: this process steps over so many unreadable images (the next readable
            one takes the place of each) and stops at one more. The count starts anew with
            the process.
        cache_bytes: decoded images are kept in memory up to this size; without workers.

    Raises:
        DataError: the batch does not divide, or the source cannot give this shape.
    """
    if not 0 <= process_index < process_count:
        raise DataError(f"process {process_index} of {process_count}: count from 0")
    if batch_size < 1 or batch_size % process_count:
        raise DataError(
            f"batch_size {batch_size} cannot be divided among {process_count} processes"
        )
    if prefetch < 1 or workers < 0 or max_corrupt < 0:
        raise DataError(
            f"prefetch {prefetch}, workers {workers}, max_corrupt {max_corrupt}: prefetch "
            "must be at least 1, the others at least 0"
        )
    transform = transform or ImageTransform()
    reader = make_reader(
        source,
        image_shape,
        transform,
        max_corrupt=max_corrupt,
        cache_bytes=0 if workers else cache_bytes,
    )
    local = batch_size // process_count
    stream = Stream(
        reader=reader,
        examples=len(source),
        shape=tuple(image_shape),
        transform=transform,
        seed=seed,
        batch_size=batch_size,
        first=process_index * local,
        local=local,
    )
    return Pipeline(
        source, stream, workers=workers, prefetch=prefetch, max_corrupt=max_corrupt
    )
