"""The runs of this study, as configs: three games of pairs, three seeds each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from experiments.training import config_of, short
from gan_jax.config import set_optimizer

SEEDS = (0, 1, 2)
HALF_LIFE = 10_000.0
"""Of the averages of generator and encoder, in images."""
REGRESSION_STEPS, REGRESSION_BATCH, REGRESSION_RATE = 2_000, 64, 1e-3
"""Of the encoders that are trained to find z from G(z), after the games."""


class Method(NamedTuple):
    """A game with an encoder.

    Attributes:
        title: on the page.
        config: in `configs`.
        steps: of training.
        batch: examples in a step.
        rates: Adam's, of generator, encoder and discriminator.
        b1: Adam's.
        model: changes of the networks.
    """

    title: str
    config: str
    steps: int
    batch: int
    rates: tuple[float, float, float]
    b1: float
    model: Mapping[str, Any]


_MLP = {f"{net}_features": (512, 512) for net in "ged"}
METHODS: Mapping[str, Method] = {
    "bigan": Method("BiGAN", "bigan.py", 4_000, 128, (1e-3,) * 3, 0.5, _MLP),
    "ali": Method(
        "ALI",
        "bigan.py:ali",
        2_500,
        64,
        (5e-4,) * 3,
        0.5,
        {"width": 16, "kernel_size": 4, "code_features": (128,), "features": (256,)},
    ),
    "bigbigan": Method(
        "BigBiGAN",
        "bigbigan.py:mnist",
        5_000,
        32,
        (4e-4, 1.6e-3, 1.6e-3),
        0.0,
        {"g_width": 8, "d_width": 4, "score_units": 128, "encoder_width": 8,
         "encoder_units": 128, "reduce": True},
    ),
}  # fmt: skip


def make_config(name: str, seed: int) -> ConfigDict:
    """The config of a run.

    Args:
        name: in `METHODS`.
        seed: of weights, latents and the order of the data.

    Raises:
        UserError: the repository's config files are not there.
    """
    method = METHODS[name]
    config = config_of(method.config)
    with config.unlocked():
        config.model.update(method.model)
    for player, rate in zip("ged", method.rates, strict=True):
        set_optimizer(config, player, "adam", learning_rate=rate, b1=method.b1, b2=0.999)
    config.train.batch_size = method.batch
    return short(config, seed, method.steps, {"recipe.ema.half_life": HALF_LIFE})
