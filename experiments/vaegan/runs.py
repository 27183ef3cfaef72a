"""The runs of this study, as configs: VAE/GAN and a VAE of its size, three seeds each."""

from __future__ import annotations

from collections.abc import Mapping

from ml_collections import ConfigDict

from experiments.training import config_of, short
from gan_jax.config import set_optimizer

SEEDS = (0, 1, 2)
WIDTH, KERNEL, BATCH, STEPS, RATE = 16, 4, 32, 1_500, 1e-3

METHODS: Mapping[str, str] = {"vae": "VAE", "vaegan": "VAE/GAN"}
"""Titles on the page, by name."""


def make_config(name: str, seed: int) -> ConfigDict:
    """The config of a run.

    Args:
        name: in `METHODS`.
        seed: of weights, latents and the order of the data.
    """
    config = config_of("vaegan.py" if name == "vaegan" else f"vaegan.py:{name}")
    with config.unlocked():
        config.model.update({"width": WIDTH, "kernel_size": KERNEL})
    set_optimizer(config, "gd", "rmsprop", learning_rate=RATE, b2=0.9)
    config.train.batch_size = BATCH
    return short(config, seed, STEPS)
