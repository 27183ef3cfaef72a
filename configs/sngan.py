"""Spectrally normalised GAN (1802.05957): the residual networks on CIFAR-10.

    gan-jax prepare-data --name cifar10
    gan-jax train --config configs/sngan.py --workdir runs/sngan
    gan-jax train --config configs/sngan.py:conditional --workdir runs/cgan_projection
    gan-jax train --config configs/sngan.py:emoji --workdir runs/sngan_emoji

Hardware: one GPU. Expected on CIFAR-10, unconditional: FID 21.7 and Inception Score 8.22 in
the paper (10,000 / 5,000 images), 16.77 and 7.97 in a public reproduction with 50,000.
Conditional, with projection (1802.05637): FID 17.5 in the paper, 10.84 reproduced.

The paper's settings: hinge, one power iteration per discriminator step, five discriminator
steps, Adam(2e-4, 0, 0.9), batch 64 with 128 generated images in the generator's phase,
linear decay to 0 over 50,000 generator steps, no average of the generator.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_optimizer, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (CIFAR-10), "conditional", "emoji" (conditional), "smoke"."""
    config = default_config()
    config.method = "sngan"
    set_options(config, g_width=256, d_width=128)
    config.recipe.d_steps, config.recipe.fakes_per_real = 5, 2
    config.data.source, config.data.image_shape = "tfds:cifar10", (32, 32, 3)
    config.data.flip = True
    config.train.batch_size, config.train.steps = 64, 50_000
    images = float(config.train.steps * config.train.batch_size)
    set_optimizer(
        config, "gd", "adam", learning_rate=2e-4, b1=0.0, b2=0.9, decay_from=0.0,
        decay_to=images,
    )  # fmt: skip
    config.score.every = 5_000
    if variant in ("conditional", "emoji", "smoke"):
        config.data.num_classes = 10
    if variant == "emoji":
        config.data.source = "builtin:emoji_google"
    if variant == "smoke":
        set_options(config, g_width=8, d_width=8)
        config.recipe.d_steps = 2
        return shrink(config, source="builtin:emoji_google", steps=4)
    return config
