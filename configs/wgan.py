"""Wasserstein GAN with clipped weights (1701.07875) on LSUN bedrooms.

    gan-jax prepare-data --name lsun/bedroom
    gan-jax train --config configs/wgan.py --workdir runs/wgan
    gan-jax train --config configs/wgan.py:cifar10 --workdir runs/wgan_cifar10

Hardware: one GPU. Expected: the paper shows curves of the critic's estimate and pictures; a
public benchmark reports FID 107.7 for clipped weights on CIFAR-10.

The paper's settings: RMSProp 5e-5, clipping to 0.01, five critic steps, batch 64. As in the
authors' code the critic takes 100 steps for each of the first 25 generator steps; its 100
steps at every later 500th generator step are left out.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_optimizer, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (LSUN bedrooms), "cifar10", "smoke"."""
    config = default_config()
    config.method = "wgan"
    set_options(config, width=64, kernel_size=4)
    config.recipe.prior, config.recipe.latent_dim = "normal", 100
    set_optimizer(config, "g", "rmsprop", learning_rate=5e-5, b2=0.99)
    set_optimizer(config, "d", "rmsprop", learning_rate=5e-5, b2=0.99, box=0.01)
    config.recipe.d_steps = 5
    config.stages = ({"until": 25, "d_steps": 100},)
    config.data.source, config.data.image_shape = "tfds:lsun/bedroom", (64, 64, 3)
    config.train.batch_size, config.train.steps = 64, 100_000
    if variant in ("cifar10", "smoke"):
        config.data.source, config.data.image_shape = "tfds:cifar10", (32, 32, 3)
        config.data.flip = True
    config.score.every = 10_000
    if variant == "smoke":
        set_options(config, width=8, kernel_size=4)
        config.recipe.d_steps, config.stages = 1, ({"until": 2, "d_steps": 2},)
        return shrink(config, source="builtin:emoji_google", steps=4)
    return config
