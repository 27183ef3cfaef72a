"""The data sets that come with the package; licences in NOTICE."""

from __future__ import annotations

import functools
import importlib.resources
import zlib
from collections.abc import Callable, Mapping

import numpy as np

from gan_jax.data.errors import unknown
from gan_jax.data.protocol import ArraySource

_DIGITS = tuple(str(digit) for digit in range(10))


@functools.lru_cache(maxsize=8)
def _array(file: str, key: str) -> np.ndarray:
    """One array of a vendored file, read once; read-only because it is shared."""
    path = importlib.resources.files("gan_jax.data").joinpath("builtin", file)
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        value = arrays[key]
    value.flags.writeable = False
    return value


def _mnist(name: str, split: str) -> ArraySource:
    image = _array("mnist_70k.npz", f"x_{split}")[..., None]
    label = _array("mnist_70k.npz", f"y_{split}")
    return ArraySource(name, image, label, num_classes=10, class_names=_DIGITS)


def _held_out(codes: np.ndarray) -> np.ndarray:
    # By the first code point, so that skin tones and genders of one picture stay together.
    bases = [zlib.crc32(code.split("-")[0].encode()) % 10 == 0 for code in codes.tolist()]
    return np.array(bases)


def _emoji(style: str, name: str, split: str) -> ArraySource:
    file = "emoji_pairs_64.npz"
    names = tuple(_array(file, "category_names").tolist())
    test = _held_out(_array(file, "code"))
    rows = {"train": ~test, "test": test, "all": np.ones_like(test)}[split]
    image, label = _array(file, style)[rows], _array(file, "category")[rows]
    return ArraySource(name, image, label, num_classes=len(names), class_names=names)


_Opener = Callable[[str, str], ArraySource]

BUILTIN: Mapping[str, tuple[_Opener, tuple[str, ...]]] = {
    "mnist": (_mnist, ("train", "test")),
    "emoji_google": (functools.partial(_emoji, "google"), ("train", "test", "all")),
    "emoji_twitter": (functools.partial(_emoji, "twitter"), ("train", "test", "all")),
}
"""Openers and splits by name. Equal rows of the two emoji sets show the same code point."""


def open_builtin(name: str, split: str) -> ArraySource:
    """A data set of the package.

    MNIST: 60000 and 10000 digits, 28x28x1, 10 classes. `emoji_google`, `emoji_twitter`:
    1875 pictures 64x64x3 over white in 10 categories, 209 of them held out as "test".

    Args:
        name: a key of `BUILTIN`.
        split: "train" or "test"; emoji also have "all".

    Raises:
        DataError: the name or the split does not exist.
    """
    if name not in BUILTIN:
        raise unknown("built-in data set", name, BUILTIN)
    opener, splits = BUILTIN[name]
    if split not in splits:
        raise unknown(f"split of builtin:{name}", split, splits)
    return opener(f"builtin:{name}:{split}", split)
