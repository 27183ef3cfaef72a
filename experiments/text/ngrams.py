"""A model of characters by those before them, to judge names by."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

ORDER, START, END = 4, "\t", "\n"


class NGrams:
    """Witten and Bell's interpolated n-grams: p(c | h) = (n(h, c) + d(h) p(c | h')) / (n(h)
    + d(h)), h' being h without its first character, n counts, d(h) how many different
    characters follow h; below the empty h all are alike.

    Args:
        names: to learn from.
        symbols: all characters that there are.
        order: characters of an n-gram.
    """

    def __init__(self, names: Iterable[str], symbols: Sequence[str], order: int = ORDER):
        self.symbols = (*symbols, END)
        self._order = order
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for name in names:
            begun = START + name
            for place, char in enumerate(name + END, 1):
                for size in range(min(order - 1, place) + 1):
                    self._counts[begun[place - size : place]][char] += 1

    def chance(self, history: str, char: str) -> float:
        """The chance of a character after those that a name begins with."""
        history = START + history
        history = history[max(0, len(history) - self._order + 1) :]
        chance = 1.0 / len(self.symbols)
        for size in range(len(history) + 1):
            counts = self._counts.get(history[len(history) - size :])
            if counts is None:
                break
            kinds = len(counts)
            chance = (counts[char] + kinds * chance) / (counts.total() + kinds)
        return chance

    def per_character(self, names: Sequence[str]) -> float:
        """Mean log likelihood of a character of names, their ends included, in nats."""
        terms = [
            math.log(self.chance(name[:place], char))
            for name in names
            for place, char in enumerate(name + END)
        ]
        return sum(terms) / len(terms)

    def draw(self, count: int, seed: int, longest: int) -> list[str]:
        """Names of the model itself, cut off at a length."""
        draws, names = np.random.default_rng(seed), []
        for _ in range(count):
            name = ""
            while len(name) < longest:
                chances = [self.chance(name, char) for char in self.symbols]
                char = self.symbols[draws.choice(len(chances), p=chances)]
                if char == END:
                    break
                name += char
            names.append(name)
        return names
