"""The runs of this study, as configs, and what is compared in it."""

from __future__ import annotations

from ml_collections import ConfigDict

from experiments.training import short
from gan_jax.config import default_config, set_optimizer, set_options

SIDE, WIDTH, KERNEL, BATCH, STEPS, RATE = 32, 16, 4, 64, 2_000, 1e-3
METHODS = ("dcgan",)
SEEDS = (0, 1, 2)
"""Each of a network, of k-means, and of a draw of labels."""
GRID = 4
"""Side of the grids that the discriminator's activations are pooled to."""
CLASSES, LABELS = 10, (10, 100, 1_000)
"""LABELS: of each class, that a classifier learns from."""
STRENGTHS = (1e-3, 1e-2)
"""Candidates for the SVM's C."""


def run_name(seed: int) -> str:
    """Of the folder of a seed's run."""
    return f"dcgan_{seed}"


def make_config(name: str, seed: int) -> ConfigDict:
    """The config of a seed's run, which sees no labels.

    Args:
        name: in `METHODS`.
        seed: of weights, latents and the order of the data.
    """
    config = default_config()
    config.method = name
    set_options(config, width=WIDTH, kernel_size=KERNEL)
    set_optimizer(config, "gd", "adam", learning_rate=RATE, b1=0.5, b2=0.999)
    config.train.batch_size, config.data.image_shape = BATCH, (SIDE, SIDE, 1)
    return short(config, seed, STEPS)
