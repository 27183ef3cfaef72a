"""The data sets that come with the package; licences in NOTICE."""

from __future__ import annotations

import functools
import importlib.resources
import zlib
from collections.abc import Callable, Mapping, Sequence
from importlib.resources.abc import Traversable

import numpy as np

from gan_jax.data.errors import unknown
from gan_jax.data.protocol import ArraySource
from gan_jax.data.renderings import edges, inverted
from gan_jax.data.text_source import Line, TextSource, read_lines
from gan_jax.data.vocabulary import Vocabulary

_DIGITS = tuple(str(digit) for digit in range(10))


def _folder() -> Traversable:
    """Where the vendored files are."""
    return importlib.resources.files("gan_jax.data").joinpath("builtin")


@functools.lru_cache(maxsize=8)
def _array(file: str, key: str) -> np.ndarray:
    """One array of a vendored file, read once; read-only because it is shared."""
    path = _folder().joinpath(file)
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        value = arrays[key]
    value.flags.writeable = False
    return value


def _mnist(
    name: str, split: str, look: Callable[[np.ndarray], np.ndarray] | None = None
) -> ArraySource:
    """Digits, or what `look` makes of them, with their labels."""
    part, _, half = split.partition("_")
    rows = {"": slice(None), "a": slice(0, None, 2), "b": slice(1, None, 2)}[half]
    image = _array("mnist_70k.npz", f"x_{part}")[rows, ..., None]
    label = _array("mnist_70k.npz", f"y_{part}")[rows]
    shown = image if look is None else look(image)
    return ArraySource(name, shown, label, num_classes=10, class_names=_DIGITS)


def _rows(codes: np.ndarray) -> Mapping[str, np.ndarray]:
    """Which pictures are in which split."""
    # By the first code point, so that skin tones and genders of one picture stay together.
    bases = np.array([zlib.crc32(code.split("-")[0].encode()) for code in codes.tolist()])
    test, odd = bases % 10 == 0, bases // 10 % 2 == 1
    return {
        "train": ~test,
        "test": test,
        "all": np.ones_like(test),
        "train_a": ~test & ~odd,
        "train_b": ~test & odd,
    }


def _pictures(
    file: str, key: str, name: str, split: str, names: Sequence[str]
) -> ArraySource:
    """An array of a file that also holds categories and code points of its rows.

    Args:
        file: the file.
        key: of its pictures.
        name: of the source.
        split: "train", "test" or "all"; "train_a" and "train_b" are the halves of the
            first, which have no picture in common in any style.
        names: of the categories.
    """
    codes = _array(file, "code")
    rows = _rows(codes)[split]
    image, label = _array(file, key)[rows], _array(file, "category")[rows]
    return ArraySource(
        name,
        image if image.ndim == 4 else image[..., None],
        label,
        num_classes=len(names),
        class_names=tuple(names),
        keys=tuple(codes[rows].tolist()),
    )


def _emoji(style: str, name: str, split: str) -> ArraySource:
    file = "emoji_pairs_64.npz"
    return _pictures(file, style, name, split, _array(file, "category_names").tolist())


def _fluent(name: str, split: str) -> ArraySource:
    file = "emoji_fluent3d_64.npz"
    return _pictures(file, "fluent3d", name, split, _array(file, "category_names").tolist())


def _openmoji(kind: str, name: str, split: str) -> ArraySource:
    file = "openmoji_lines_color_64.npz"
    return _pictures(file, kind, name, split, _array(file, "category_names").tolist())


_COLOURED = ("astronaut", "chelsea", "china", "coffee", "flower", "hubble", "rocket")
_TEXTURES = ("brick", "camera", "grass", "gravel")
_HELD_OUT_PHOTOS = frozenset({"china", "hubble", "gravel"})
_PATCH, _STRIDE = 96, 48


def _patches(photo: np.ndarray, stride: int) -> np.ndarray:
    """Squares of a photograph (H, W, 3), from the top left on: (n, _PATCH, _PATCH, 3)."""
    windows = np.lib.stride_tricks.sliding_window_view(photo, (_PATCH, _PATCH), (0, 1))
    chosen = windows[::stride, ::stride].transpose(0, 1, 3, 4, 2)
    return chosen.reshape(-1, _PATCH, _PATCH, 3)


