"""DCGAN (1511.06434) as published: LSUN bedrooms at 64 pixels.

    gan-jax prepare-data --name lsun/bedroom          # 3 million images; or another set
    gan-jax train --config configs/dcgan.py --workdir runs/dcgan
    gan-jax train --config configs/dcgan.py:cifar10 --workdir runs/dcgan_cifar10

Hardware: one GPU. Expected: the paper shows pictures only; public reproductions reach FID
28.95 on CIFAR-10 at 32 pixels with a residual variant (28.12 in 1802.05957's comparison).

The paper's settings: z uniform on [-1, 1]^100, 1024 channels at 4 x 4, 5 x 5 windows, batch
128, Adam(2e-4, 0.5, 0.999), weights from N(0, 0.02), images scaled to [-1, 1].
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_optimizer, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (LSUN bedrooms), "cifar10", "smoke"."""
    config = default_config()
    config.method = "dcgan"
    set_options(config, width=128, kernel_size=5)
    config.recipe.prior, config.recipe.latent_dim = "uniform", 100
    set_optimizer(config, "gd", "adam", learning_rate=2e-4, b1=0.5, b2=0.999)
    config.data.source, config.data.image_shape = "tfds:lsun/bedroom", (64, 64, 3)
    config.train.batch_size, config.train.steps = 128, 120_000
    if variant in ("cifar10", "smoke"):
        config.data.source, config.data.image_shape = "tfds:cifar10", (32, 32, 3)
        config.data.flip = True
        config.train.steps = 100_000
    config.score.every = 10_000
    if variant == "smoke":
        set_options(config, width=8, kernel_size=5)
        return shrink(config, source="builtin:emoji_google")
    return config
