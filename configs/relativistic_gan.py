"""Relativistic GANs (1807.00734) on CIFAR-10: real against generated, not against a label.

    gan-jax prepare-data --name cifar10
    gan-jax train --config configs/relativistic_gan.py --workdir runs/rasgan
    gan-jax train --config configs/relativistic_gan.py:rahinge --workdir runs/rahinge

Hardware: one GPU. Expected: the paper compares the losses by FID on CIFAR-10 with networks
of its own.

The paper's settings: Adam(2e-4, 0.5, 0.999), batch 32, one discriminator step. Its
networks have spectral normalisation; these are DCGAN's with batch norm.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_optimizer, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (RaSGAN), "rsgan", "ralsgan", "rahinge", "smoke"."""
    config = default_config()
    config.method = "rsgan" if variant == "rsgan" else "rasgan"
    if variant in ("ralsgan", "rahinge"):
        config.recipe.loss = variant
    set_options(config, width=64, kernel_size=4)
    config.recipe.prior, config.recipe.latent_dim = "normal", 128
    set_optimizer(config, "gd", "adam", learning_rate=2e-4, b1=0.5, b2=0.999)
    config.data.source, config.data.image_shape = "tfds:cifar10", (32, 32, 3)
    config.data.flip = True
    config.train.batch_size, config.train.steps = 32, 100_000
    config.score.every = 10_000
    if variant == "smoke":
        set_options(config, width=8, kernel_size=4)
        return shrink(config, source="builtin:emoji_google")
    return config
