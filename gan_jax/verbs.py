"""The commands of `gan-jax`; each imports what it needs when it runs."""

from __future__ import annotations

import json
import sys

from absl import flags
from ml_collections import config_flags

from gan_jax.config import choose
from gan_jax.drawing_verbs import DRAWING
from gan_jax.flagged import Verb, define_workdir, flagged, need

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
        ("input", "File of weights: .npz, .safetensors, .pth, .pt, .ckpt or .bin."),
        ("output", "Folder for the export, NETWORK.safetensors."),
        ("architecture", "The original's arguments, NAME=VALUE,... or a JSON file."),
    ):
        flags.DEFINE_string(name, None, text, flag_values=values)
    flags.DEFINE_bool("overwrite", False, "Replace an older export.", flag_values=values)


def _define_evaluate(values: flags.FlagValues, argv: list[str]) -> None:
    define_workdir(values, argv)
    for name, text in (
        ("step", "A checkpoint's step, best or all; the newest if left out."),
        ("features", "In which to measure, such as inception or efficientnet_lite0."),
        ("split", "Split of the data to compare with, such as test."),
        ("held_out", "Split for measures of memorisation and likelihood."),
        ("labels", "Classes of the samples: in turn, or as the data."),
    ):
        flags.DEFINE_string(name, None, text, flag_values=values)
    flags.DEFINE_list(
        "measures", None, "Comma-separated names; an unknown one lists them.", values
    )
    for name, text in (
        ("samples", "Number of samples."),
        ("reference", "Number of real examples to compare with; 0 for all."),
        ("seed", "Seed of the latents."),
        ("standing", "Batches whose statistics take the place of the running ones."),
    ):
        flags.DEFINE_integer(name, None, text, flag_values=values)
    flags.DEFINE_multi_float(
        "truncation",
        None,
        "Latents beyond it are drawn again; may be given several times.",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "average", None, "Sample the generator's average.", flag_values=values
    )
    flags.DEFINE_bool("json", False, "Print JSON.", flag_values=values)


def _define_report(values: flags.FlagValues, argv: list[str]) -> None:
    del argv
    flags.DEFINE_multi_string(
        "workdir", [], "Directory of a run; may be given several times.", flag_values=values
    )
    flags.DEFINE_string(
        "output",
        None,
        "Folder to write to; of one run, its folder report.",
        flag_values=values,
    )
    flags.DEFINE_bool("json", False, "Print JSON.", flag_values=values)


def _define_explore(values: flags.FlagValues, argv: list[str]) -> None:
    define_workdir(values, argv)
    flags.DEFINE_string(
        "host", "127.0.0.1", "Address to listen at; this machine alone.", flag_values=values
    )
    flags.DEFINE_integer("port", 7860, "0 takes a free one.", flag_values=values)


# Verbs.


def _train(values: flags.FlagValues) -> int:
    from gan_jax import loop

    config, workdir = need(values, "config"), need(values, "workdir")
    summary = loop.train(config, workdir)
    if summary.report:
        print(summary.report)
    return summary.exit_code


def _evaluate(values: flags.FlagValues) -> int:
    from gan_jax import distributed
    from gan_jax.evaluation.command import evaluate_run

    workdir = need(values, "workdir")
    distributed.initialize()
    names = ("features", "split", "held_out", "labels", "samples", "reference", "seed")
    given = {name: values[name].value for name in (*names, "standing", "average")}
    if values.measures is not None:
        given["measures"] = tuple(values.measures)
    entries = evaluate_run(
        workdir,
        step=values.step,
        truncations=values.truncation or (),
        changes={name: value for name, value in given.items() if value is not None},
    )
    if values.json:
        print(json.dumps([entry.to_dict() for entry in entries], indent=2))
        return 0
    for entry in entries:
        print(f"step {entry.step:,}: {entry.measurement}")
    return 0


def _report(values: flags.FlagValues) -> int:
    from gan_jax import reports

    made = reports.make_report(values.workdir)
    folder = reports.output_folder(values.workdir, values.output)
    paths = reports.write_report(made, folder)
    whole = json.dumps(reports.to_json(made), indent=2) if values.json else None
    print(whole or f"{reports.text(made)}\n")
    for path in paths:
        # Whoever reads JSON gets nothing else.
        print(path, file=sys.stderr if values.json else sys.stdout)
    return 0


def _analyse(words: list[str]) -> int:
    from gan_jax.analyses import command

    return command.main(words)


def _explore(values: flags.FlagValues) -> int:
    from gan_jax.explorer import explore

    return explore(need(values, "workdir"), host=values.host, port=values.port)


def _describe(values: flags.FlagValues) -> int:
    from gan_jax import inspection

    description = inspection.describe(need(values, "config"))
    print(
        json.dumps(description, indent=2) if values.json else inspection.render(description)
    )
    return 0


def _plan(values: flags.FlagValues) -> int:
    from gan_jax import plan

    config, html = need(values, "config"), values.html
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

    print(inspection.digest(need(values, "workdir")))
    return 0


def _prepare_data(values: flags.FlagValues) -> int:
    from gan_jax.data.prepare import prepare_data

    print(prepare_data(need(values, "name"), values.data_dir))
    return 0


def _validate_data(values: flags.FlagValues) -> int:
    from gan_jax import inspection

    return inspection.validate(
        need(values, "source"),
        data_dir=values.data_dir,
        num_classes=values.num_classes,
        sheet=values.sheet,
        as_json=values.json,
    )


def _import_weights(values: flags.FlagValues) -> int:
    from gan_jax import interop

    family, network = need(values, "family"), need(values, "network")
    choose("family", family, interop.FAMILIES)
    path, manifest = interop.convert(
        family,
        network,
        need(values, "input"),
        need(values, "output"),
        interop.parse_architecture(values.architecture or ""),
        overwrite=values.overwrite,
    )
    print(f"{family} {network}: {int(manifest['parameters']):,} parameters\n{path}")
    return 0


def _launch(words: list[str]) -> int:
    from gan_jax import launch

    return launch.main(words)


VERBS = {
    "train": flagged("train a GAN, or go on with a run", _define_run, _train),
    **DRAWING,
    "evaluate": flagged("measure a run's samples", _define_evaluate, _evaluate),
    "analyse": Verb("look inside a run: walks, neighbours, spectra and more", _analyse),
    "explore": flagged("a local page to look at a run", _define_explore, _explore),
    "report": flagged("results, curves and pictures of runs", _define_report, _report),
    "describe": flagged(
        "nets, shapes and parameter counts of a config", _define_describe, _describe
    ),
    "plan": flagged(
        "compile a config's step for devices that are not there", _define_plan, _plan
    ),
    "digest": flagged("SHA-256 of a run's latest whole state", define_workdir, _digest),
    "prepare-data": flagged("prepare a tfds data set", _define_prepare, _prepare_data),
    "validate-data": flagged("look a data source over", _define_validate, _validate_data),
    "import-weights": flagged(
        "published weights as a .safetensors", _define_import, _import_weights
    ),
    "launch": Verb("run a command in several local processes", _launch),
}
