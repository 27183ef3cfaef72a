"""The runs of this study, as configs: six methods, three seeds each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ml_collections import ConfigDict

from experiments.training import short
from gan_jax.config import default_config, set_optimizer, set_options

CLASSES, WIDTH, KERNEL, BATCH, STEPS = 10, 16, 4, 64, 4_000
SEEDS = (0, 1, 2)
RATE, HALF_LIFE = 1e-3, 10_000.0
"""RATE: of Adam, by default; HALF_LIFE: of the generator's average, in images."""
SCORE_EVERY, CURVE_SAMPLES = 250, 1_000
CHANCE = "unconditional"


class Method(NamedTuple):
    """A way in which labels enter.

    Attributes:
        title: on the page.
        method: its name in the config.
        conditional: whether it takes labels.
        spectral: whether it has projection's own recipe (1802.05637): hinge losses, and
            spectral norm in place of batch norm in the discriminator.
        rate: of Adam, for both players.
        steps: of training.
    """

    title: str
    method: str
    conditional: bool = True
    spectral: bool = False
    rate: float = RATE
    steps: int = STEPS


METHODS: Mapping[str, Method] = {
    "cgan": Method("CGAN", "cgan"),
    # At RATE it has collapsed to one image a class by step 4,000.
    "hidden": Method("hidden concatenation", "hidden_cgan", rate=3e-4, steps=6_000),
    "acgan": Method("ACGAN", "acgan"),
    "projection": Method("projection", "dcgan"),
    "spectral": Method("projection with spectral norm", "dcgan", spectral=True),
    CHANCE: Method(CHANCE, "dcgan", conditional=False),
}


def make_config(name: str, seed: int) -> ConfigDict:
    """The config of a run.

    Args:
        name: in `METHODS`.
        seed: of weights, latents and the order of the data.
    """
    config, method = default_config(), METHODS[name]
    config.method = method.method
    set_options(config, width=WIDTH, kernel_size=KERNEL)
    set_optimizer(config, "gd", "adam", learning_rate=method.rate, b1=0.5, b2=0.999)
    config.recipe.ema.half_life = HALF_LIFE
    if method.spectral:
        set_options(config, width=WIDTH, kernel_size=KERNEL, d_norm="none")
        config.recipe.loss, config.recipe.d_transform = "hinge", "spectral_norm"
    if method.conditional:
        config.data.num_classes = CLASSES
    config.train.batch_size = BATCH
    fields = {
        "samples.count": 10 * CLASSES,
        "samples.columns": CLASSES,
        "score.every": SCORE_EVERY if method.conditional else 0,
        "score.samples": CURVE_SAMPLES,
        "score.measures": ("recognition",),
    }
    return short(config, seed, method.steps, fields)
