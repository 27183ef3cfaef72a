"""The runs of this study, as configs: translators of emoji, three seeds each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from experiments.training import config_of, short
from gan_jax.config import set_falling, set_options

SIDE, WIDTH, BLOCKS, BATCH, RATE = 32, 12, 3, 4, 1e-3
"""SIDE: of images, in pixels. RATE: five times the published one, for so short runs."""
SEEDS = (0, 1, 2)
FIRST, SECOND = "emoji_google", "emoji_twitter"
"""The built-in styles from which and to which emoji are translated."""
_RESNET = {"width": WIDTH, "blocks": BLOCKS, "d_width": 2 * WIDTH, "d_layers": 2}


class Method(NamedTuple):
    """A way to translate.

    Attributes:
        title: on the page.
        config: file and variant.
        options: of its networks and losses.
        steps: of training.
        batch: examples of each domain a step.
        rate: Adam's, for half of the run, falling to 0 over the other; None: the config's.
    """

    title: str
    config: str
    options: Mapping[str, Any]
    steps: int = 3_000
    batch: int = BATCH
    rate: float | None = RATE


PAIRED = "pix2pix"
METHODS: Mapping[str, Method] = {
    "cyclegan": Method("CycleGAN", "cyclegan.py:emoji", _RESNET),
    "no_identity": Method(
        "without identity", "cyclegan.py:emoji", {**_RESNET, "identity": 0.0}
    ),
    "no_cycle": Method(
        "without cycles", "cyclegan.py:emoji", {**_RESNET, "cycle": 0.0, "identity": 0.0}
    ),
    "discogan": Method(
        "DiscoGAN",
        "discogan.py:emoji",
        {"width": WIDTH, "levels": 3, "curriculum": 32_000},
        steps=2_500,
        batch=32,
        rate=None,
    ),
    PAIRED: Method(
        "pix2pix, from pairs",
        "pix2pix.py:emoji",
        {"width": WIDTH, "levels": 5, "d_width": 2 * WIDTH, "d_layers": 2},
    ),
}


def make_config(name: str, seed: int) -> ConfigDict:
    """The config of a run.

    Args:
        name: in `METHODS`.
        seed: of weights and the order of the data.

    Raises:
        UserError: the repository's config files are not there.
    """
    method = METHODS[name]
    config = config_of(method.config)
    set_options(config, **method.options)
    config.train.batch_size = method.batch
    short(config, seed, method.steps)
    if method.rate is not None:
        set_falling(config, "gd", "adam", learning_rate=method.rate, b1=0.5, b2=0.999)
    return config
