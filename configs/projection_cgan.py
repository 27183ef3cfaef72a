"""Projection discriminator (1802.05637) on ImageNet and CIFAR-10.

    gan-jax train --config configs/projection_cgan.py --workdir runs/projection
    gan-jax train --config configs/projection_cgan.py:cifar10 --workdir runs/projection_32

Hardware: ImageNet: 4 GPUs, weeks; CIFAR-10: one GPU. Expected on ImageNet at 128 pixels:
Inception Score 29.7 after 450,000 generator steps and 36.8 after 850,000, intra-class FID
103.1 and 92.4; on CIFAR-10 FID 17.5 in the paper, 10.84 in a public reproduction.

The authors' settings: hinge, five discriminator steps, Adam(2e-4, 0, 0.9), batch 64 on
ImageNet (32 of them generated on each of 4 GPUs), linear decay to 0 over the last 50,000 of
450,000 steps; on CIFAR-10 as SNGAN, with 128 generated images in the generator's phase.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_optimizer, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (ImageNet at 128 pixels), "cifar10", "smoke"."""
    config = default_config()
    config.method = "projection_cgan"
    config.recipe.d_steps, config.recipe.fakes_per_real = 5, 2
    config.train.batch_size = 64
    if variant == "":
        set_options(config, g_width=64, d_width=64)
        config.data.source, config.data.image_shape = "tfds:imagenet2012", (128, 128, 3)
        config.data.num_classes, config.data.workers = 1000, 16
        config.train.steps, falling = 450_000, 50_000
    else:
        set_options(config, g_width=256, d_width=128)
        config.data.source, config.data.image_shape = "tfds:cifar10", (32, 32, 3)
        config.data.num_classes, config.data.flip = 10, True
        config.train.steps, falling = 50_000, 50_000
        config.score.every = 5_000
    end = float(config.train.steps * config.train.batch_size)
    begin = end - float(falling * config.train.batch_size)
    set_optimizer(
        config, "gd", "adam", learning_rate=2e-4, b1=0.0, b2=0.9, decay_from=begin,
        decay_to=end,
    )  # fmt: skip
    if variant == "smoke":
        set_options(config, g_width=8, d_width=8)
        config.recipe.d_steps = 2
        return shrink(config, source="builtin:emoji_google", steps=4)
    return config
