"""What every experiment's page says: its figure, its table, and how it was made.

    python -m experiments.FOLDER.run      from the root of the repository

A script measures, draws with matplotlib, and calls `write_page`. Numbers in the text of a
page are formatted by the script from what it measured, never typed.
"""

from __future__ import annotations

import os
import platform
import textwrap
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

_START = time.monotonic()
_CPUINFO = Path("/proc/cpuinfo")


def machine() -> str:
    """Name of the processor and number of cores."""
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.split(':')[1].strip()}, {os.cpu_count()} cores"
    return f"{platform.machine()}, {os.cpu_count()} cores"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; floats have three figures."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def ranged(values: Sequence[float], form: str) -> str:
    """The mean of the values of several seeds and, in brackets, the lowest and the highest.

    Args:
        values: one a seed.
        form: of each number, such as ".1%".
    """
    mean = sum(values) / len(values)
    return f"{mean:{form}} ({min(values):{form}} to {max(values):{form}})"


def one_or_ranged(values: Sequence[float], form: str) -> str:
    """A number of what needs no seeds, or `ranged` of several seeds."""
    return ranged(values, form) if len(values) > 1 else f"{values[0]:{form}}"


def wrapped(text: str, indent: str = "") -> str:
    """A paragraph in lines, all but the first of which begin with `indent`."""
    return textwrap.fill(text, 92, subsequent_indent=indent, break_on_hyphens=False)


def replace_between(page: str, begin: str, end: str, text: str) -> str:
    """A page with `text` between two marks that stand in it once each."""
    before, rest = page.split(begin)
    return "\n".join([before + begin, "", text, "", end + rest.split(end)[1]])


def write_page(script: str, text: str, *, seed: int, name: str = "README.md") -> None:
    """Writes a page beside a script.

    Args:
        script: the script's `__file__`.
        text: the page, with its heading, tables and figures.
        seed: the seed of every draw in it.
        name: of the page.
    """
    path = Path(script)
    minutes = (time.monotonic() - _START) / 60.0
    packages = ", ".join(f"{name} {version(name)}" for name in ("jax", "optax", "numpy"))
    made = (
        f"Made by `python -m experiments.{path.parent.name}.{path.stem}`, seed {seed}, in "
        f"{minutes:.1f} minutes on {machine()} ({packages}, Python "
        f"{platform.python_version()})."
    )
    (path.parent / name).write_text(f"{text.strip()}\n\n{made}\n")
