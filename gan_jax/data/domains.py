"""Several sources as one, whose classes are the sources: the domains of a translation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gan_jax.data.errors import DataError
from gan_jax.data.protocol import ImageSource, digest_lines, require_no_text


class Domains:
    """The examples of all sources, one source after the other; labels say which.

    It has `arrays` where all sources have them in one shape, and none otherwise.

    Args:
        sources: two or more.
        name: what it is called in messages.

    Raises:
        DataError: there are fewer, one is empty, or their channels differ.
    """

    def __init__(self, sources: Sequence[ImageSource], name: str):
        self.name = name
        require_no_text(name, sources)
        if len(sources) < 2:
            raise DataError(f"{name}: domains are two sources or more, joined by '+'")
        for source in sources:
            if len(source) == 0:
                raise DataError(f"{source.name} holds no examples; a domain needs some")
        _check_channels(sources)
        self._sources = tuple(sources)
        self._ends = np.cumsum([len(source) for source in sources])
        self.num_classes: int | None = len(sources)
        self.class_names: tuple[str, ...] | None = tuple(each.name for each in sources)
        counts = [len(source) for source in sources]
        self.labels = np.repeat(np.arange(len(sources), dtype=np.int32), counts)
        self.arrays = _joined(sources, self.labels)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def _place(self, index: int) -> tuple[ImageSource, int]:
        """The source of an example, and its place there."""
        which = int(np.searchsorted(self._ends, index, side="right"))
        before = 0 if which == 0 else int(self._ends[which - 1])
        return self._sources[which], index - before

    def __getitem__(self, index: int) -> dict[str, Any]:
        source, place = self._place(index)
        return {"image": source[place]["image"], "label": int(self.labels[index])}

    def element_name(self, index: int) -> str:
        source, place = self._place(index)
        return source.element_name(place)

    def fingerprint(self) -> str:
        """Digest of the sources' own, in order."""
        return digest_lines(source.fingerprint() for source in self._sources)


def _check_channels(sources: Sequence[ImageSource]) -> None:
    kinds = {source.name: source[0]["image"].shape for source in sources}
    first, *others = kinds.items()
    for name, shape in others:
        if len(shape) != len(first[1]) or shape[-1] != first[1][-1]:
            raise DataError(
                f"domains differ in kind: {first[0]} holds {first[1]}, {name} holds "
                f"{shape}; convert one, so that all have the same channels"
            )


def _joined(
    sources: Sequence[ImageSource], labels: np.ndarray
) -> dict[str, np.ndarray] | None:
    arrays = [getattr(source, "arrays", None) for source in sources]
    if any(each is None for each in arrays):
        return None
    images = [each["image"] for each in arrays if each is not None]
    if len({image.shape[1:] for image in images}) > 1:
        return None
    return {"image": np.concatenate(images), "label": labels}
