"""Least squares GAN (1611.04076) on LSUN bedrooms, on DCGAN's networks.

    gan-jax prepare-data --name lsun/bedroom
    gan-jax train --config configs/lsgan.py --workdir runs/lsgan
    gan-jax train --config configs/lsgan.py:cifar10 --workdir runs/lsgan_cifar10

Hardware: one GPU. Expected: the paper shows pictures only (112 pixels, VGG-like networks;
here DCGAN's at 64); a public benchmark reports FID 40.2 for LSGAN on CIFAR-10.

The paper's settings: targets a = 0, b = c = 1 (eq. 9), latents of 1024 dimensions, batch
64, Adam with beta1 0.5 and learning rate 1e-3 for scenes (2e-4 on CIFAR-10 here).
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_optimizer, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (LSUN bedrooms), "cifar10", "smoke"."""
    config = default_config()
    config.method = "lsgan"
    set_options(config, width=64, kernel_size=5)
    config.recipe.prior, config.recipe.latent_dim = "uniform", 1024
    set_optimizer(config, "gd", "adam", learning_rate=1e-3, b1=0.5, b2=0.999)
    config.data.source, config.data.image_shape = "tfds:lsun/bedroom", (64, 64, 3)
    config.train.batch_size, config.train.steps = 64, 120_000
    if variant in ("cifar10", "smoke"):
        config.data.source, config.data.image_shape = "tfds:cifar10", (32, 32, 3)
        config.data.flip = True
        set_optimizer(config, "gd", "adam", learning_rate=2e-4)
    config.score.every = 10_000
    if variant == "smoke":
        set_options(config, width=8, kernel_size=5)
        return shrink(config, source="builtin:emoji_google")
    return config