def _photos(name: str, split: str) -> ArraySource:
    names = sorted((*_COLOURED, *_TEXTURES))
    taken = [n for n in names if (n in _HELD_OUT_PHOTOS) == (split == "test")]
    # Training patches overlap by half; held-out ones are counted once.
    stride = _STRIDE if split == "train" else _PATCH
    parts = []
    for photo in taken:
        image = _array("photos_free.npz", photo)
        wide = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=-1)
        parts.append(_patches(wide, stride))
    label = np.repeat([names.index(n) for n in taken], [len(part) for part in parts])
    return ArraySource(
        name,
        np.concatenate(parts),
        label.astype(np.int32),
        num_classes=len(names),
        class_names=tuple(names),
    )


_CAPITALS = Vocabulary(tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))


@functools.lru_cache(maxsize=2)
def _lines(file: str) -> tuple[Line, ...]:
    """The lines of a vendored file, read once."""
    with importlib.resources.as_file(_folder().joinpath(file)) as path:
        return tuple(read_lines(path, file))


def _names(file: str, name: str, split: str) -> TextSource:
    lines = _lines(file)
    # They stand in the order of their frequency, so that both splits have all ranks.
    taken = [
        line
        for rank, line in enumerate(lines)
        if split == "all" or (rank % 10 == 9) == (split == "test")
    ]
    return TextSource(name, taken, _CAPITALS, max(len(line.text) for line in lines))


_Opener = Callable[[str, str], ArraySource]
_WHOLE_SPLITS = ("train", "test", "all")
_DIGIT_SPLITS = ("train", "test", "train_a", "train_b")
_PICTURE_SPLITS = (*_WHOLE_SPLITS, "train_a", "train_b")

BUILTIN: Mapping[str, tuple[_Opener, tuple[str, ...]]] = {
    "mnist": (_mnist, _DIGIT_SPLITS),
    "mnist_inverted": (functools.partial(_mnist, look=inverted), _DIGIT_SPLITS),
    "mnist_edges": (functools.partial(_mnist, look=edges), _DIGIT_SPLITS),
    "emoji_google": (functools.partial(_emoji, "google"), _PICTURE_SPLITS),
    "emoji_twitter": (functools.partial(_emoji, "twitter"), _PICTURE_SPLITS),
    "emoji_fluent": (_fluent, _PICTURE_SPLITS),
    "openmoji_lines": (functools.partial(_openmoji, "lines"), _PICTURE_SPLITS),
    "openmoji_color": (functools.partial(_openmoji, "color"), _PICTURE_SPLITS),
    "photos": (_photos, ("train", "test")),
    "names_female": (functools.partial(_names, "names_female.txt"), _WHOLE_SPLITS),
    "names_last": (functools.partial(_names, "names_last.txt"), _WHOLE_SPLITS),
}
"""Openers and splits by name. Equal rows of the Google and Twitter emoji show the same code
point, and so do equal rows of OpenMoji's lines and colours; a code point is held out in all
of them or in none."""


def open_builtin(name: str, split: str) -> ArraySource:
    """A data set of the package.

    MNIST: 60000 and 10000 digits, 28x28x1, 10 classes, also as `mnist_inverted` and
    `mnist_edges` row by row; "train_a" and "train_b" are halves of its training part, so
    that two domains may share no digit, and pictures have the same. `emoji_google`,
    `emoji_twitter`: 1875 pictures 64x64x3 over white in 10 categories, 209 of them held out
    as "test"; `emoji_fluent`: 1563 of them in a third style. `openmoji_lines`,
    `openmoji_color`: 1653 drawings, black outlines 64x64x1 and the same in colour, in 9
    categories. `photos`: patches 96x96x3 of eleven photographs and textures, whose classes
    they are; three photographs are held out. `names_female`, `names_last`: 4275 and 88799
    names of the US census of 1990, most frequent first, up to 11 and 13 capitals; every
    tenth is held out.

    Args:
        name: a key of `BUILTIN`.
        split: "train" or "test"; emoji, drawings and names also have "all"; digits, emoji
            and drawings the halves.

    Raises:
        DataError: the name or the split does not exist.
    """
    if name not in BUILTIN:
        raise unknown("built-in data set", name, BUILTIN)
    opener, splits = BUILTIN[name]
    if split not in splits:
        raise unknown(f"split of builtin:{name}", split, splits)
    return opener(f"builtin:{name}:{split}", split)
