"""The runs of this study, as configs: three methods, three seeds each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ml_collections import ConfigDict

from experiments.training import config_of, short
from gan_jax.config import set_optimizer

SEEDS = (0, 1, 2)
BATCH, STEPS, AUTOENCODER_STEPS, CODES_STEPS, GAN_STEPS = 250, 3_000, 1_000, 1_000, 1_500
EVERY, GAN_RATE, HALF_LIFE = 500, 5e-4, 25_000.0
"""EVERY: steps between checkpoints, at which the discrepancy is measured; HALF_LIFE: of the
generators' averages, in images."""

PIXELS, CODES = (2.0, 5.0, 10.0, 20.0, 40.0, 80.0), (1.0,)
"""s^2 of the kernels' Gaussians, of pixels in [0, 1] and of codes."""


class Method(NamedTuple):
    """A model of digits.

    Attributes:
        title: on the page.
        steps: of training, in all.
        first: step from which its samples mean something.
        published: its Parzen log-likelihood in the papers, and of which.
    """

    title: str
    steps: int
    first: int
    published: float
    paper: str


_LAST = AUTOENCODER_STEPS + CODES_STEPS
METHODS: Mapping[str, Method] = {
    "gmmn": Method("GMMN", STEPS, EVERY, 147.0, "1502.02761"),
    "gmmn_ae": Method("GMMN+AE", _LAST, AUTOENCODER_STEPS, 282.0, "1502.02761"),
    "gan": Method("GAN", GAN_STEPS, EVERY, 225.0, "1406.2661"),
}


def make_config(name: str, seed: int) -> ConfigDict:
    """The config of a run.

    Args:
        name: in `METHODS`.
        seed: of weights, latents and the order of the data.
    """
    method = METHODS[name]
    if name == "gan":
        config = config_of("gan.py:non_saturating")
        set_optimizer(config, "gd", "adam", learning_rate=GAN_RATE, b1=0.5, b2=0.999)
    else:
        config = config_of("gmmn.py:ae" if name == "gmmn_ae" else "gmmn.py")
        config.train.batch_size = BATCH
    if name == "gmmn_ae":
        config.stages = ({**config.stages[0], "until": AUTOENCODER_STEPS},)
    with config.unlocked():
        if name != "gan":
            config.model.squared_bandwidths = CODES if name == "gmmn_ae" else PIXELS
    config.recipe.ema.half_life = HALF_LIFE
    fields = {
        "samples.count": 100,
        "samples.columns": 10,
        "checkpoint.every": EVERY,
        "checkpoint.keep_last": method.steps // EVERY,
    }
    return short(config, seed, method.steps, fields)
