"""The command line: `gan-jax VERB --flags`, also `python -m gan_jax VERB --flags`."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from absl import flags
from ml_collections import ConfigDict, config_flags
from ml_collections.config_flags.config_flags import (
    FlagOrderError,
    UnsupportedOperationError,
)

from gan_jax.config import choose, flatten, nearest
from gan_jax.errors import UserError


class Verb(NamedTuple):
    """A command.

    Attributes:
        summary: one line for the help.
        run: called with the arguments after the verb; returns the exit code.
    """

    summary: str
    run: Callable[[list[str]], int]


def _flagged(
    define: Callable[[flags.FlagValues, list[str]], None],
    run: Callable[[flags.FlagValues], int],
) -> Callable[[list[str]], int]:
    """A verb that takes flags: `define` adds them to a `FlagValues` of its own."""

    def parsed(words: list[str]) -> int:
        values, argv = flags.FlagValues(), ["gan-jax", *words]
        define(values, argv)
        if any(word in ("-h", "--help") for word in words):
            print(values.get_help())
            return 0
        _parse(values, argv)
        return run(values)

    return parsed


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: program name, verb, flags; `sys.argv` if None.

    Returns:
        The exit code: 0 if all went well, 2 for a mistake that a person can mend, which is
        printed as one line.
    """
    argv = list(sys.argv if argv is None else argv)
    # Worker processes of the data pipeline insist on parsed global flags.
    flags.FLAGS(argv[:1])
    logging.basicConfig(format="gan-jax: %(message)s")
    logging.getLogger("gan_jax").setLevel(logging.INFO)
    try:
        return _dispatch(argv)
    except UserError as error:
        print(f"gan-jax: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("gan-jax: interrupted", file=sys.stderr)
        return 130


def _dispatch(argv: list[str]) -> int:
    if len(argv) < 2 or argv[1] in ("-h", "--help", "help"):
        print(_help())
        return 0
    return choose("command", argv[1], VERBS).run(argv[2:])


def _help() -> str:
    lines = [f"  {name:<14} {verb.summary}" for name, verb in VERBS.items()]
    return "\n".join(
        [
            "gan-jax VERB --flags",
            "",
            *lines,
            "",
            "gan-jax VERB --help lists the flags of a verb.",
        ]
    )


def _parse(values: flags.FlagValues, argv: list[str]) -> None:
    """Parses flags; every mistake becomes one line that names the nearest right word."""
    try:
        rest = values(argv)
    except flags.UnrecognizedFlagError as error:
        raise UserError(
            f"no flag --{error.flagname}{nearest(error.flagname, values)}"
        ) from None
    except AttributeError as error:
        raise UserError(_unknown_field(values, argv, error)) from None
    except (FlagOrderError, UnsupportedOperationError, flags.Error, TypeError) as error:
        raise UserError(" ".join(str(error).split())) from None
    except KeyError as error:
        raise UserError(_unknown_field(values, argv, error)) from None
    except FileNotFoundError as error:
        raise UserError(f"no such config file: {error.filename}") from None
    if len(rest) > 1:
        raise UserError(f"unexpected argument {rest[1]!r}; flags are written --name=value")


def _unknown_field(values: flags.FlagValues, argv: list[str], error: Exception) -> str:
    config = _load_config(argv)
    if config is None:
        return f"the config file is wrong: {error}"
    known = flatten(config)
    groups = {path.rsplit(".", depth)[0] for path in known for depth in (1, 2)}
    for word in argv:
        if not word.lstrip("-").startswith("config."):
            continue
        field = word.lstrip("-").split("=", 1)[0].removeprefix("config.")
        if field not in known and field not in groups:
            return f"the config has no field {field!r}{nearest(field, known)}"
    return f"the config file is wrong: {error}"


def _load_config(argv: list[str]) -> ConfigDict | None:
    """The config without overrides, or None if the file itself fails."""
    values = flags.FlagValues()
    plain = [word for word in argv if not word.lstrip("-").startswith("config.")]
    config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=plain)
    try:
        values(plain, known_only=True)
    except Exception:
        return None
    return values.config


# Flags.


def _define_config(values: flags.FlagValues, argv: list[str]) -> None:
    config_flags.DEFINE_config_file(
        "config",
        None,
        "FILE.py or FILE.py:VARIANT; --config.FIELD=VALUE changes a field.",
        flag_values=values,
        sys_argv=argv,
    )


