"""Pictures by `gan-jax analyse`, with the commands that make them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gan_jax.analyses import ANALYSES, analyse


def look(
    folder: Path, workdir: str, output: str, name: str, flags: Mapping[str, Any]
) -> str:
    """Runs one analysis with seed 0; returns its command and what it said, as Markdown.

    Args:
        folder: where pictures go.
        workdir: of the run.
        output: file to write, of the analyses that write one.
        name: of the analysis.
        flags: by name, in place of the defaults.
    """
    values = {flag.name: flag.default for flag in ANALYSES[name].flags}
    given: dict[str, Any] = {"workdir": workdir} | dict(flags)
    if "output" in values:
        given["output"] = str(folder / output)
    lines = analyse(name, values | given).splitlines()
    told = [line for line in lines if not line.startswith(str(folder))]
    words = "".join(f" --{flag}={value}" for flag, value in flags.items())
    shown = f"    gan-jax analyse {name} --workdir=DIR{words}"
    if "output" in values:
        shown += f" --output={output}"
    return "\n".join([shown, *(f"    # {line}" for line in told)])
