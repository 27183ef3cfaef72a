"""Eight Gaussians on a circle: the toy on which mode collapse is studied (1611.02163).

    gan-jax train --config configs/ring.py --workdir runs/ring

Hardware: 2 CPU cores, about a minute. Samples are scatter plots; the score counts the modes
found and the share of samples within three standard deviations of one.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_optimizer, set_options, set_terms, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (non-saturating with R1), "plain" (without), "smoke"."""
    config = default_config()
    config.method = "ns_gan"
    config.data.source = "synthetic:ring"
    set_options(config, g_features=(128, 128), d_features=(128, 128))
    config.recipe.prior, config.recipe.latent_dim = "normal", 2
    set_optimizer(config, "gd", "adam", learning_rate=1e-3, b1=0.5, b2=0.999)
    if variant != "plain":
        set_terms(config, "d", r1={"penalty": "r1", "weight": 0.1})
    config.recipe.ema.half_life = 50_000.0
    config.train.batch_size, config.train.steps = 256, 20_000
    config.train.steps_per_dispatch = 100
    config.log.every, config.log.spectrum_every = 500, 5_000
    config.samples.count = 1_000
    config.samples.every = config.checkpoint.every = config.score.every = 5_000
    if variant == "smoke":
        return shrink(config, steps=100)
    return config