def _define_run(values: flags.FlagValues, argv: list[str]) -> None:
    _define_config(values, argv)
    flags.DEFINE_string("workdir", None, "Directory of the run.", flag_values=values)


def _define_workdir(values: flags.FlagValues, argv: list[str]) -> None:
    del argv
    flags.DEFINE_string("workdir", None, "Directory of a run.", flag_values=values)


def _define_sample(values: flags.FlagValues, argv: list[str]) -> None:
    _define_workdir(values, argv)
    flags.DEFINE_string("output", None, "PNG to write.", flag_values=values)
    flags.DEFINE_integer("n", 64, "Number of samples.", flag_values=values)
    flags.DEFINE_integer("columns", 8, "Columns of the grid.", flag_values=values)
    flags.DEFINE_integer("seed", 0, "Seed of the latents.", flag_values=values)
    flags.DEFINE_integer("label", None, "Class of all samples.", flag_values=values)


def _define_describe(values: flags.FlagValues, argv: list[str]) -> None:
    _define_config(values, argv)
    flags.DEFINE_bool("json", False, "Print JSON.", flag_values=values)


def _define_prepare(values: flags.FlagValues, argv: list[str]) -> None:
    del argv
    flags.DEFINE_string("name", None, "tfds data set, NAME[/CONFIG].", flag_values=values)
    flags.DEFINE_string("data_dir", None, "Where prepared data lies.", flag_values=values)


def _define_validate(values: flags.FlagValues, argv: list[str]) -> None:
    del argv
    flags.DEFINE_string("source", None, "As data.source in a config.", flag_values=values)
    flags.DEFINE_string(
        "data_dir", None, "Where prepared tfds data lies.", flag_values=values
    )
    flags.DEFINE_integer("num_classes", None, "Classes expected.", flag_values=values)
    flags.DEFINE_string("sheet", None, "Contact sheet to write (PNG).", flag_values=values)
    flags.DEFINE_bool("json", False, "Print JSON.", flag_values=values)


def _need(values: flags.FlagValues, name: str) -> Any:
    value = values[name].value
    if value is None:
        raise UserError(f"--{name} is missing")
    return value


# Verbs; each imports what it needs when it runs.


def _train(values: flags.FlagValues) -> int:
    from gan_jax import loop

    config, workdir = _need(values, "config"), _need(values, "workdir")
    summary = loop.train(config, os.path.abspath(workdir))
    if summary.report:
        print(summary.report)
    return summary.exit_code


def _sample(values: flags.FlagValues) -> int:
    from gan_jax import inspection

    workdir, output = _need(values, "workdir"), _need(values, "output")
    inspection.sample(
        workdir,
        output,
        n=values.n,
        columns=values.columns,
        seed=values.seed,
        label=values.label,
    )
    print(output)
    return 0


def _describe(values: flags.FlagValues) -> int:
    from gan_jax import inspection

    description = inspection.describe(_need(values, "config"))
    print(
        json.dumps(description, indent=2) if values.json else inspection.render(description)
    )
    return 0


def _digest(values: flags.FlagValues) -> int:
    from gan_jax import inspection

    print(inspection.digest(_need(values, "workdir")))
    return 0


def _prepare_data(values: flags.FlagValues) -> int:
    from gan_jax.data.prepare import prepare_data

    print(prepare_data(_need(values, "name"), values.data_dir))
    return 0


def _validate_data(values: flags.FlagValues) -> int:
    from gan_jax import inspection

    return inspection.validate(
        _need(values, "source"),
        data_dir=values.data_dir,
        num_classes=values.num_classes,
        sheet=values.sheet,
        as_json=values.json,
    )


def _launch(words: list[str]) -> int:
    from gan_jax import launch

    return launch.main(words)


VERBS = {
    "train": Verb("train a GAN, or go on with a run", _flagged(_define_run, _train)),
    "sample": Verb("draw samples from a run", _flagged(_define_sample, _sample)),
    "describe": Verb(
        "nets, shapes and parameter counts of a config",
        _flagged(_define_describe, _describe),
    ),
    "digest": Verb(
        "SHA-256 of a run's latest whole state", _flagged(_define_workdir, _digest)
    ),
    "prepare-data": Verb(
        "prepare a tfds data set", _flagged(_define_prepare, _prepare_data)
    ),
    "validate-data": Verb(
        "look a data source over", _flagged(_define_validate, _validate_data)
    ),
    "launch": Verb("run a command in several local processes", _launch),
}


def entry() -> None:
    """The console script."""
    sys.exit(main())
