"""Trains the study's runs, one after the other; one that was stopped goes on.

python -m experiments.style.train --folder runs/style [NAME ...]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax

from experiments.style.runs import RUNS, make_config
from gan_jax import loop


def train(name: str, folder: Path) -> Path:
    """Trains a run to its last step; returns its work directory."""
    folder.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(folder / "compiled"))
    workdir = folder / name
    loop.train(make_config(name, folder), workdir)
    return workdir


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("names", nargs="*", metavar="NAME", help="by default all")
    arguments = parser.parse_args()
    for name in arguments.names or RUNS:
        print(train(name, arguments.folder.resolve()))


if __name__ == "__main__":
    main()
