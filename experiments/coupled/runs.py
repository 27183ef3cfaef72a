"""The runs of this study, as configs: digits and either of two looks of them, tied and
untied, three seeds each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from experiments.training import config_of, short
from gan_jax.config import set_optimizer
from gan_jax.data.renderings import edges, inverted

SEEDS = (0, 1, 2)
G_WIDTH, D_WIDTH, BATCH, STEPS, RATE, HALF_LIFE = 16, 14, 32, 800, 1e-3, 3_200.0
"""HALF_LIFE: of the generators' averages, in images."""


class Method(NamedTuple):
    """A way of learning two domains.

    Attributes:
        title: on the page.
        look: of digits in the second domain.
        render: `(uint8 images) -> images` of that look.
        tied: whether weights are shared.
    """

    title: str
    look: str
    render: Callable[[np.ndarray], np.ndarray]
    tied: bool


METHODS: Mapping[str, Method] = {
    "inverted_tied": Method("CoGAN", "negatives", inverted, True),
    "inverted_untied": Method("untied", "negatives", inverted, False),
    "edges_tied": Method("CoGAN", "edges", edges, True),
    "edges_untied": Method("untied", "edges", edges, False),
}


def make_config(name: str, seed: int) -> ConfigDict:
    """The config of a run.

    Args:
        name: in `METHODS`.
        seed: of weights, latents and the order of the data.
    """
    method = METHODS[name]
    config = config_of("cogan.py:edges" if method.look == "edges" else "cogan.py")
    with config.unlocked():
        config.model.update({"g_width": G_WIDTH, "d_width": D_WIDTH})
        if not method.tied:
            config.model.update({"g_shared": 0, "d_shared": 0})
    set_optimizer(config, "gd", "adam", learning_rate=RATE, b1=0.5, b2=0.999)
    config.recipe.ema.half_life = HALF_LIFE
    config.train.batch_size = BATCH
    return short(config, seed, STEPS)
