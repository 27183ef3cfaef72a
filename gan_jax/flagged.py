"""Commands that take flags; every mistake becomes one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from absl import flags
from ml_collections import ConfigDict
from ml_collections.config_flags.config_flags import (
    FlagOrderError,
    UnsupportedOperationError,
)

from gan_jax.config import flatten, nearest
from gan_jax.config_files import load_config
from gan_jax.errors import UserError


class Verb(NamedTuple):
    """A command.

    Attributes:
        summary: one line for the help.
        run: called with the arguments after the verb; returns the exit code.
    """

    summary: str
    run: Callable[[list[str]], int]


def flagged(
    summary: str,
    define: Callable[[flags.FlagValues, list[str]], None],
    run: Callable[[flags.FlagValues], int],
) -> Verb:
    """A verb that takes flags: `define` adds them to a `FlagValues` of its own."""

    def parsed(words: list[str]) -> int:
        values, argv = flags.FlagValues(), ["gan-jax", *words]
        define(values, argv)
        if any(word in ("-h", "--help", "-help") for word in words):
            # Whatever module defined them; each list begins with that module's name.
            modules = sorted(values.flags_by_module_dict())
            helps = [values.module_help(m).split("\n", 2)[2] for m in modules]
            listed = "\n".join(helps)
            print(f"gan-jax: {summary}\n\n{listed}")
            return 0
        _parse(values, argv)
        return run(values)

    return Verb(summary, parsed)


def _parse(values: flags.FlagValues, argv: list[str]) -> None:
    """Parses flags; every mistake becomes one line that names the nearest right word."""
    base = load_config(argv) if "config" in values else None
    try:
        rest = values(argv)
    except flags.UnrecognizedFlagError as error:
        raise UserError(_unknown_flag(values, error.flagname)) from None
    except (AttributeError, KeyError) as error:
        if base is None:
            raise
        raise UserError(_unknown_field(base, argv, error)) from None
    except (FlagOrderError, UnsupportedOperationError, flags.Error, TypeError) as error:
        raise UserError(" ".join(str(error).split())) from None
    if len(rest) > 1:
        raise UserError(f"unexpected argument {rest[1]!r}; flags are written --name=value")


def _unknown_flag(values: flags.FlagValues, name: str) -> str:
    if name.startswith("config.") and "config" in values:
        return f"--{name} needs --config=FILE before it"
    return f"no flag --{name}{nearest(f'--{name}', [f'--{known}' for known in values])}"


def _unknown_field(config: ConfigDict, argv: list[str], error: Exception) -> str:
    known = flatten(config)
    groups = {path.rsplit(".", depth)[0] for path in known for depth in (1, 2)}
    for word in argv:
        if not word.lstrip("-").startswith("config."):
            continue
        field = word.lstrip("-").split("=", 1)[0].removeprefix("config.")
        if field not in known and field not in groups:
            return f"the config has no field {field!r}{nearest(field, known)}"
    return f"the config cannot be changed so: {error}"


# What several verbs have in common.


def define_workdir(values: flags.FlagValues, argv: list[str]) -> None:
    """Adds the flag of a run's directory."""
    del argv
    flags.DEFINE_string("workdir", None, "Directory of a run.", flag_values=values)


def need(values: flags.FlagValues, name: str) -> Any:
    """The value of a flag.

    Raises:
        UserError: it was not given.
    """
    value = values[name].value
    if value is None:
        raise UserError(f"--{name} is missing")
    return value
