"""From a text in a configuration to a source of examples."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from gan_jax.data.builtin_source import open_builtin
from gan_jax.data.domains import Domains
from gan_jax.data.errors import DataError, unknown
from gan_jax.data.folder_source import open_folder
from gan_jax.data.npz_source import TARGETS, open_npz
from gan_jax.data.pairs import Pairs, SideBySide
from gan_jax.data.protocol import ImageSource
from gan_jax.data.synthetic_source import open_synthetic
from gan_jax.data.text_source import open_text
from gan_jax.data.tfds_source import open_tfds, parse


class _Request(NamedTuple):
    rest: str
    split: str
    data_dir: str | os.PathLike[str] | None


def _path_and_split(request: _Request) -> tuple[Path, str | None]:
    """A path may hold colons itself: the last part is a split only if the rest exists."""
    head, colon, tail = request.rest.rpartition(":")
    whole = Path(request.rest).expanduser()
    if colon and not whole.exists() and Path(head).expanduser().exists():
        return Path(head).expanduser(), tail
    return whole, None


def _builtin(request: _Request) -> ImageSource:
    name, _, split = request.rest.partition(":")
    return open_builtin(name, split or request.split)


def _synthetic(request: _Request) -> ImageSource:
    name, _, split = request.rest.partition(":")
    return open_synthetic(name, split or request.split)


def _npz(request: _Request) -> ImageSource:
    path, split = _path_and_split(request)
    return open_npz(path, split or request.split)


def _folder(request: _Request) -> ImageSource:
    path, split = _path_and_split(request)
    # The training data need no folder of their own; any other split does.
    default = None if request.split == "train" else request.split
    return open_folder(path, split or default)


def _text(request: _Request, between: str = "") -> ImageSource:
    path, split = _path_and_split(request)
    return open_text(path, split or request.split, between=between)


def _tfds(request: _Request) -> ImageSource:
    return open_tfds(request.rest, data_dir=request.data_dir, split=request.split)


def _parts(rest: str) -> list[str]:
    """The texts that a list of sources joins by "+"; a path may hold a "+" itself."""
    return re.split(rf"\+(?=(?:{'|'.join(KINDS)}):)", rest)


def _domains(request: _Request) -> ImageSource:
    parts = [
        open_source(part, data_dir=request.data_dir, split=request.split)
        for part in _parts(request.rest)
    ]
    return Domains(parts, f"domains:{request.rest}")


def _pairs(request: _Request) -> ImageSource:
    name, parts = f"pairs:{request.rest}", _parts(request.rest)
    sources = [
        open_source(part, data_dir=request.data_dir, split=request.split) for part in parts
    ]
    kinds = [part.partition(":")[0] for part in parts]
    if len(sources) == 2:
        # What comes with the package is known; of files a missing one is a mistake.
        common = kinds == ["builtin", "builtin"]
        return Pairs(sources[0], sources[1], name, common=common)
    if kinds == ["folder"]:
        return SideBySide(sources[0], name)
    if kinds == ["npz"]:
        own = request._replace(rest=parts[0].partition(":")[2])
        path, split = _path_and_split(own)
        return Pairs(sources[0], open_npz(path, split or request.split, TARGETS), name)
    raise DataError(
        f"{name}: pairs are of two sources joined by '+', of a folder of images side by "
        "side, or of an npz with the arrays image and target"
    )


KINDS: Mapping[str, Callable[[_Request], ImageSource]] = {
    "builtin": _builtin,
    "domains": _domains,
    "folder": _folder,
    "npz": _npz,
    "pairs": _pairs,
    "synthetic": _synthetic,
    "text": _text,
    "tfds": _tfds,
    "words": functools.partial(_text, between=" "),
}
"""Openers by what stands before the first colon."""


def open_source(
    spec: str, *, data_dir: str | os.PathLike[str] | None = None, split: str = "train"
) -> ImageSource:
    """Opens a source of training examples.

    Args:
        spec: one of `tfds:NAME[/CONFIG][:VERSION][:SPLIT]`, `folder:PATH[:SPLIT]`,
            `npz:PATH[:SPLIT]`, `builtin:NAME[:SPLIT]`, `synthetic:NAME[:SPLIT]`,
            `text:PATH[:SPLIT]` or `words:PATH[:SPLIT]` of lines as sequences of characters
            or of words, or `domains:SPEC+SPEC[+SPEC...]` of these but for texts, whose
            classes are the sources; or pairs of images, whose channels follow one another:
            `pairs:SPEC+SPEC`, matched by file name, code point or place,
            `pairs:folder:PATH` of images side by side, `pairs:npz:PATH` of arrays `image`
            and `target`.
        data_dir: folder of prepared tfds data.
        split: taken where `spec` names none.

    Returns:
        The source, opened and checked as far as that is cheap.

    Raises:
        DataError: there is no such source; the message lists the choices.
    """
    kind, _, rest = spec.partition(":")
    if kind not in KINDS or not rest:
        raise unknown("data source", spec, [f"{name}:..." for name in KINDS])
    return KINDS[kind](_Request(rest, split, data_dir))


def split_spec(spec: str, split: str | None) -> str:
    """A data source's text with another split, whether it names one already or not.

    Args:
        spec: as `open_source` takes it.
        split: such as "test"; None leaves the text as it is.
    """
    if split is None:
        return spec
    kind, _, rest = spec.partition(":")
    if kind == "tfds":
        return f"tfds:{parse(rest).builder}:{split}"
    if kind in ("domains", "pairs"):
        return f"{kind}:{'+'.join(split_spec(part, split) for part in _parts(rest))}"
    if kind in ("npz", "folder", "text", "words"):
        path, _ = _path_and_split(_Request(rest, split, None))
        return f"{kind}:{path}:{split}"
    return f"{kind}:{rest.partition(':')[0]}:{split}"
