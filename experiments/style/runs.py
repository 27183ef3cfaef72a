"""The runs of this study, as configs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from experiments.training import config_of
from gan_jax.config import set_augment, set_terms
from gan_jax.data import open_source

SEED, COLUMNS, FEW, PHASE = 0, 10, 500, 10_000
"""PHASE: images for which a stage fades in, and for which it settles after that."""

PATH, ADA = "path length", "ADA"
CELLS: Mapping[str, frozenset[str]] = {
    "few_plain": frozenset(),
    "few_path": frozenset({PATH}),
    "few_ada": frozenset({ADA}),
    "few_both": frozenset({PATH, ADA}),
}
"""StyleGAN2 on few digits, by what each run has."""

_EVERY: Mapping[str, Any] = {
    "seed": SEED,
    "log.spectrum_every": 0,
    "log.tensorboard": False,
    "samples.count": 10 * COLUMNS,
    "samples.columns": COLUMNS,
    "checkpoint.keep_best": 0,
    "score.every": 0,
}
_GROWING = {"model.fade_images": PHASE, "model.stable_images": PHASE}
_RUNS: Mapping[str, tuple[str, int, Mapping[str, Any]]] = {
    # Config, images, changes.
    "progan": ("progan.py:emoji", 100_000, _GROWING),
    "stylegan": ("stylegan.py:emoji", 80_000, _GROWING),
    "stylegan2_ada": ("stylegan2.py:emoji", 96_000, {}),
    **{name: ("stylegan2.py:mnist", 64_000, {"train.batch_size": 16}) for name in CELLS},
}
RUNS = tuple(_RUNS)


def make_config(name: str, folder: Path) -> ConfigDict:
    """The config of a run; digits are written to the folder if they are not there.

    Args:
        name: in `RUNS`.
        folder: of all runs.

    Raises:
        UserError: the repository's config files are not there.
    """
    file, images, changes = _RUNS[name]
    config = config_of(file)
    config.update_from_flattened_dict({**_EVERY, **changes})
    batch = config.train.batch_size
    every = PHASE // 2 // batch
    config.update_from_flattened_dict(
        {
            "train.steps": images // batch,
            "log.every": 32,
            "samples.every": every,
            "checkpoint.every": every,
        }
    )
    if name in CELLS:
        _on_few_digits(config, CELLS[name], folder)
    return config


def _on_few_digits(config: ConfigDict, parts: frozenset[str], folder: Path) -> None:
    config.data.source = f"npz:{_few_digits(folder)}"
    with config.unlocked():
        config.model.update({"channel_base": 512, "channel_max": 32})
        config.recipe.augment = ConfigDict()
    if ADA in parts:
        # At most 0.64 in so few images: turned digits must not become digits.
        set_augment(config, "ada", pipe="bgc", target=0.6, kimg=100.0)
    if PATH not in parts:
        set_terms(config, "g", path_length={"penalty": "path_length", "weight": 0.0})


def _few_digits(folder: Path) -> Path:
    """The first digits of MNIST's training part, and all of its test part."""
    path = folder / f"mnist_{FEW}.npz"
    if not path.exists():
        arrays = {}
        for split, count in (("train", FEW), ("test", None)):
            source = open_source(f"builtin:mnist:{split}")
            arrays[f"x_{split}"] = source.arrays["image"][:count]
            arrays[f"y_{split}"] = source.arrays["label"][:count]
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **arrays)
    return path
