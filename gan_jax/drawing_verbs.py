"""The commands of `gan-jax` that draw from a run: pictures, texts, translations."""

from __future__ import annotations

import sys
from typing import Any

from absl import flags

from gan_jax.flagged import define_workdir, flagged, need

# Flags.


def _define_sample(values: flags.FlagValues, argv: list[str]) -> None:
    define_workdir(values, argv)
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
    flags.DEFINE_float(
        "psi", None, "Weight of styles around their mean, such as 0.7.", flag_values=values
    )


def _define_sample_text(values: flags.FlagValues, argv: list[str]) -> None:
    define_workdir(values, argv)
    flags.DEFINE_string("output", None, "File to write; none: print.", flag_values=values)
    flags.DEFINE_integer("n", 64, "Number of texts.", flag_values=values)
    flags.DEFINE_integer("seed", 0, "Seed of the draws.", flag_values=values)
    flags.DEFINE_float(
        "temperature", 1.0, "Below 1 for likelier texts.", flag_values=values
    )
    flags.DEFINE_bool("overwrite", False, "Replace an older file.", flag_values=values)


def _define_translate(values: flags.FlagValues, argv: list[str]) -> None:
    _define_upscale(values, argv)
    flags.DEFINE_string(
        "domain", None, "Into which domain, where there are several.", flag_values=values
    )
    flags.DEFINE_integer("seed", 0, "Seed of what networks draw.", flag_values=values)


def _define_upscale(values: flags.FlagValues, argv: list[str]) -> None:
    define_workdir(values, argv)
    flags.DEFINE_string("input", None, "Folder of images, or one.", flag_values=values)
    flags.DEFINE_string("output", None, "Folder for the PNGs.", flag_values=values)
    flags.DEFINE_integer(
        "tile", 512, "Longest side of what is computed in one piece.", flag_values=values
    )
    flags.DEFINE_integer(
        "overlap", 96, "Pixels that neighbouring tiles share.", flag_values=values
    )
    flags.DEFINE_integer("batch", 4, "Tiles computed at a time.", flag_values=values)
    flags.DEFINE_bool(
        "overwrite", False, "Make anew what is there already.", flag_values=values
    )


# Verbs.


def _sample(values: flags.FlagValues) -> int:
    from gan_jax import inspection

    workdir, output = need(values, "workdir"), need(values, "output")
    inspection.sample(
        workdir,
        output,
        n=values.n,
        columns=values.columns,
        seed=values.seed,
        label=values.label,
        truncation=values.truncation,
        standing=values.standing,
        psi=values.psi,
    )
    print(output)
    return 0


def _sample_text(values: flags.FlagValues) -> int:
    from gan_jax import texts

    workdir, output = need(values, "workdir"), values.output
    path = None if output is None else texts.check_output(output, values.overwrite)
    lines = texts.sample_text(
        workdir, n=values.n, seed=values.seed, temperature=values.temperature
    )
    if path is not None:
        texts.write_lines(path, lines)
    print("\n".join(lines) if path is None else output)
    return 0


def _translate(values: flags.FlagValues) -> int:
    return _translated(values, domain=values.domain, seed=values.seed)


def _upscale(values: flags.FlagValues) -> int:
    return _translated(values, enlarging=True)


def _translated(values: flags.FlagValues, **own: Any) -> int:
    from gan_jax.translating import Settings, translate_folder

    workdir, output = need(values, "workdir"), need(values, "output")
    settings = Settings(
        batch=values.batch,
        tile=values.tile,
        overlap=values.overlap,
        overwrite=values.overwrite,
        **own,
    )
    outcome = translate_folder(workdir, need(values, "input"), output, settings)
    print(f"{outcome.made} images written to {output}")
    if outcome.left:
        print(f"{outcome.left} were there already; --overwrite makes them anew")
    for line in outcome.failed:
        print(f"gan-jax: {line}", file=sys.stderr)
    return 1 if outcome.failed else 0


DRAWING = {
    "sample": flagged("draw samples from a run", _define_sample, _sample),
    "sample-text": flagged(
        "draw lines of text from a run", _define_sample_text, _sample_text
    ),
    "translate": flagged(
        "images of a folder into another domain", _define_translate, _translate
    ),
    "upscale": flagged("images of a folder, larger", _define_upscale, _upscale),
}
