"""The runs of this study, as configs: two variants, two numbers of labels."""

from __future__ import annotations

from collections.abc import Mapping

from ml_collections import ConfigDict

from experiments.training import config_of, short
from gan_jax.config import set_optimizer

CLASSES, STEPS, EVERY = 10, 4_000, 500
"""EVERY: steps after which test accuracy is taken."""
G_FEATURES, D_FEATURES = (256, 256), (500, 250, 250)
LABELS, SEEDS = (100, 1000), (0, 1, 2)

MATCHING, MINIBATCH, ALONE = "matching", "minibatch", "alone"
NAMES: Mapping[str, str] = {
    MATCHING: "feature matching",
    MINIBATCH: "minibatch discrimination",
    ALONE: "labels alone",
}
"""Variants, and what they are called on the page; `ALONE` has no generator."""
GANS = (MATCHING, MINIBATCH)
CELLS = (
    *((name, labels) for name in (MATCHING, ALONE) for labels in LABELS),
    (MINIBATCH, LABELS[0]),
)
"""Variants and numbers of labels that there are runs of."""
BATCHES: Mapping[str, int] = {MATCHING: 100, MINIBATCH: 50, ALONE: 100}
"""Examples of each kind in a step; comparing all pairs of a batch takes long on a CPU."""
MINIBATCH_RATES: Mapping[str, float] = {"d": 3e-4, "g": 1e-3}
"""Of Adam. In the authors' code both are 3e-4 and the generator moves three times as often;
at 3e-3, the rate of feature matching, it loses."""


def make_config(name: str, labels: int, seed: int) -> ConfigDict:
    """The config of a run.

    Args:
        name: in `NAMES`; `ALONE` has the config of `MATCHING`, of whose game it plays the
            supervised part.
        labels: of the training digits, as many of each class.
        seed: of weights, latents, the order of the data, and which labels are seen.

    Raises:
        UserError: the repository's config files are not there.
    """
    variant = ":minibatch" if name == MINIBATCH else ""
    config = config_of(f"semi_supervised_gan.py{variant}")
    with config.unlocked():
        config.model.update({"g_features": G_FEATURES, "d_features": D_FEATURES})
    if name == MINIBATCH:
        for player, rate in MINIBATCH_RATES.items():
            set_optimizer(config, player, "adam", learning_rate=rate, b1=0.5, b2=0.999)
    fields = {
        "data.labelled": labels,
        "train.batch_size": BATCHES[name],
        "samples.count": 100,
        "samples.columns": 10,
        "checkpoint.every": EVERY,
        "checkpoint.keep_last": STEPS // EVERY,
    }
    return short(config, seed, STEPS, fields)
