"""What goes wrong with data, said in one line that a person can act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from gan_jax.errors import UserError


class DataError(UserError):
    """Data that cannot be trained on; the message says what is wrong and how to mend it."""


class UnreadableImageError(DataError):
    """One image that cannot be decoded; the message names it."""


def unknown(what: str, given: str, choices: Iterable[str], shown: int = 12) -> DataError:
    """A `DataError` for a wrong name, with the nearest match and the first choices."""
    choices = sorted(choices)
    near = difflib.get_close_matches(given, choices, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    more = f", ... ({len(choices)} in all)" if len(choices) > shown else ""
    listed = ", ".join(choices[:shown])
    return DataError(f"unknown {what} {given!r}; {hint}Choices: {listed}{more}")
