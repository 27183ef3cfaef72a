"""Texts as sequences of tokens: one line of a file is one example."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gan_jax.data.errors import DataError, unknown
from gan_jax.data.folder_source import SPLITS
from gan_jax.data.protocol import ArraySource, digest_lines
from gan_jax.data.vocabulary import Vocabulary, found_in

LONGEST = 4096
"""Symbols that a line has at most: every row has as many as the longest line."""
VOCABULARY = "vocabulary.txt"
_SUFFIX = ".txt"


class Line(NamedTuple):
    """A line of a file.

    Attributes:
        text: without white space at its ends.
        name: the file and the number of the line, from 1.
    """

    text: str
    name: str


class TextSource(ArraySource):
    """Lines as tokens int32 (length,), 0 behind the end of a line.

    Args:
        name: what it is called in messages.
        lines: of symbols of the vocabulary.
        vocabulary: of the lines.
        length: of a row.
    """

    def __init__(
        self, name: str, lines: Sequence[Line], vocabulary: Vocabulary, length: int
    ):
        tokens = vocabulary.encode([line.text for line in lines], length)
        super().__init__(name, tokens)
        self.vocabulary = vocabulary
        self._names = tuple(line.name for line in lines)

    def element_name(self, index: int) -> str:
        return self._names[index]

    def fingerprint(self) -> str:
        """Digest of the tokens and of what they stand for."""
        known = self.vocabulary
        return digest_lines((super().fingerprint(), repr(known.between), *known.symbols))


def _decoded(path: Path, name: str) -> list[Line]:
    """All lines of a UTF-8 file, without their ends."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror}") from error
    lines = []
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            text = raw.decode().removesuffix("\r")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{name} line {number} is not UTF-8 (its byte {error.start + 1}); convert "
                "the file"
            ) from error
        lines.append(Line(text, f"{name} line {number}"))
    return lines


def read_lines(path: str | os.PathLike[str], name: str | None = None) -> list[Line]:
    """The lines of a UTF-8 file that are not blank, without white space at their ends.

    Args:
        path: the file.
        name: what it is called in messages; by default its path.

    Raises:
        DataError: the file cannot be read, or a line is not UTF-8.
    """
    lines = _decoded(Path(path), str(path) if name is None else name)
    stripped = [line._replace(text=line.text.strip()) for line in lines]
    return [line for line in stripped if line.text]


def held_out(line: Line) -> bool:
    """Whether a line belongs to the tenth of a file without splits that is the test split;
    equal lines do so together.
    """
    return zlib.crc32(line.text.encode()) % 10 == 0


def check_symbols(lines: Sequence[Line], vocabulary: Vocabulary, of: str) -> None:
    """Refuses lines with other symbols than those of a vocabulary.

    Args:
        lines: to look at.
        vocabulary: all symbols that there may be.
        of: where the vocabulary comes from, for the message.

    Raises:
        DataError: names the first.
    """
    known = set(vocabulary.symbols)
    for line in lines:
        for symbol in vocabulary.split(line.text):
            if symbol not in known:
                raise DataError(
                    f"{line.name}: the symbol {symbol!r} is not in {of}; add it there or "
                    "remove it here"
                )


def _longest(lines: Sequence[Line], vocabulary: Vocabulary) -> int:
    """Symbols of the longest line."""
    most = 0
    for line in lines:
        count = len(vocabulary.split(line.text))
        if count > LONGEST:
            raise DataError(
                f"{line.name} has {count} symbols, more than {LONGEST}; a line is one "
                "example: break it"
            )
        most = max(most, count)
    return most


def open_text(
    path: str | os.PathLike[str], split: str = "train", *, between: str = ""
) -> TextSource:
    """The lines of a file, or of a folder with a file for every split.

    Of a single file the split "test" is a tenth of the lines, chosen by their content,
    "train" the others, and "all" all of them. The symbols are those of the whole file. In a
    folder every split is a file SPLIT.txt; the symbols are those of train.txt, or the lines
    of vocabulary.txt if it is there, in its order. The length of a row is that of the
    longest line of all splits.

    Args:
        path: the file or the folder.
        split: which lines.
        between: "" for texts of characters, a space for texts of words.

    Raises:
        DataError: there is no such file or split, it has no lines, a line is not UTF-8 or
            too long, or a symbol is not in the vocabulary.
    """
    path = Path(path).expanduser()
    name = f"{'words' if between else 'text'}:{path}"
    if path.is_dir():
        return _open_folder(path, name, split, between)
    if not path.is_file():
        raise DataError(f"{name}: no such file or folder")
    lines = read_lines(path)
    if not lines:
        raise DataError(f"{name} holds no lines")
    parts = {
        "train": [line for line in lines if not held_out(line)],
        "test": [line for line in lines if held_out(line)],
        "all": lines,
    }
    if split not in parts:
        raise unknown(f"split of {name}", split, parts)
    if not parts[split]:
        raise DataError(f"{name} has no lines of the split {split!r}; use {name}:all")
    vocabulary = found_in((line.text for line in lines), between)
    length = _longest(lines, vocabulary)
    return TextSource(f"{name}:{split}", parts[split], vocabulary, length)


def _open_folder(folder: Path, name: str, split: str, between: str) -> TextSource:
    """A folder with a file per split."""
    files = {stem: folder / f"{stem}{_SUFFIX}" for stem in sorted(SPLITS)}
    files = {stem: file for stem, file in files.items() if file.is_file()}
    if split not in files:
        found = ", ".join(file.name for file in files.values()) or "none"
        raise DataError(
            f"{name} has no file {split}{_SUFFIX}; its files of splits: {found}"
        )
    parts = {stem: read_lines(file) for stem, file in files.items()}
    if not parts[split]:
        raise DataError(f"{files[split]} holds no lines")
    own = folder / VOCABULARY
    if own.is_file():
        vocabulary, of = _given(own, between), str(own)
    elif "train" in parts:
        of = str(files["train"])
        vocabulary = found_in((line.text for line in parts["train"]), between)
    else:
        raise DataError(f"{name} has neither train{_SUFFIX} nor {VOCABULARY}; add one")
    check_symbols(parts[split], vocabulary, of)
    lines = [line for part in parts.values() for line in part]
    length = _longest(lines, vocabulary)
    return TextSource(f"{name}:{split}", parts[split], vocabulary, length)


def _given(path: Path, between: str) -> Vocabulary:
    """A vocabulary of the lines of a file."""
    # A space may be a character, so that nothing is stripped.
    symbols = [line.text for line in _decoded(path, str(path)) if line.text]
    vocabulary = Vocabulary(tuple(symbols), between)
    for symbol in symbols:
        if vocabulary.split(symbol) != [symbol]:
            kind = "word" if between else "character"
            raise DataError(f"{path}: {symbol!r} is not one {kind}; give one a line")
        if symbols.count(symbol) > 1:
            raise DataError(f"{path} holds {symbol!r} twice; remove one")
    return vocabulary
