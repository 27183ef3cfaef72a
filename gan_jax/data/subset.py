"""Some examples of a source as a source of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gan_jax.data.counter import hash64
from gan_jax.data.errors import DataError, UnreadableImageError
from gan_jax.data.protocol import (
    ImageSource,
    digest_lines,
    known_labels,
    known_vocabulary,
)


class Subset:
    """Chosen examples of another source, which keep their classes and their names.

    It has `arrays`, `labels`, `header` and `vocabulary` where the source has them; else
    they are None.

    Args:
        source: where the examples are.
        indices: int (n,), which of them, in this order.
        name: what it is called in messages; by default "n examples of ...".

    Raises:
        DataError: there is no example of such an index.
    """

    def __init__(
        self,
        source: ImageSource,
        indices: Sequence[int] | np.ndarray,
        *,
        name: str | None = None,
    ):
        self.indices = np.asarray(indices, np.int64)
        self.name = name or f"{len(self.indices)} examples of {source.name}"
        outside = (self.indices < 0) | (self.indices >= len(source))
        if outside.any():
            raise DataError(
                f"{self.name}: {source.name} has no example "
                f"{self.indices[outside.argmax()]}; it holds {len(source)}"
            )
        self.num_classes = source.num_classes
        self.class_names = source.class_names
        self.vocabulary = known_vocabulary(source)
        self._source = source
        arrays, labels = getattr(source, "arrays", None), known_labels(source)
        self.arrays: dict[str, np.ndarray] | None = (
            None if arrays is None else {k: v[self.indices] for k, v in arrays.items()}
        )
        self.labels = None if labels is None else np.asarray(labels)[self.indices]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._source[int(self.indices[index])]

    @property
    def header(self) -> Callable[[int], tuple[int, ...]] | None:
        """`(i) -> (H, W, C)` of an image without decoding it, if the source can tell."""
        return None if getattr(self._source, "header", None) is None else self._header

    def _header(self, index: int) -> tuple[int, ...]:
        source: Any = self._source
        return tuple(source.header(int(self.indices[index])))

    def element_name(self, index: int) -> str:
        return self._source.element_name(int(self.indices[index]))

    def fingerprint(self) -> str:
        """Digest of the source's own and of the indices."""
        return digest_lines((self._source.fingerprint(), *map(str, self.indices.tolist())))


def balanced(source: ImageSource, count: int, seed: int) -> Subset:
    """Examples chosen at random, as many of each class.

    All examples stand in a random order fixed by `seed`, and the first of each class are
    taken: every process chooses the same, and more examples include those of fewer. Labels
    that are not known without reading images are read in that order until the classes are
    full, past what is unreadable.

    Args:
        source: labelled.
        count: how many in all, a multiple of the number of classes.
        seed: fixes the choice.

    Returns:
        Class after class.

    Raises:
        DataError: there are no labels, one is no class, `count` is no such multiple, or a
            class has too few examples.
    """
    classes = source.num_classes
    if not classes:
        raise DataError(
            f"{source.name} has no labels, so that no {count} labelled examples of it can "
            "be chosen; use labelled data"
        )
    if count < 1 or count % classes:
        raise DataError(
            f"{count} labelled examples of {source.name} cannot be as many of each of its "
            f"{classes} classes; choose a multiple of {classes}"
        )
    chosen = _first_of_each(source, classes, count // classes, seed)
    scarce = min(chosen, key=lambda label: len(chosen[label]))
    if len(chosen[scarce]) * classes < count:
        names = source.class_names
        raise DataError(
            f"{source.name} has {len(chosen[scarce])} readable examples of the class "
            f"{names[scarce] if names else scarce}, too few for {count} labelled examples, "
            f"{count // classes} of each class; choose fewer, or add examples"
        )
    return Subset(source, [index for members in chosen.values() for index in members])


def _first_of_each(
    source: ImageSource, classes: int, each: int, seed: int
) -> dict[int, list[int]]:
    """Indices by class, in random order: `each` of a class, or all if there are fewer."""
    known = known_labels(source)
    chosen: dict[int, list[int]] = {label: [] for label in range(classes)}
    missing = classes * each
    for index in np.argsort(hash64(seed, "balanced", np.arange(len(source)))).tolist():
        label = _read_label(source, index) if known is None else int(known[index])
        if label is None:
            continue
        if label not in chosen:
            raise DataError(
                f"{source.element_name(index)}: label {label} is outside 0..{classes - 1}; "
                "correct it"
            )
        if len(chosen[label]) < each:
            chosen[label].append(index)
            missing -= 1
        if missing == 0:
            break
    return chosen


def _read_label(source: ImageSource, index: int) -> int | None:
    """The label of an example that can be read."""
    try:
        return source[index].get("label")
    except UnreadableImageError:
        return None
