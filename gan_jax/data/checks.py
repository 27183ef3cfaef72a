"""The cheap checks that precede every training: one clear line, or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gan_jax.data import images
from gan_jax.data.errors import DataError, UnreadableImageError
from gan_jax.data.protocol import ImageSource, known_labels
from gan_jax.data.reader import require_kind
from gan_jax.data.transform import RESIZES, ImageTransform

HEADERS = 4096
DECODED = 256


def spread(n: int, most: int) -> list[int]:
    """At most `most` indices of 0..n-1, evenly spread, with the first and the last."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64)).tolist()


def label_problem(source: ImageSource, labels: np.ndarray, num_classes: int) -> str | None:
    """The first label outside 0..num_classes-1, in words; None if there is none."""
    outside = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if not len(outside):
        return None
    first = int(outside[0])
    return (
        f"{source.element_name(first)}: label {labels[first]} is outside "
        f"0..{num_classes - 1} ({len(outside)} such labels); correct them or num_classes"
    )


def class_problem(source: ImageSource, num_classes: int | None) -> str | None:
    """How the configured number of classes and the source disagree, in words."""
    if num_classes is None or num_classes == source.num_classes:
        return None
    if source.num_classes is None:
        return (
            f"{source.name} has no labels but num_classes is {num_classes}; use labelled "
            "data or an unconditional model"
        )
    return (
        f"{source.name} has {source.num_classes} classes but num_classes is {num_classes}; "
        f"set num_classes to {source.num_classes}"
    )


def channel_problem(source: ImageSource, shapes: dict[int, tuple[int, ...]]) -> str | None:
    """Images of different numbers of channels, in words; `shapes` by index."""
    counts = Counter(shape[-1] for shape in shapes.values())
    if len(counts) < 2:
        return None
    kinds = []
    for channels, count in sorted(counts.items()):
        first = next(i for i, shape in shapes.items() if shape[-1] == channels)
        kinds.append(f"{count} of {channels} (first: {source.element_name(first)})")
    return (
        f"{source.name} mixes numbers of channels: {', '.join(kinds)}; set mix_channels to "
        "convert them all, or convert the files"
    )


def _check_labels(source: ImageSource, labels: dict[int, int], limit: int) -> None:
    known = known_labels(source)
    if known is None:
        known = np.zeros(len(source), np.int64)
        known[list(labels)] = list(labels.values())
    problem = label_problem(source, known, limit)
    if problem:
        raise DataError(problem)


def _read_each(
    source: ImageSource, indices: Iterable[int], read: Any, max_corrupt: int
) -> dict[int, Any]:
    """`read(i)` of every readable index; raises at one unreadable more than is allowed."""
    found, corrupt = {}, 0
    for index in indices:
        try:
            found[index] = read(index)
        except UnreadableImageError:
            corrupt += 1
            if corrupt > max_corrupt:
                raise
    if not found:
        raise DataError(f"{source.name}: no image that was tried can be read")
    return found


class _Probe(NamedTuple):
    """Shapes and labels by index, of those examples that were looked at."""

    shapes: dict[int, tuple[int, ...]]
    labels: dict[int, int]


def _probe(source: ImageSource, max_corrupt: int) -> _Probe:
    arrays = getattr(source, "arrays", None)
    if arrays is not None:
        return _Probe({0: arrays["image"].shape[1:]}, {})

    def look(index: int) -> tuple[tuple[int, ...], int | None]:
        element = source[index]
        return element["image"].shape, element.get("label")

    header = getattr(source, "header", None)
    shapes: dict[int, tuple[int, ...]] = {}
    if header is not None:
        shapes = _read_each(source, spread(len(source), HEADERS), header, max_corrupt)
    seen = _read_each(source, spread(len(source), DECODED), look, max_corrupt)
    labels = {i: label for i, (_, label) in seen.items() if label is not None}
    return _Probe(shapes | {i: shape for i, (shape, _) in seen.items()}, labels)


def _check_shape(
    source: ImageSource,
    index: int,
    found: tuple[int, ...],
    shape: Sequence[int],
    resize: str,
) -> None:
    require_kind(source, found, shape)
    if len(shape) != 3:
        return
    name = source.element_name(index)
    if not images.convertible(found[2], shape[2]):
        raise DataError(
            f"{name} has {found[2]} channels but image_shape is {tuple(shape)}; set its "
            f"channels to {found[2]}"
        )
    try:
        RESIZES[resize]((found[0], found[1]), (shape[0], shape[1]))
    except DataError as error:
        raise DataError(f"{name}: {error}") from error


def check(
    source: ImageSource,
    *,
    image_shape: Sequence[int],
    num_classes: int | None = None,
    transform: ImageTransform | None = None,
    max_corrupt: int = 0,
) -> None:
    """Refuses data that a training would trip over. Takes seconds at most.

    All labels are checked where they are known without reading images; of the images, some
    hundreds spread evenly are decoded and some thousands of headers read.

    Args:
        source: the data.
        image_shape: (H, W, C), (D,) for points, or (length, tokens) for texts.
        num_classes: of a conditional model; None for an unconditional one.
        transform: how images are brought to shape.
        max_corrupt: unreadable images that are let pass.

    Raises:
        DataError: no examples, a label out of range, another number of classes than
            configured, an unreadable image, mixed channels, or an unsuitable shape.
    """
    transform = transform or ImageTransform()
    if len(source) == 0:
        raise DataError(f"{source.name} holds no examples")
    probe = _probe(source, max_corrupt)
    limit = num_classes or source.num_classes
    if limit and source.num_classes is not None:
        _check_labels(source, probe.labels, limit)
    problem = class_problem(source, num_classes) or (
        None if transform.mix_channels else channel_problem(source, probe.shapes)
    )
    if problem:
        raise DataError(problem)
    for index, found in probe.shapes.items():
        _check_shape(source, index, found, image_shape, transform.resize)
