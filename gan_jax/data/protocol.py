"""What a source of training examples is, and the source that lies in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from gan_jax.data.errors import DataError
from gan_jax.data.vocabulary import Vocabulary


@runtime_checkable
class ImageSource(Protocol):
    """Random access to labelled or unlabelled examples.

    A source may also have `arrays`, the whole of it in memory as {"image": (N, ...),
    "label": (N,)}; `labels`, all labels when they are known without reading an image;
    `header(i)`, the (H, W, C) of an image without decoding it; and `keys`, names by which
    examples find their partners in other sources. A source of texts has their
    `vocabulary`.

    Attributes:
        name: the text it was opened by.
        num_classes: number of classes, None without labels.
        class_names: their names, None if they have none.
    """

    name: str
    num_classes: int | None
    class_names: tuple[str, ...] | None

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]:
        """{"image": the example, "label": int if it has labels}. Examples are images uint8
        (H, W, C), points float32 (D,), or texts int32 (T,), tokens with 0 behind the end.

        Raises:
            UnreadableImageError: this one cannot be read.
        """
        ...

    def element_name(self, index: int) -> str:
        """What people call the example: a path, or its place."""
        ...

    def fingerprint(self) -> str:
        """Hex digest of the content, or of what stands for it; equal data, equal digest."""
        ...


class ArraySource:
    """Examples in memory.

    Args:
        name: what it is called in messages.
        image: uint8 (N, H, W, C), float32 (N, D) for points, or int32 (N, T) for texts.
        label: int (N,), or None.
        num_classes: None for the largest label plus one.
        class_names: a name per class, or None.
        keys: a name per example, by which it finds its partner in another source; or None.

    Raises:
        DataError: shapes or dtypes are other than these.
    """

    def __init__(
        self,
        name: str,
        image: np.ndarray,
        label: np.ndarray | None = None,
        *,
        num_classes: int | None = None,
        class_names: tuple[str, ...] | None = None,
        keys: tuple[str, ...] | None = None,
    ):
        _check_arrays(name, image, label)
        self.name = name
        self.keys = keys
        self.arrays = {"image": image}
        self.labels = label
        if label is not None:
            self.arrays["label"] = label
            num_classes = num_classes or (int(label.max()) + 1 if len(label) else 0)
        self.num_classes = num_classes if label is not None else None
        self.class_names = class_names if label is not None else None

    def __len__(self) -> int:
        return len(self.arrays["image"])

    def __getitem__(self, index: int) -> dict[str, Any]:
        element: dict[str, Any] = {"image": self.arrays["image"][index]}
        if self.labels is not None:
            element["label"] = int(self.labels[index])
        return element

    def element_name(self, index: int) -> str:
        return f"{self.name}[{index}]"

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for key, value in sorted(self.arrays.items()):
            digest.update(f"{key} {value.dtype.str} {value.shape}".encode())
            digest.update(np.ascontiguousarray(value).data)
        return digest.hexdigest()


def _check_arrays(name: str, image: np.ndarray, label: np.ndarray | None) -> None:
    flat = image.ndim == 2 and image.dtype in (np.float32, np.int32)
    if not flat and not (image.ndim == 4 and image.dtype == np.uint8):
        raise DataError(
            f"{name}: images are {image.dtype} {image.shape}; expected uint8 (N, H, W, C) "
            "with values 0..255, or float32 (N, D) for points"
        )
    if flat and not np.isfinite(image).all():
        raise DataError(f"{name}: some points are not finite")
    if label is None:
        return
    if label.ndim != 1 or not np.issubdtype(label.dtype, np.integer):
        raise DataError(
            f"{name}: labels are {label.dtype} {label.shape}; expected integers (N,)"
        )
    if len(label) != len(image):
        raise DataError(f"{name}: {len(image)} images but {len(label)} labels")


def known_labels(source: ImageSource) -> np.ndarray | None:
    """All labels (N,) if they are known without reading images."""
    return getattr(source, "labels", None)


def known_vocabulary(source: ImageSource) -> Vocabulary | None:
    """The vocabulary of a source of texts; None of other sources."""
    return getattr(source, "vocabulary", None)


def shape_of(source: ImageSource, example: Sequence[int]) -> tuple[int, ...]:
    """What `image_shape` is for a source: the shape of an example; of texts (length,
    tokens), the number of tokens being that of the vocabulary with the end.

    Args:
        source: the data.
        example: shape of one example of it.
    """
    vocabulary = known_vocabulary(source)
    return (*example,) if vocabulary is None else (*example, vocabulary.size)


def require_no_text(name: str, sources: Iterable[ImageSource]) -> None:
    """Refuses texts where they cannot be joined, as each has a vocabulary of its own.

    Raises:
        DataError: one of the sources is of texts.
    """
    for source in sources:
        if known_vocabulary(source) is not None:
            raise DataError(f"{name}: {source.name} holds text, which cannot be joined")


def digest_lines(lines: Iterable[str]) -> str:
    """SHA-256 of lines of text."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()
