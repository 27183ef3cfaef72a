"""Class-conditional digits on a laptop, on the built-in MNIST.

DCGAN's networks (1511.06434) with the hinge loss and a spectrally normalised projection
discriminator (1802.05957, 1802.05637), which need a few minutes.

    gan-jax train --config configs/quickstart.py --workdir runs/quickstart

Hardware: 2 CPU cores. The README tells time and score of this very run.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_guards, set_optimizer, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """The README's run; variant "smoke" shrinks it."""
    config = default_config()
    config.method = "dcgan"
    set_options(config, width=32, kernel_size=4, d_norm="none")
    config.data.source = "builtin:mnist"
    config.data.num_classes = 10
    config.recipe.prior, config.recipe.latent_dim = "normal", 64
    config.recipe.loss, config.recipe.d_transform = "hinge", "spectral_norm"
    set_optimizer(config, "gd", "adam", learning_rate=1e-3, b1=0.5, b2=0.999)
    config.recipe.ema.half_life = 10_000.0
    config.train.batch_size, config.train.steps = 64, 3_000
    config.samples.every, config.samples.count, config.samples.columns = 500, 100, 10
    config.checkpoint.every = config.score.every = config.log.spectrum_every = 1_000
    config.score.samples = 5_000
    set_guards(config, "rollback", non_finite={}, sample_diversity={"minimum": 0.1})
    return shrink(config) if variant == "smoke" else config
