"""Symbols of texts, and the tokens that stand for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

END = 0
"""The token that ends a text and fills what is left of its row; no symbol."""


class Vocabulary(NamedTuple):
    """The symbols of a text; token i + 1 is symbol i, and 0 the end.

    Attributes:
        symbols: all different: characters, or words.
        between: what stands between symbols: nothing, or a space between words.
    """

    symbols: tuple[str, ...]
    between: str = ""

    @property
    def size(self) -> int:
        """Number of tokens, the end included."""
        return len(self.symbols) + 1

    def split(self, line: str) -> list[str]:
        """The symbols of a line."""
        return line.split() if self.between else list(line)

    def encode(self, lines: Sequence[str], length: int | None = None) -> np.ndarray:
        """Tokens of lines, int32 (n, length).

        Args:
            lines: of symbols of this vocabulary.
            length: of a row, at least that of the longest line, which it is by default.

        Raises:
            KeyError: a symbol that is not in the vocabulary.
            ValueError: a line is longer than a row.
        """
        places = {symbol: token for token, symbol in enumerate(self.symbols, 1)}
        rows = [[places[symbol] for symbol in self.split(line)] for line in lines]
        longest = max(map(len, rows), default=0)
        length = longest if length is None else length
        if longest > length:
            raise ValueError(f"a line of {longest} symbols does not fit a row of {length}")
        tokens = np.full((len(rows), length), END, np.int32)
        for place, row in enumerate(rows):
            tokens[place, : len(row)] = row
        return tokens

    def decode(self, tokens: np.ndarray) -> list[str]:
        """Lines of tokens, int (n, length): what stands before the first end of a row."""
        lines = []
        for row in np.asarray(tokens).tolist():
            end = row.index(END) if END in row else len(row)
            lines.append(self.between.join(self.symbols[token - 1] for token in row[:end]))
        return lines


def found_in(lines: Iterable[str], between: str = "") -> Vocabulary:
    """The vocabulary of all symbols of lines, sorted."""
    split = Vocabulary((), between).split
    return Vocabulary(tuple(sorted({s for line in lines for s in split(line)})), between)
