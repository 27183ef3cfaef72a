"""Runs of a study that has several methods and several seeds of each, trained one after the
other; one that was stopped goes on.

    python -m experiments.training STUDY [NAME ...] --folder runs/STUDY

Such a study has a `runs.py` with `METHODS` by name, `SEEDS`, and `make_config(name, seed)`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from gan_jax import loop
from gan_jax.config_files import load_config

_CONFIGS = Path(__file__).resolve().parents[1] / "configs"
_PLAIN: Mapping[str, Any] = {
    "log.every": 50,
    "log.spectrum_every": 0,
    "log.tensorboard": False,
    "checkpoint.keep_best": 0,
    "score.every": 0,
}


def config_of(name: str) -> ConfigDict:
    """A config of the repository.

    Args:
        name: of its file in `configs`, with a variant, such as "gmmn.py:ae".

    Raises:
        UserError: there is no such file or variant.
    """
    config = load_config(["--config", str(_CONFIGS / name)])
    assert config is not None, "a command line that names a config has one"
    return config


def short(
    config: ConfigDict, seed: int, steps: int, fields: Mapping[str, Any] | None = None
) -> ConfigDict:
    """A config as a run of a study that measures it at its end, changed in place.

    Args:
        config: of the method.
        seed: of weights, latents and the order of the data.
        steps: of the run, which keeps one checkpoint and one grid of samples.
        fields: others, by their dotted names.
    """
    own = {
        "seed": seed,
        "train.steps": steps,
        "samples.every": steps,
        "checkpoint.every": steps,
    }
    config.update_from_flattened_dict({**_PLAIN, **own, **(fields or {})})
    return config


def run_folder(folder: Path, name: str, seed: int) -> Path:
    """Where a run of a study is, in a folder whose runs share what was compiled."""
    folder.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(folder / "compiled"))
    return folder / f"{name}_{seed}"


def train(config: ConfigDict, name: str, folder: Path) -> Path:
    """Trains a run to its last step.

    Args:
        config: of the run.
        name: of the method.
        folder: of all runs of the study.

    Returns:
        Its work directory, named by the method and the seed.
    """
    workdir = run_folder(folder, name, config.seed)
    loop.train(config, workdir)
    return workdir


def train_all(
    names: Iterable[str],
    seeds: Iterable[int],
    make_config: Callable[[str, int], ConfigDict],
    folder: Path,
) -> dict[tuple[str, int], Path]:
    """The work directories of all runs, by name and seed, after their last steps."""
    return {
        (name, seed): train(make_config(name, seed), name, folder)
        for name in names
        for seed in seeds
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("names", nargs="*", metavar="NAME", help="by default all methods")
    arguments = parser.parse_args()
    runs = import_module(f"experiments.{arguments.study}.runs")
    names = arguments.names or runs.METHODS
    train_all(names, runs.SEEDS, runs.make_config, arguments.folder.resolve())


if __name__ == "__main__":
    main()
