"""Symbols and tokens."""

import numpy as np
import pytest

from gan_jax.data.vocabulary import Vocabulary, found_in


def test_characters_there_and_back():
    known = found_in(["banana", "cab"])
    assert known == Vocabulary(("a", "b", "c", "n"))
    assert known.size == 5
    tokens = known.encode(["nab", "", "cabana"])
    assert tokens.dtype == np.int32
    assert tokens.tolist() == [[4, 1, 2, 0, 0, 0], [0] * 6, [3, 1, 2, 1, 4, 1]]
    assert known.decode(tokens) == ["nab", "", "cabana"]


def test_words_there_and_back():
    known = found_in(["to be or", "not  to be"], " ")
    assert known.symbols == ("be", "not", "or", "to")
    tokens = known.encode(["not to  be"], 5)
    assert tokens.tolist() == [[2, 4, 1, 0, 0]]
    assert known.decode(tokens) == ["not to be"]


def test_nothing_is_read_behind_the_first_end():
    assert Vocabulary(("a", "b")).decode(np.array([[1, 0, 2], [0, 1, 1]])) == ["a", ""]


def test_what_cannot_be_encoded():
    known = Vocabulary(("a", "b"))
    with pytest.raises(KeyError):
        known.encode(["c"])
    with pytest.raises(ValueError, match="a line of 3 symbols does not fit a row of 2"):
        known.encode(["aba"], 2)
