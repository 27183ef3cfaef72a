"""The runs of this study, as configs: SRGAN on emoji and on photos, three seeds each. The
network before the game, trained on pixels alone, is a run's checkpoint at its first stage's
end.
"""

from __future__ import annotations

from collections.abc import Mapping

from ml_collections import ConfigDict

from experiments.training import config_of, short

SEEDS = (0, 1, 2)
METHODS: Mapping[str, str] = {"emoji": "emoji", "photos": "photos"}
"""Titles on the page of what is enlarged, by name."""


def make_config(name: str, seed: int) -> ConfigDict:
    """The config of a run.

    Args:
        name: in `METHODS`.
        seed: of weights and the order of the data.
    """
    config = config_of(f"srgan.py:{name}")
    game = config.train.steps - pixel_steps(config)
    fields = {"checkpoint.every": game, "samples.every": game}
    return short(config, seed, config.train.steps, fields)


def pixel_steps(config: ConfigDict) -> int:
    """The step at which the squared error of pixels has been made small."""
    until: int = config.stages[0]["until"]
    return until
