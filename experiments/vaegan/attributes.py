"""Arithmetic on codes of emoji: the colour of a shape, and a face that becomes a cat's."""

from __future__ import annotations

import importlib.resources
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np

from gan_jax.analysis import latent_arithmetic
from gan_jax.data.builtin_source import open_builtin
from gan_jax.data.transform import ImageTransform, fit_all
from gan_jax.types import Array

COLOURS = (
    "red", "orange", "yellow", "green", "blue", "purple", "brown", "black", "white"
)  # fmt: skip
SHAPES: Mapping[str, tuple[str, ...]] = {
    "circle": (
        "red_circle",
        *(f"large_{colour}_circle" for colour in COLOURS[1:7]),
        "black_circle",
        "white_circle",
    ),
    "square": (
        *(f"large_{colour}_square" for colour in COLOURS[:7]),
        "black_large_square",
        "white_large_square",
    ),
    "heart": ("heart", *(f"{colour}_heart" for colour in COLOURS[1:])),
}
"""Names of the emoji of each shape, in the order of `COLOURS`."""

CAT = ("smiley_cat", "smiley")
FACES = ("heart_eyes", "joy", "smirk", "kissing_closed_eyes", "scream", "cry")
"""A cat's face and a person's of the same look, and faces that the difference is added to.
"""
_FILE = "emoji_pairs_64.npz"


class Recoloured(NamedTuple):
    """Sums of codes: a shape's colour a, less its colour b, plus another shape's colour b.

    Attributes:
        terms: int (n, 3), places of the three terms among all shapes and colours, shape by
            shape.
        wanted: int (n,), places of the answers.
    """

    terms: np.ndarray
    wanted: np.ndarray


class Right(NamedTuple):
    """Shares of sums whose decoding is nearest, in pixels and among all shapes and colours,
    to what it should be.

    Attributes:
        sums: share that is nearest to the answer.
        colours: share nearest to any shape of its colour.
        unmoved: share nearest to the third term, whose colour was to change.
        ceiling: share of plain reconstructions that are nearest to their own emoji.
    """

    sums: float
    colours: float
    unmoved: float
    ceiling: float


def named_emoji(names: Sequence[str], shape: tuple[int, ...]) -> np.ndarray:
    """Emoji by name, uint8 (n, *shape).

    Raises:
        ValueError: there is none of a name.
    """
    file = importlib.resources.files("gan_jax.data").joinpath("builtin", _FILE)
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        known = arrays["short_name"].tolist()
    chosen = [known.index(name) for name in names]
    images = open_builtin("emoji_google", "all").arrays["image"][chosen]
    return fit_all(images, shape, ImageTransform())


def recolourings() -> Recoloured:
    """All sums over two shapes and two colours that differ."""
    shapes, colours = range(len(SHAPES)), len(COLOURS)
    terms, wanted = [], []
    for first, second in itertools.permutations(shapes, 2):
        for a, b in itertools.permutations(range(colours), 2):
            one, other = first * colours, second * colours
            terms.append((one + a, one + b, other + b))
            wanted.append(other + a)
    return Recoloured(np.array(terms), np.array(wanted))


def sums(codes: Array, terms: np.ndarray) -> Array:
    """Codes (n, Z) of A - B + C.

    Args:
        codes: float (k, Z).
        terms: int (n, 3), rows of the codes.
    """

    def one(a: Array, b: Array, c: Array) -> Array:
        return latent_arithmetic(a[None], b[None], c[None]).result

    return jax.vmap(one)(*(codes[terms[:, i]] for i in range(3)))


def nearest(images: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Place of the nearest of known images, in pixels; int (n,).

    Args:
        images: uint8 (n, H, W, C).
        known: uint8 (k, H, W, C).
    """
    first, second = (x.reshape(len(x), -1).astype(np.float64) for x in (images, known))
    gaps = np.square(first[:, None] - second[None]).sum(axis=-1)
    return gaps.argmin(axis=1)


def rate(
    encode: Callable[[np.ndarray], Array],
    decode: Callable[[Array], np.ndarray],
    known: np.ndarray,
) -> Right:
    """How often arithmetic on codes changes a shape's colour as it should.

    Args:
        encode: uint8 images to codes.
        decode: codes to uint8 images.
        known: all shapes and colours, shape by shape, uint8 (27, H, W, C).
    """
    asked, codes, colours = recolourings(), encode(known), len(COLOURS)
    found = nearest(decode(sums(codes, asked.terms)), known)
    same = nearest(decode(codes), known) == np.arange(len(known))
    return Right(
        float(np.mean(found == asked.wanted)),
        float(np.mean(found % colours == asked.wanted % colours)),
        float(np.mean(found == asked.terms[:, 2])),
        float(same.mean()),
    )
