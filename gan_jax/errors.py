"""The errors that are a person's to mend: the command line prints them as one line."""

from __future__ import annotations


class UserError(ValueError):
    """Something outside the program is wrong: says in one line what, and how to mend it."""
