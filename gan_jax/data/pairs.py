"""Pairs of images as one source: the second image's channels follow the first's.

What happens to an image between source and batch (resizing, crops, flips) then happens to
both alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gan_jax.data.errors import DataError
from gan_jax.data.protocol import (
    ImageSource,
    digest_lines,
    known_labels,
    require_no_text,
)


def _keys(source: ImageSource) -> tuple[str, ...] | None:
    return getattr(source, "keys", None)


class Pairs:
    """Examples of two sources that belong together, (H, W, C1 + C2), labelled as the first.

    They are matched by the sources' `keys`, names of the examples such as file names
    without suffix, where both have them, and otherwise by their places.

    Args:
        first: one image of every pair.
        second: the other.
        name: what it is called in messages.
        common: leave out examples without a partner, instead of refusing them.

    Raises:
        DataError: an example has no partner, or the sources have unlike numbers.
    """

    def __init__(
        self, first: ImageSource, second: ImageSource, name: str, *, common: bool = False
    ):
        self.name = name
        require_no_text(name, (first, second))
        self._sources = (first, second)
        self._places = _matched(first, second, name, common)
        self.num_classes = first.num_classes
        self.class_names = first.class_names
        labels = known_labels(first)
        self.labels = None if labels is None else np.asarray(labels)[self._places[0]]
        self.arrays = self._joined()

    def _joined(self) -> dict[str, np.ndarray] | None:
        """All pairs in memory, where both sources are and have one size."""
        arrays = [getattr(source, "arrays", None) for source in self._sources]
        if any(each is None for each in arrays):
            return None
        images = [
            each["image"][places]
            for each, places in zip(arrays, self._places, strict=True)
            if each is not None
        ]
        if images[0].shape[1:3] != images[1].shape[1:3]:
            raise DataError(
                f"{self.name}: images of a pair have one size; the first are "
                f"{images[0].shape[1:3]}, the second {images[1].shape[1:3]}"
            )
        found = {"image": np.concatenate(images, axis=-1)}
        return found if self.labels is None else {**found, "label": self.labels}

    def __len__(self) -> int:
        return len(self._places[0])

    def __getitem__(self, index: int) -> dict[str, Any]:
        first, second = (
            source[int(places[index])]
            for source, places in zip(self._sources, self._places, strict=True)
        )
        one, other = first["image"], second["image"]
        if one.shape[:2] != other.shape[:2]:
            raise DataError(
                f"{self.element_name(index)}: images of a pair have one size; these are "
                f"{one.shape[:2]} and {other.shape[:2]}"
            )
        return {**first, "image": np.concatenate([one, other], axis=-1)}

    def element_name(self, index: int) -> str:
        return self._sources[0].element_name(int(self._places[0][index]))

    def fingerprint(self) -> str:
        """Digest of the sources' own and of who belongs to whom."""
        pairs = zip(*(places.tolist() for places in self._places), strict=True)
        return digest_lines(
            (*(source.fingerprint() for source in self._sources), *map(str, pairs))
        )


def _matched(
    first: ImageSource, second: ImageSource, name: str, common: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Places in both sources, pair by pair."""
    keys, others = _keys(first), _keys(second)
    if keys is None or others is None:
        if len(first) != len(second):
            raise DataError(
                f"{name}: {first.name} holds {len(first)} examples, {second.name} "
                f"{len(second)}; pairs need as many"
            )
        return np.arange(len(first)), np.arange(len(second))
    _refuse_twins(name, first, keys)
    _refuse_twins(name, second, others)
    partner = {key: place for place, key in enumerate(others)}
    if not common:
        known = set(keys)
        _refuse_lonely(name, first, second, [k for k in keys if k not in partner])
        _refuse_lonely(name, second, first, [k for k in others if k not in known])
    pairs = [(place, partner[key]) for place, key in enumerate(keys) if key in partner]
    if not pairs:
        raise DataError(f"{name}: {first.name} and {second.name} have no pair")
    one, other = np.array(pairs, np.int64).T
    return one, other


def _refuse_twins(name: str, source: ImageSource, keys: tuple[str, ...]) -> None:
    if len(set(keys)) < len(keys):
        twin = next(key for key in keys if keys.count(key) > 1)
        raise DataError(
            f"{name}: {source.name} has {keys.count(twin)} examples called {twin!r}; pairs "
            "need one"
        )


def _refuse_lonely(
    name: str, here: ImageSource, there: ImageSource, keys: list[str]
) -> None:
    if keys:
        more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
        raise DataError(
            f"{name}: {keys[0]!r}{more} of {here.name} have no partner in {there.name}; "
            "add or remove files"
        )


class SideBySide:
    """Images whose left half and right half are a pair, as pix2pix's data sets have them.

    Args:
        source: of the whole images.
        name: what it is called in messages.
    """

    def __init__(self, source: ImageSource, name: str):
        self.name = name
        self.num_classes = source.num_classes
        self.class_names = source.class_names
        self.labels = known_labels(source)
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> dict[str, Any]:
        element = self._source[index]
        width = element["image"].shape[1]
        if width % 2:
            raise DataError(
                f"{self.element_name(index)} is {width} pixels wide, which cannot be two "
                "images side by side"
            )
        return {**element, "image": np.concatenate(np.split(element["image"], 2, 1), -1)}

    def element_name(self, index: int) -> str:
        return self._source.element_name(index)

    def fingerprint(self) -> str:
        """The whole images' own."""
        return digest_lines((self._source.fingerprint(), "side by side"))
