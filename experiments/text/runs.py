"""The runs of this study, as configs: three methods on two kinds of data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from experiments.text.oracle import LENGTH, WORDS, write_data
from experiments.training import config_of, short
from gan_jax.config import set_ema, set_optimizer, set_options

SEEDS = (0, 1, 2)
LIKELIHOOD, ALONE, BOTH, EVERY = 2_000, 200, 400, 100
"""Steps of maximum likelihood, of the discriminator alone, of both; between checkpoints."""
STEPS = LIKELIHOOD + ALONE + BOTH
MEASURED = (*range(400, LIKELIHOOD, 400), *range(LIKELIHOOD, STEPS + 1, EVERY))
"""Steps at which runs are measured."""
ROLLOUTS, D_STEPS = 4, 5
FIRST_RATE, RATE, D_RATE = 1e-2, 1e-3, 1e-3
"""Adam's, of the generator in maximum likelihood, as in the authors' code, and after it; of
the discriminator."""
TEMPERATURES = (1.0, 0.5)
WINDOWS = ((1, 32), (2, 64), (3, 64), (4, 32), (5, 32))
SEQUENCES = Path("runs/text/oracle")
"""Where the oracle's sequences are written to."""


class Training(NamedTuple):
    """How a generator of texts is trained.

    Attributes:
        title: on the page.
        config: of the repository.
        stages: that come before its last, with the steps at which they end.
    """

    title: str
    config: str
    stages: tuple[tuple[str, int], ...]


_FIRST = (("likelihood", LIKELIHOOD),)
TRAININGS: Mapping[str, Training] = {
    "likelihood": Training("maximum likelihood", "seqgan.py:names", ()),
    "seqgan": Training(
        "SeqGAN", "seqgan.py:names", (*_FIRST, ("discriminator", LIKELIHOOD + ALONE))
    ),
    "gumbel_gan": Training("Gumbel-softmax GAN", "gumbel_gan.py", _FIRST),
}
DATA = ("oracle", "names")
METHODS = {f"{data}_{name}": (data, name) for data in DATA for name in TRAININGS}
"""Data and training of every run, by its name."""


def _stage(stage: str, until: int) -> dict[str, Any]:
    """A stage before the last, as a config lists it."""
    entry: dict[str, Any] = {"until": until, "model": {"stage": stage}}
    if stage == "likelihood":
        entry["g_optimizer"] = {"learning_rate": FIRST_RATE}
    return entry


def make_config(name: str, seed: int) -> ConfigDict:
    """The config of a run; writes the oracle's sequences where they are missing.

    Args:
        name: in `METHODS`.
        seed: of weights, draws and the order of the data.
    """
    data, how = METHODS[name]
    training = TRAININGS[how]
    config = config_of(training.config)
    batch = config.train.batch_size
    options: dict[str, Any] = {"windows": WINDOWS, "full": data == "oracle", "hidden": 32}
    if how == "gumbel_gan":
        options["temperatures"] = TEMPERATURES
        options["annealing"] = (float(batch * LIKELIHOOD), float(batch * STEPS))
    else:
        options["rollouts"] = ROLLOUTS
    if how == "likelihood":
        options["stage"] = "likelihood"
    set_options(config, **options)
    config.stages = tuple(_stage(stage, until) for stage, until in training.stages)
    rate = RATE if training.stages else FIRST_RATE
    set_optimizer(config, "g", "adam", learning_rate=rate, b1=0.9, b2=0.999)
    config.recipe.d_steps = D_STEPS
    set_optimizer(config, "d", "adam", learning_rate=D_RATE, b1=0.9, b2=0.999)
    set_ema(config, 0.8, start=LIKELIHOOD + ALONE)
    if data == "oracle":
        config.data.source = f"words:{write_data(SEQUENCES.resolve())}"
        config.data.image_shape = (LENGTH, WORDS + 1)
    fields = {
        "samples.count": 100,
        "checkpoint.every": EVERY,
        "checkpoint.keep_last": STEPS // EVERY,
    }
    return short(config, seed, STEPS, fields)
