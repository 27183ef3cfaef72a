"""Wasserstein GAN with gradient penalty (1704.00028): the residual networks on CIFAR-10.

    gan-jax prepare-data --name cifar10
    gan-jax train --config configs/wgan_gp.py --workdir runs/wgan_gp
    gan-jax train --config configs/wgan_gp.py:emoji --workdir runs/wgan_gp_emoji

Hardware: one GPU. Expected on CIFAR-10: FID 29.3 as cited for the method, 22.29 and
Inception Score 7.33 in a public reproduction with 50,000 samples.

The paper's settings: weight 10, five critic steps, Adam(1e-4, 0, 0.9), batch 64, linear
decay of the learning rate to 0 over 100,000 generator steps, critic without batch norm. The
authors' code for CIFAR-10 has no normalisation in the critic at all and a rate of 2e-4: the
variant "authors".
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_optimizer, set_options, set_terms, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (CIFAR-10), "authors", "emoji", "smoke"."""
    config = default_config()
    config.method = "wgan_gp"
    norm = "none" if variant == "authors" else "layer"
    set_options(config, g_width=128, d_width=128, d_norm=norm)
    set_terms(config, "d", gp={"penalty": "gradient_penalty", "weight": 10.0})
    config.recipe.d_steps = 5
    config.data.source, config.data.image_shape = "tfds:cifar10", (32, 32, 3)
    config.data.flip = True
    config.train.batch_size, config.train.steps = 64, 100_000
    rate = 2e-4 if variant == "authors" else 1e-4
    images = float(config.train.steps * config.train.batch_size)
    set_optimizer(
        config, "gd", "adam", learning_rate=rate, b1=0.0, b2=0.9, decay_from=0.0,
        decay_to=images,
    )  # fmt: skip
    config.score.every = 10_000
    if variant == "emoji":
        config.data.source = "builtin:emoji_google"
    if variant == "smoke":
        set_options(config, g_width=8, d_width=8, d_norm="layer")
        config.recipe.d_steps = 2
        return shrink(config, source="builtin:emoji_google", steps=4)
    return config
