"""Trains the study's runs, one after the other; one that was stopped goes on.

python -m experiments.gmmn.train --folder runs/gmmn [NAME ...]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax

from experiments.gmmn.runs import METHODS, SEEDS, make_config, run_name
from gan_jax import loop


def train(name: str, seed: int, folder: Path) -> Path:
    """Trains a run to its last step; returns its work directory."""
    folder.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(folder / "compiled"))
    workdir = folder / run_name(name, seed)
    loop.train(make_config(name, seed), workdir)
    return workdir


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("names", nargs="*", metavar="NAME", help="by default all methods")
    arguments = parser.parse_args()
    for name in arguments.names or METHODS:
        for seed in SEEDS:
            print(train(name, seed, arguments.folder.resolve()), flush=True)


if __name__ == "__main__":
    main()
