"""`gan-jax analyse NAME --flags`."""

from __future__ import annotations

from collections.abc import Callable

from absl import flags

from gan_jax.analyses import ANALYSES, Flag, analyse
from gan_jax.config import choose
from gan_jax.flagged import flagged

_DEFINE: dict[type, Callable[..., object]] = {
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
    bool: flags.DEFINE_bool,
}


def main(words: list[str]) -> int:
    """Runs one analysis and prints what it found and wrote.

    Args:
        words: its name and its flags.

    Returns:
        The exit code.

    Raises:
        UserError: there is no such analysis, or as the analysis says.
    """
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    name = words[0]
    analysis = choose("analysis", name, ANALYSES)

    def define(values: flags.FlagValues, argv: list[str]) -> None:
        del argv
        for flag in analysis.flags:
            _define(values, flag)

    def run(values: flags.FlagValues) -> int:
        print(
            analyse(name, {flag.name: values[flag.name].value for flag in analysis.flags})
        )
        return 0

    return flagged(analysis.summary, define, run).run(words[1:])


def _define(values: flags.FlagValues, flag: Flag) -> None:
    _DEFINE[flag.kind](flag.name, flag.default, flag.text, flag_values=values)


def _help() -> str:
    lines = [f"  {name:<12} {analysis.summary}" for name, analysis in ANALYSES.items()]
    return "\n".join(
        [
            "gan-jax analyse NAME --workdir DIR --output FILE.png --flags",
            "",
            *lines,
            "",
            "gan-jax analyse NAME --help lists the flags of an analysis.",
        ]
    )
