"""The command line: `gan-jax VERB --flags`, also `python -m gan_jax VERB --flags`."""

from __future__ import annotations

import errno
import json
import logging
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
    flags.DEFINE_float(
        "truncation", None, "Latents beyond it are drawn again.", flag_values=values
    )
    flags.DEFINE_integer(
        "standing",
        None,
        "Batches whose statistics take the place of the running ones, such as 16.",
        flag_values=values,
    )


def _define_describe(values: flags.FlagValues, argv: list[str]) -> None:
    _define_config(values, argv)
    flags.DEFINE_bool("json", False, "Print JSON.", flag_values=values)


def _define_plan(values: flags.FlagValues, argv: list[str]) -> None:
    _define_config(values, argv)
    flags.DEFINE_multi_string(
        "topology",
        [],
        "Devices to compile for: local, TPU chips such as v5p:4x4x4, or hosts x GPUs such "
        "as h100:2x8; may be given several times.",
        flag_values=values,
    )
    flags.DEFINE_bool("json", False, "Print JSON.", flag_values=values)
    flags.DEFINE_string("html", None, "Page to write.", flag_values=values)
    flags.DEFINE_bool(
        "advise", True, "Try changes where the step does not fit.", flag_values=values
    )
    flags.DEFINE_bool(
        "thorough",
        False,
        "Compile for TPUs as a run does, many times longer, to see the compiler's cycles.",
        flag_values=values,
    )


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


def _define_import(values: flags.FlagValues, argv: list[str]) -> None:
    del argv
    for name, text in (
        ("family", "Whose weights: a name in gan_jax.interop, such as biggan_pytorch."),
        ("network", "generator or discriminator."),
        ("input", "File of weights: .npz, .safetensors, .pth, .pt or .bin."),
        ("output", "Folder for the export, NETWORK.safetensors."),
        ("architecture", "The original's arguments, NAME=VALUE,... or a JSON file."),
    ):
        flags.DEFINE_string(name, None, text, flag_values=values)
    flags.DEFINE_bool("overwrite", False, "Replace an older export.", flag_values=values)


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
        truncation=values.truncation,
        standing=values.standing,
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


def _plan(values: flags.FlagValues) -> int:
    from gan_jax import plan

    config, html = _need(values, "config"), values.html
    made = plan.make_plan(
        config, values.topology, advice=values.advise, thorough=values.thorough
    )
    print(json.dumps(made, indent=2) if values.json else plan.text(made))
    if html is not None:
        plan.write_page(html, made)
        # Whoever reads JSON gets nothing else.
        print(html, file=sys.stderr if values.json else sys.stdout)
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


def _import_weights(values: flags.FlagValues) -> int:
    from gan_jax import interop

    family, network = _need(values, "family"), _need(values, "network")
    choose("family", family, interop.FAMILIES)
    path, manifest = interop.convert(
        family,
        network,
        _need(values, "input"),
        _need(values, "output"),
        interop.parse_architecture(values.architecture or ""),
        overwrite=values.overwrite,
    )
    print(f"{family} {network}: {int(manifest['parameters']):,} parameters\n{path}")
    return 0


def _launch(words: list[str]) -> int:
    from gan_jax import launch

    return launch.main(words)


VERBS = {
    "train": _flagged("train a GAN, or go on with a run", _define_run, _train),
    "sample": _flagged("draw samples from a run", _define_sample, _sample),
    "describe": _flagged(
        "nets, shapes and parameter counts of a config", _define_describe, _describe
    ),
    "plan": _flagged(
        "compile a config's step for devices that are not there", _define_plan, _plan
    ),
    "digest": _flagged("SHA-256 of a run's latest whole state", _define_workdir, _digest),
    "prepare-data": _flagged("prepare a tfds data set", _define_prepare, _prepare_data),
    "validate-data": _flagged("look a data source over", _define_validate, _validate_data),
    "import-weights": _flagged(
        "published weights as a .safetensors", _define_import, _import_weights
    ),
    "launch": Verb("run a command in several local processes", _launch),
}


def entry() -> None:
    """The console script."""
    sys.exit(main())
