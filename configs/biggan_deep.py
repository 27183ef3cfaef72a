"""BigGAN-deep (1809.11096) on ImageNet.

    gan-jax train --config configs/biggan_deep.py --workdir runs/biggan_deep
    gan-jax train --config configs/biggan_deep.py:256 --workdir runs/biggan_deep_256

Hardware: 64 TPU v3 chips or more. Expected: FID / Inception Score 5.7 / 124.5 at 128
pixels, 6.9 / 171.4 at 256 and 7.5 / 152.8 at 512 in the paper.

The paper's settings: as BigGAN's, with 128 channels, latents of 128 at every block, and two
blocks at every resolution.
"""

from ml_collections import ConfigDict

from gan_jax.config import (
    default_config,
    set_ema,
    set_guards,
    set_optimizer,
    set_options,
    shrink,
)


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (128 pixels), "256", "512", "smoke"."""
    config = default_config()
    config.method = "biggan_deep"
    set_guards(config, "stop", non_finite={}, spectrum_growth={})
    size = int(variant) if variant.isdigit() else 128
    set_options(config, g_width=128, d_width=128, dtype="bfloat16")
    config.data.source, config.data.image_shape = "tfds:imagenet2012", (size, size, 3)
    config.data.num_classes, config.data.workers = 1000, 32
    config.recipe.prior, config.recipe.latent_dim, config.recipe.d_steps = "normal", 128, 2
    set_optimizer(config, "g", "adam", learning_rate=5e-5, b1=0.0)
    set_optimizer(config, "d", "adam", learning_rate=2e-4, b1=0.0)
    config.train.batch_size, config.train.steps = 2048, 150_000
    set_ema(config, decay=0.9999, start=20_000)
    if variant == "smoke":
        set_options(config, g_width=4, d_width=4, embedding=8)
        config.data.image_shape, config.data.num_classes = (32, 32, 3), 10
        config.data.workers, config.recipe.latent_dim = 0, 16
        config.score.every = 1
        return shrink(config, source="builtin:emoji_google", steps=4)
    # Explicit sums over devices: gradients once an update and in float32.
    config.parallel.mode = "shard_map"
    return config
