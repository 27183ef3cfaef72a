"""Geometric GAN (1705.02894): hinge losses on DCGAN's networks, CIFAR-10.

    gan-jax prepare-data --name cifar10
    gan-jax train --config configs/geometric_gan.py --workdir runs/geometric_gan

Hardware: one GPU. Expected: the paper shows pictures.

The paper's settings: RMSprop with learning rate 2e-4, batch 64, one step each.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_optimizer, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "", "smoke"."""
    config = default_config()
    config.method = "geometric_gan"
    set_options(config, width=64, kernel_size=5)
    config.recipe.prior, config.recipe.latent_dim = "normal", 100
    set_optimizer(config, "gd", "rmsprop", learning_rate=2e-4, b2=0.99)
    config.data.source, config.data.image_shape = "tfds:cifar10", (32, 32, 3)
    config.data.flip = True
    config.train.batch_size, config.train.steps = 64, 100_000
    config.score.every = 10_000
    if variant == "smoke":
        set_options(config, width=8, kernel_size=5)
        return shrink(config, source="builtin:emoji_google")
    return config
