"""Self-attention GAN (1805.08318) on ImageNet, CIFAR-10 and the built-in emoji.

    gan-jax train --config configs/sagan.py --workdir runs/sagan
    gan-jax train --config configs/sagan.py:emoji --workdir runs/sagan_emoji

Hardware: ImageNet: 4 GPUs or more; CIFAR-10: one GPU; emoji: 2 CPU cores, hours. Expected:
FID 18.65 and Inception Score 52.52 on ImageNet at 128 pixels in the paper; 10.35 and 8.64
on CIFAR-10 in a public reproduction.

The paper's settings: hinge, spectral norm of both players, Adam(1e-4 and 4e-4, 0, 0.9), one
discriminator step, batch 256, attention to 32 x 32 of both networks. Public code for
CIFAR-10 has batch 64, five discriminator steps and rates of 2e-4: the variant "cifar10".
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_ema, set_optimizer, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (ImageNet at 128 pixels), "cifar10", "emoji", "smoke"."""
    config = default_config()
    config.method = "sagan"
    if variant == "":
        set_options(config, g_width=64, d_width=64)
        config.data.source, config.data.image_shape = "tfds:imagenet2012", (128, 128, 3)
        config.data.num_classes, config.data.workers = 1000, 16
        set_optimizer(config, "g", "adam", learning_rate=1e-4, b1=0.0, b2=0.9)
        set_optimizer(config, "d", "adam", learning_rate=4e-4, b1=0.0, b2=0.9)
        config.train.batch_size, config.train.steps = 256, 1_000_000
        set_ema(config, decay=0.999)
        return config
    set_options(config, g_width=256, d_width=128)
    config.data.source, config.data.image_shape = "tfds:cifar10", (32, 32, 3)
    config.data.num_classes, config.data.flip = 10, True
    config.recipe.d_steps = 5
    set_optimizer(config, "gd", "adam", learning_rate=2e-4, b1=0.0, b2=0.9)
    config.train.batch_size, config.train.steps = 64, 100_000
    config.score.every = 5_000
    if variant in ("emoji", "smoke"):
        config.data.source, config.data.flip = "builtin:emoji_google", False
        set_options(config, g_width=64, d_width=64)
        config.recipe.d_steps, config.train.steps = 2, 10_000
        set_ema(config, decay=0.999)
    if variant == "smoke":
        set_options(config, g_width=8, d_width=8)
        return shrink(config, steps=4)
    return config
