"""Looks at a whole data set and says what is in it and what is wrong with it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.data import images
from gan_jax.data.checks import channel_problem, class_problem, label_problem, spread
from gan_jax.data.errors import DataError, UnreadableImageError
from gan_jax.data.protocol import ImageSource, known_vocabulary
from gan_jax.data.reader import require_kind
from gan_jax.data.vocabulary import END

SAMPLE = 1024


@dataclasses.dataclass(frozen=True)
class Report:
    """What `validate` found.

    Attributes:
        name: of the source.
        fingerprint: of the source.
        examples: how many there are.
        examined: how many were read.
        num_classes: of the source, None without labels.
        histogram: class name (or number) to count, over what was read.
        shapes: "28x28" to count; of texts, numbers of symbols.
        channels: number of channels to count.
        tokens: size of the vocabulary of texts with the end, None of what is no text.
        corrupt: names of what cannot be read.
        duplicates: groups of names of examples with equal pixels.
        problems: what would stop a training, one line each.
    """

    name: str
    fingerprint: str
    examples: int
    examined: int
    num_classes: int | None
    histogram: dict[str, int]
    shapes: dict[str, int]
    channels: dict[str, int]
    tokens: int | None
    corrupt: tuple[str, ...]
    duplicates: tuple[tuple[str, ...], ...]
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether a training could use the data as they are."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**dataclasses.asdict(self), "ok": self.ok}

    def to_text(self, most: int = 10) -> str:
        """For people; of long lists the first `most` lines."""
        copies = sum(len(group) - 1 for group in self.duplicates)
        lines = [
            f"{self.name}: {self.examples} examples, {self.examined} examined",
            f"fingerprint: {self.fingerprint}",
            f"sizes: {_counts(self.shapes)}",
            f"channels: {_counts(self.channels)}",
            *([] if self.tokens is None else [f"vocabulary: {self.tokens} with the end"]),
            f"classes: {self.num_classes if self.num_classes is not None else 'no labels'}",
            *(f"  {label}: {count}" for label, count in self.histogram.items()),
            f"unreadable: {len(self.corrupt)}",
            *_some(self.corrupt, most),
            f"exact duplicates: {copies} in {len(self.duplicates)} groups",
            *_some([" = ".join(group) for group in self.duplicates], most),
            f"problems: {len(self.problems)}",
            *_some(self.problems, most),
        ]
        return "\n".join(lines)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{key} ({count})" for key, count in counts.items()) or "none"


def _some(lines: Sequence[str], most: int) -> list[str]:
    shown = [f"  {line}" for line in lines[:most]]
    return shown + ([f"  ... {len(lines) - most} more"] if len(lines) > most else [])


class _Findings:
    """What the walk over the examples gathers."""

    def __init__(self) -> None:
        self.shapes: dict[int, tuple[int, ...]] = {}
        self.lengths: Counter[str] = Counter()
        self.labels: dict[int, int] = {}
        self.corrupt: list[str] = []
        self.unreadable: list[str] = []
        self.digests: dict[bytes, list[int]] = {}

    def add(self, index: int, element: dict[str, Any]) -> None:
        image = np.ascontiguousarray(element["image"])
        self.shapes[index] = image.shape
        self.lengths[str(np.count_nonzero(image != END))] += 1
        if "label" in element:
            self.labels[index] = element["label"]
        digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
        digest.update(image.data)
        self.digests.setdefault(digest.digest(), []).append(index)


def _walk(source: ImageSource, indices: Sequence[int]) -> _Findings:
    found = _Findings()
    for index in indices:
        try:
            found.add(index, source[index])
        except UnreadableImageError as error:
            found.corrupt.append(source.element_name(index))
            found.unreadable.append(str(error))
    return found


def _class_name(source: ImageSource, label: int) -> str:
    names = source.class_names
    return names[label] if names and 0 <= label < len(names) else str(label)


def _histogram(source: ImageSource, labels: dict[int, int]) -> dict[str, int]:
    counts = Counter(labels.values())
    known = range(source.num_classes or 0)
    # Classes without a single example are listed too: they are what one looks for.
    return {
        _class_name(source, label): counts[label] for label in sorted({*known, *counts})
    }


def _shape_problems(
    source: ImageSource, shapes: dict[int, tuple[int, ...]], wanted: Sequence[int]
) -> list[str]:
    try:
        for found in sorted(set(shapes.values())):
            require_kind(source, found, wanted)
    except DataError as error:
        return [str(error)]
    if len(wanted) != 3:
        return []
    channels = {shape[-1] for shape in shapes.values()}
    return [
        f"images of {count} channels cannot become image_shape {tuple(wanted)}"
        for count in sorted(channels)
        if not images.convertible(count, wanted[-1])
    ]


def _problems(
    source: ImageSource,
    found: _Findings,
    num_classes: int | None,
    image_shape: Sequence[int] | None,
) -> tuple[str, ...]:
    if len(source) == 0:
        return (f"{source.name} holds no examples",)
    indices = np.array(sorted(found.labels), np.int64)
    labels = np.zeros(len(source), np.int64)
    labels[indices] = [found.labels[i] for i in indices.tolist()]
    limit = num_classes or source.num_classes
    lines = [
        label_problem(source, labels, limit) if limit and len(indices) else None,
        class_problem(source, num_classes),
        channel_problem(source, found.shapes),
        *found.unreadable,
        *(_shape_problems(source, found.shapes, image_shape) if image_shape else []),
    ]
    return tuple(line for line in lines if line)


def validate(
    source: ImageSource,
    *,
    num_classes: int | None = None,
    image_shape: Sequence[int] | None = None,
    full: bool = True,
) -> Report:
    """Reads a data set and reports on it; never raises for what it finds.

    Args:
        source: the data.
        num_classes: what a configuration says, to compare.
        image_shape: what a configuration says, to compare.
        full: read every example; otherwise about a thousand, evenly spread.

    Returns:
        The report; `report.ok` if a training could use the data.
    """
    count = len(source)
    indices = range(count) if full or count == 0 else spread(count, SAMPLE)
    found = _walk(source, indices)
    vocabulary = known_vocabulary(source)
    sizes = Counter("x".join(map(str, shape[:2])) for shape in found.shapes.values())
    if vocabulary is not None:
        sizes = found.lengths
    channels = Counter(str(shape[2]) for shape in found.shapes.values() if len(shape) == 3)
    groups = [group for group in found.digests.values() if len(group) > 1]
    return Report(
        name=source.name,
        fingerprint=source.fingerprint(),
        examples=count,
        examined=len(indices),
        num_classes=source.num_classes,
        histogram=_histogram(source, found.labels),
        shapes=dict(sizes.most_common()),
        channels=dict(sorted(channels.items())),
        tokens=None if vocabulary is None else vocabulary.size,
        corrupt=tuple(found.corrupt),
        duplicates=tuple(tuple(map(source.element_name, group)) for group in groups),
        problems=_problems(source, found, num_classes, image_shape),
    )
