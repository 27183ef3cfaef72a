"""The runs of this study, as configs: StarGAN between three styles of emoji, as published
and with CycleGAN's identity loss, three seeds each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from experiments.training import config_of, short
from gan_jax.config import set_falling, set_options

STYLES: Mapping[str, str] = {
    "Google": "emoji_google",
    "Twitter": "emoji_twitter",
    "Fluent": "emoji_fluent",
}
"""Built-in data by the titles of styles, in the order of their labels in the config."""
SEEDS = (0, 1, 2)
WIDTH, BLOCKS, D_WIDTH, D_LAYERS = 16, 3, 24, 4
BATCH, STEPS, RATE = 8, 2_000, 1e-3


class Method(NamedTuple):
    """A way to train.

    Attributes:
        title: on the page.
        options: of the method, other than sizes.
    """

    title: str
    options: Mapping[str, Any]


METHODS: Mapping[str, Method] = {
    "stargan": Method("StarGAN", {}),
    "identity": Method("with an identity loss", {"identity": 5.0}),
}


def make_config(name: str, seed: int) -> ConfigDict:
    """The config of a run.

    Args:
        name: in `METHODS`.
        seed: of weights, domains asked for and the order of the data.

    Raises:
        UserError: the repository's config files are not there.
    """
    config = config_of("stargan.py:emoji")
    sizes = {"width": WIDTH, "blocks": BLOCKS, "d_width": D_WIDTH, "d_layers": D_LAYERS}
    set_options(config, **sizes, **METHODS[name].options)
    config.train.batch_size = BATCH
    short(config, seed, STEPS)
    set_falling(config, "gd", "adam", learning_rate=RATE, b1=0.5, b2=0.999)
    return config
