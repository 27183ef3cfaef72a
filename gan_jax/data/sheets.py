"""One picture that shows some examples of every class."""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np

from gan_jax.data import images
from gan_jax.data.errors import DataError, UnreadableImageError
from gan_jax.data.protocol import ImageSource, known_labels
from gan_jax.data.transform import ImageTransform, fit

_CONTAIN = ImageTransform(resize="contain", fill=255)


def _tile(image: np.ndarray, size: int) -> np.ndarray:
    # Of images with more channels than pictures have, the first three are shown.
    shown = image if image.shape[-1] <= 4 else image[..., :3]
    return fit(shown, (size, size, 3), _CONTAIN)


def _candidates(source: ImageSource) -> Iterable[int]:
    """Where to look: from every known class in turn, otherwise in order."""
    labels = known_labels(source)
    if labels is None:
        return range(len(source))
    return np.argsort(labels, kind="stable").tolist()


def _pick(source: ImageSource, per_class: int, size: int) -> dict[int, list[np.ndarray]]:
    """Tiles by class (one class, 0, without labels), at most `per_class` of each."""
    labels = known_labels(source)
    wanted = source.num_classes or 1
    picked: dict[int, list[np.ndarray]] = {}
    for index in _candidates(source):
        if labels is not None and len(picked.get(int(labels[index]), ())) >= per_class:
            continue
        try:
            element = source[index]
        except UnreadableImageError:
            continue
        row = picked.setdefault(int(element.get("label", 0)), [])
        if len(row) < per_class:
            row.append(_tile(element["image"], size))
        if len(picked) >= wanted and all(len(r) >= per_class for r in picked.values()):
            break
    return picked


def contact_sheet(
    source: ImageSource,
    path: str | os.PathLike[str],
    *,
    per_class: int = 10,
    size: int = 64,
) -> None:
    """Writes a PNG with a row of examples for every class, in the order of the classes.

    Without labels it is a square of examples. Unreadable images are left out.

    Args:
        source: images of any size and number of channels.
        path: of the PNG.
        per_class: examples of a class.
        size: of an example on the sheet, pixels.

    Raises:
        DataError: there are no images to show.
    """
    labelled = source.num_classes is not None
    picked = _pick(source, per_class if labelled else per_class**2, size)
    if not picked:
        raise DataError(f"{source.name} holds no image that could be shown")
    blank = np.full((size, size, 3), 255, np.uint8)
    tiles = []
    for label in range(max(source.num_classes or 1, max(picked) + 1)):
        row = picked.get(label, [])
        missing = (per_class - len(row)) if labelled else 0
        tiles += row + [blank] * missing
    images.save_png(path, images.grid(np.stack(tiles), per_class))
