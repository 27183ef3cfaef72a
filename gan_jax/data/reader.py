"""Reading examples by index: from arrays at once, or one by one past corrupt files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from gan_jax.data.errors import DataError, UnreadableImageError
from gan_jax.data.protocol import ImageSource, known_vocabulary, shape_of
from gan_jax.data.transform import ImageTransform, fit, fit_all
from gan_jax.data.vocabulary import END


class Rows(NamedTuple):
    """What was read.

    Attributes:
        image: uint8 (n, H, W, C) fitted (a list where sizes differ), float32 (n, D), or
            int32 (n, T).
        label: int32 (n,), or None.
        corrupt: indices of examples that could not be read, in the order they were met.
        complete: False if too many were corrupt; the rest is then blank.
    """

    image: np.ndarray | list[np.ndarray]
    label: np.ndarray | None
    corrupt: tuple[int, ...] = ()
    complete: bool = True


class Reader(Protocol):
    """`(indices int64 (n,)) -> Rows`; `in_memory` says that it is one numpy gather."""

    in_memory: bool

    def __call__(self, indices: np.ndarray) -> Rows: ...


class ArrayReader:
    """Examples of arrays that were brought to shape once."""

    in_memory = True

    def __init__(self, image: np.ndarray, label: np.ndarray | None):
        self._image = image
        self._label = label if label is None else label.astype(np.int32)

    def __call__(self, indices: np.ndarray) -> Rows:
        label = None if self._label is None else self._label.take(indices)
        return Rows(self._image.take(indices, axis=0), label)


class SourceReader:
    """Examples decoded one by one; an unreadable one is replaced by the next that is not.

    Args:
        source: where from.
        shape: (H, W, C).
        transform: how they are brought to shape.
        max_corrupt: more different corrupt examples than this end one read early.
        cache_bytes: fitted images are kept in memory up to this size.
    """

    in_memory = False

    def __init__(
        self,
        source: ImageSource,
        shape: Sequence[int],
        transform: ImageTransform,
        *,
        max_corrupt: int = 0,
        cache_bytes: int = 0,
    ):
        self._source = source
        self._shape = tuple(shape)
        self._transform = transform
        # If every example were allowed to be corrupt, there would be no next one.
        self._max_corrupt = min(max_corrupt, len(source) - 1)
        self._room = cache_bytes
        self._cache: dict[int, tuple[np.ndarray, int | None]] = {}

    def __call__(self, indices: np.ndarray) -> Rows:
        image, label = [], []
        corrupt: dict[int, None] = {}
        for index in indices.tolist():
            found = self._next_readable(index, corrupt)
            if found is None:
                return self._blank(len(indices), tuple(corrupt))
            image.append(found[0])
            label.append(found[1])
        labelled = label and label[0] is not None
        return Rows(image, np.array(label, np.int32) if labelled else None, tuple(corrupt))

    def _blank(self, n: int, corrupt: tuple[int, ...]) -> Rows:
        image = [np.zeros(self._shape, np.uint8)] * n
        return Rows(image, None, corrupt, complete=False)

    def _next_readable(
        self, index: int, corrupt: dict[int, None]
    ) -> tuple[np.ndarray, int | None] | None:
        while len(corrupt) <= self._max_corrupt:
            try:
                return self._cached(index)
            except UnreadableImageError:
                corrupt[index] = None
                index = (index + 1) % len(self._source)
        return None

    def _cached(self, index: int) -> tuple[np.ndarray, int | None]:
        kept = self._cache.get(index)
        if kept is not None:
            return kept
        element = self._source[index]
        fitted = self._fit(index, element)
        found = (fitted, element.get("label"))
        if fitted.nbytes <= self._room:
            self._room -= fitted.nbytes
            self._cache[index] = found
        return found

    def _fit(self, index: int, element: dict[str, Any]) -> np.ndarray:
        image = element["image"]
        require_kind(self._source, image.shape, self._shape)
        if image.ndim == 1:
            return np.asarray(image, np.float32)
        try:
            fitted = fit(image, self._shape, self._transform)
        except DataError as error:
            raise DataError(f"{self._source.element_name(index)}: {error}") from error
        # A view would keep the whole decoded image alive in the cache.
        return np.ascontiguousarray(fitted)


def make_reader(
    source: ImageSource,
    shape: Sequence[int],
    transform: ImageTransform | None = None,
    *,
    max_corrupt: int = 0,
    cache_bytes: int = 0,
) -> Reader:
    """The fastest reader of a source.

    Args:
        source: where from; one with `arrays` is brought to shape once, here.
        shape: (H, W, C), (D,) for points, or (length, tokens) for texts.
        transform: how images are brought to shape.
        max_corrupt: how many corrupt examples a read steps over.
        cache_bytes: memory for images that were decoded.

    Raises:
        DataError: the source has no examples, or not of this kind.
    """
    transform = transform or ImageTransform()
    if len(source) == 0:
        raise DataError(f"{source.name} holds no examples")
    if len(shape) not in (1, 2, 3):
        raise DataError(
            f"image_shape is {tuple(shape)}; expected (H, W, C), (D,) for points, or "
            "(length, tokens) for text"
        )
    arrays = getattr(source, "arrays", None)
    if len(shape) == 2 and known_vocabulary(source) is None:
        raise DataError(
            f"{source.name} holds no text, but image_shape is {tuple(shape)}, which is one "
            "of text (length, tokens)"
        )
    if arrays is None:
        return SourceReader(
            source, shape, transform, max_corrupt=max_corrupt, cache_bytes=cache_bytes
        )
    require_kind(source, arrays["image"].shape[1:], shape)
    image = arrays["image"]
    if len(shape) == 3:
        image = fit_all(image, shape, transform)
    if len(shape) == 2:
        image = filled(source, image, shape[0])
    return ArrayReader(image, arrays.get("label"))


def filled(source: ImageSource, tokens: np.ndarray, length: int) -> np.ndarray:
    """Texts as rows of a given length, ends behind them.

    Args:
        source: of the texts.
        tokens: int32 (n, T).
        length: wanted.

    Returns:
        int32 (n, length).

    Raises:
        DataError: a text is longer; names it.
    """
    beyond = (tokens[:, length:] != END).sum(axis=1)
    if beyond.any():
        longest = int(beyond.argmax())
        raise DataError(
            f"{source.element_name(longest)} has {length + beyond[longest]} symbols but "
            f"image_shape allows {length}; make its first number larger, or break the line"
        )
    rows = np.full((len(tokens), length), END, tokens.dtype)
    kept = tokens[:, :length]
    rows[:, : kept.shape[1]] = kept
    return rows


def require_kind(source: ImageSource, found: Sequence[int], shape: Sequence[int]) -> None:
    """Refuses points where images are wanted, the reverse, and points of other dimension;
    texts likewise, and of another vocabulary.

    Args:
        source: the data.
        found: shape of an example of it.
        shape: as the configuration has it.

    Raises:
        DataError: they differ.
    """
    own = shape_of(source, found)
    text = known_vocabulary(source) is not None
    alike = len(own) == len(shape)
    if alike and (len(own) == 3 or (text and own[1] == shape[1]) or own == tuple(shape)):
        return
    raise DataError(
        f"{source.name} holds examples of shape {own}{' (length, tokens)' if text else ''} "
        f"but image_shape is {tuple(shape)}; set image_shape to {own}"
    )
