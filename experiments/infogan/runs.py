"""The runs of this study, as configs: InfoGAN with its information term and without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ml_collections import ConfigDict

from experiments.training import config_of, short
from gan_jax.config import set_options, set_terms

VALUES, CONTINUOUS, WIDTH, DENSE, BATCH, STEPS = 10, 2, 16, 512, 64, 8_000
"""VALUES: of the categorical code; CONTINUOUS: number of continuous codes; DENSE: units of
the dense layers."""
HALF_LIFE = 10_000.0
"""Of the generator's average, in images."""
SEEDS = (0, 1, 2)


class Kind(NamedTuple):
    """A kind of run.

    Attributes:
        title: on the page.
        informed: whether the generator's loss has the information term.
        dense: units of the dense layers, None for none.
    """

    title: str
    informed: bool = True
    dense: int | None = DENSE


INFORMED, BASELINE, PLAIN = "infogan", "baseline", "plain"
METHODS: Mapping[str, Kind] = {
    INFORMED: Kind("InfoGAN"),
    BASELINE: Kind("without the term", informed=False),
    PLAIN: Kind("without dense layers", dense=None),
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
    set_options(
        config,
        width=WIDTH,
        categories=(VALUES,),
        continuous=CONTINUOUS,
        dense=kind.dense,
    )
    config.recipe.ema.half_life = HALF_LIFE
    if not kind.informed:
        # Q learns as before, but the generator does not hear of it.
        set_terms(
            config,
            "g",
            categorical={"penalty": "categorical_information", "weight": 0.0},
            continuous={"penalty": "continuous_information", "weight": 0.0},
        )
    config.train.batch_size = BATCH
    return short(config, seed, STEPS, {"samples.count": 100, "samples.columns": 10})
