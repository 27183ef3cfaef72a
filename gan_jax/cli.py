"""The command line: `gan-jax VERB --flags`, also `python -m gan_jax VERB --flags`."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import runpy
import sys
import traceback
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
    summary: str,
    define: Callable[[flags.FlagValues, list[str]], None],
    run: Callable[[flags.FlagValues], int],
) -> Verb:
    """A verb that takes flags: `define` adds them to a `FlagValues` of its own."""

    def parsed(words: list[str]) -> int:
        values, argv = flags.FlagValues(), ["gan-jax", *words]
        define(values, argv)
        if any(word in ("-h", "--help", "-help") for word in words):
            listed = values.module_help(__name__).split("\n", 2)[2]
            print(f"gan-jax: {summary}\n\n{listed}")
            return 0
        _parse(values, argv)
        return run(values)

    return Verb(summary, parsed)


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
    # It warns of every number that is not finite; the guard rules do so in one line.
    logging.getLogger("tensorboardX").setLevel(logging.ERROR)
    try:
        return _dispatch(argv)
    except UserError as error:
        return _complain(error, 2)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        where = f" ({error.filename})" if error.filename else ""
        return _complain(f"{error.strerror}{where}; make room and start again", 2)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)


def _complain(message: object, status: int) -> int:
    print(f"gan-jax: {message}", file=sys.stderr)
    return status


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
    base = _load_config(argv) if "config" in values else None
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


# Config files. `config_flags` loads them too, but tells of their mistakes in many lines.


def _load_config(argv: list[str]) -> ConfigDict | None:
    """The config without overrides; None if the command line names none.

    Raises:
        UserError: there is no such file, or it fails; says in which line.
    """
    given = _config_argument(argv)
    if given is None:
        return None
    path, _, variant = given.partition(":")
    if not os.path.isfile(path):
        folder, name = os.path.split(path)
        there = os.listdir(folder or ".") if os.path.isdir(folder or ".") else []
        near = nearest(name, [file for file in there if file.endswith(".py")])
        raise UserError(f"there is no config file {path!r}{near}")
    try:
        functions = runpy.run_path(path)
        if "get_config" not in functions:
            raise UserError(f"{path} defines no get_config(variant)")
        get_config = functions["get_config"]
        config = get_config(variant) if variant else get_config()
    except UserError:
        raise
    except Exception as error:
        raise UserError(_mistake(path, error)) from error
    if not isinstance(config, ConfigDict):
        raise UserError(f"{path}: get_config must return a ConfigDict, of default_config()")
    if variant and _same_as_plain(config, get_config):
        known = re.findall(r'"(\w+)"', get_config.__doc__ or "")
        raise UserError(f"{path} has no variant {variant!r}{nearest(variant, known)}")
    return config


def _same_as_plain(config: ConfigDict, get_config: Callable[[str], ConfigDict]) -> bool:
    """Whether a variant changes nothing: most files take any text for one, so a slip."""
    try:
        return config.to_dict() == get_config("").to_dict()
    except Exception:  # a file may insist on a variant
        return False


def _config_argument(argv: list[str]) -> str | None:
    given = None
    for word, following in zip(argv, [*argv[1:], None], strict=True):
        name, equals, value = word.partition("=")
        if name in ("--config", "-config"):
            given = value if equals else following
    return given


def _mistake(path: str, error: Exception) -> str:
    """What is wrong in a config file, and where."""
    if isinstance(error, SyntaxError):
        return f"{path}, line {error.lineno}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == path]
    where = f"{path}, line {lines[-1]}" if lines else path
    # ConfigDict adds the values of all fields, and then the nearest name.
    text = str(error.args[0] if error.args else error)
    text = text[1:-1] if text[:1] == text[-1:] == "'" else text
    hint = re.search(r'Did you mean "[^?]*\?', text)
    text = " ".join(text.partition(" Other fields present: ")[0].split())
    hinted = f"{text} {hint[0]}" if hint else text
    return f"{where}: {type(error).__name__}: {hinted}"


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
    summary = loop.train(config, workdir)
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
    "train": _flagged("train a GAN, or go on with a run", _define_run, _train),
    "sample": _flagged("draw samples from a run", _define_sample, _sample),
    "describe": _flagged(
        "nets, shapes and parameter counts of a config", _define_describe, _describe
    ),
    "digest": _flagged("SHA-256 of a run's latest whole state", _define_workdir, _digest),
    "prepare-data": _flagged("prepare a tfds data set", _define_prepare, _prepare_data),
    "validate-data": _flagged("look a data source over", _define_validate, _validate_data),
    "launch": Verb("run a command in several local processes", _launch),
}


def entry() -> None:
    """The console script."""
    sys.exit(main())
