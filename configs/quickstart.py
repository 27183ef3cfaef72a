"""Class-conditional digits on a laptop: DCGAN (1511.06434) on the built-in MNIST.

    gan-jax train --config configs/quickstart.py --workdir runs/quickstart
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config


def get_config(variant: str = "") -> ConfigDict:
    """The README's run; variant "smoke" takes a minute."""
    config = default_config()
    config.method = "dcgan"
    with config.unlocked():
        config.model = ConfigDict({"width": 32, "kernel_size": 4})
    config.data.source = "builtin:mnist"
    config.data.num_classes = 10
    config.recipe.g_optimizer.name = "adam"
    config.recipe.d_optimizer.name = "adam"
    config.recipe.ema.half_life = 20_000.0
    config.recipe.latent_dim = 64
    config.recipe.prior = "normal"
    config.train.batch_size = 64
    config.train.steps = 4_000
    config.samples.every = 500
    config.samples.count = 100
    config.samples.columns = 10
    config.checkpoint.every = 1_000
    config.log.every = 50
    config.log.spectrum_every = 1_000
    config.score.every = 1_000
    config.score.samples = 5_000
    if variant == "smoke":
        config.train.steps = 20
        config.log.every = 10
        config.samples.every = 10
        config.checkpoint.every = 10
        config.score.every = 20
        config.score.samples = 500
        config.score.reference = 1_000
        config.log.spectrum_every = 10
    return config
