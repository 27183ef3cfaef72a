"""The runs of this study, as configs: InfoGAN with its information term and without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ml_collections import ConfigDict

from experiments.training import config_of, short
from gan_jax.config import set_options, set_terms

VALUES, CONTINUOUS, WIDTH, BATCH, STEPS = 10, 2, 16, 64, 5_000
"""VALUES: of the categorical code; CONTINUOUS: number of continuous codes."""
NOISE, PUBLISHED_NOISE = 16, 62
HALF_LIFE = 10_000.0
"""Of the generator's average, in images."""
SEEDS = (0, 1, 2)


class Kind(NamedTuple):
    """A kind of run.

    Attributes:
        title: on the page.
        informed: whether the generator's loss has the information term.
        noise: number of values; None for those of the config, `PUBLISHED_NOISE`.
        steps: of training.
    """

    title: str
    informed: bool = True
    noise: int | None = NOISE
    steps: int = STEPS


INFORMED, BASELINE, WIDE = "infogan", "baseline", "wide"
METHODS: Mapping[str, Kind] = {
    INFORMED: Kind("InfoGAN"),
    BASELINE: Kind("without the term", informed=False),
    WIDE: Kind(f"{PUBLISHED_NOISE} noise values", noise=None, steps=4_000),
}


def make_config(name: str, seed: int) -> ConfigDict:
    """The config of a run.

    Args:
        name: in `METHODS`.
        seed: of weights, latents and the order of the data.

    Raises:
        UserError: the repository's config files are not there.
    """
    config, kind = config_of("infogan.py"), METHODS[name]
    set_options(config, width=WIDTH, categories=(VALUES,), continuous=CONTINUOUS)
    config.recipe.ema.half_life = HALF_LIFE
    if kind.noise is not None:
        config.recipe.prior, config.recipe.latent_dim = "uniform", kind.noise
    if not kind.informed:
        # Q learns as before, but the generator does not hear of it.
        set_terms(
            config,
            "g",
            categorical={"penalty": "categorical_information", "weight": 0.0},
            continuous={"penalty": "continuous_information", "weight": 0.0},
        )
    config.train.batch_size = BATCH
    return short(config, seed, kind.steps, {"samples.count": 100, "samples.columns": 10})
