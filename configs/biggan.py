"""BigGAN (1809.11096) on ImageNet, CIFAR, and small on the built-in emoji.

    gan-jax train --config configs/biggan.py --workdir runs/biggan
    gan-jax train --config configs/biggan.py:authors --workdir runs/biggan_authors
    gan-jax train --config configs/biggan.py:cifar10 --workdir runs/biggan_cifar10
    gan-jax train --config configs/biggan.py:emoji --workdir runs/biggan_emoji

Hardware: ImageNet: 64 TPU v3 chips or more (`experiments/launch`); fewer chips hold the
batch of 2048 with --config.train.microbatches=N, which splits batch norm too. CIFAR: one
GPU. Emoji: 2 CPU cores, hours. Expected: FID / Inception Score 8.7 / 98.8 at 128 pixels,
8.7 / 142.3 at 256 and 8.1 / 144.2 at 512 in the paper, at the best point before training
collapses; 8.54 / 98.51 at 128 in a public reproduction; 4.16 / 9.96 on CIFAR-10 there.

"" to "512" are the paper's settings: batch 2048, two discriminator steps, Adam at 5e-5 and
2e-4, latents of 120, 140 and 160, average of the generator with 0.9999 a step from step
20,000 as in public code, modified orthogonal regularisation of the generator. "authors" is
the first author's PyTorch code: rates twice as high, one discriminator step, no
regularisation, Adam's epsilon 1e-6. "cifar10" and "cifar100" are that code's settings for
CIFAR-10: batch 50, four discriminator steps, rates of 2e-4, no shared embedding and no
hierarchical latent, weights from N(0, 0.02).
"""

from ml_collections import ConfigDict

from gan_jax.config import (
    default_config,
    set_ema,
    set_guards,
    set_optimizer,
    set_options,
    set_terms,
    shrink,
)

_LATENTS = {128: 120, 256: 140, 512: 160}


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (ImageNet at 128 pixels), "256", "512", "authors", "cifar10",
    "cifar100", "emoji", "smoke".
    """
    config = default_config()
    config.method = "biggan"
    set_guards(config, "stop", non_finite={}, spectrum_growth={})
    if variant in ("cifar10", "cifar100"):
        return _cifar(config, variant)
    if variant in ("emoji", "smoke"):
        return _emoji(config, variant)
    return _imagenet(config, variant)


def _imagenet(config: ConfigDict, variant: str) -> ConfigDict:
    size = int(variant) if variant.isdigit() else 128
    set_options(config, g_width=96, d_width=96, dtype="bfloat16")
    config.data.source, config.data.image_shape = "tfds:imagenet2012", (size, size, 3)
    config.data.num_classes, config.data.workers = 1000, 32
    config.recipe.prior, config.recipe.latent_dim = "normal", _LATENTS[size]
    config.train.batch_size, config.train.steps = 2048, 150_000
    set_ema(config, decay=0.9999, start=20_000)
    if variant == "authors":
        config.recipe.d_steps = 1
        set_terms(config, "g", ortho={"penalty": "orthogonal", "weight": 0.0})
        set_optimizer(config, "g", "adam", learning_rate=1e-4, b1=0.0, eps=1e-6)
        set_optimizer(config, "d", "adam", learning_rate=4e-4, b1=0.0, eps=1e-6)
    else:
        config.recipe.d_steps = 2
        set_optimizer(config, "g", "adam", learning_rate=5e-5, b1=0.0)
        set_optimizer(config, "d", "adam", learning_rate=2e-4, b1=0.0)
    config.checkpoint.every = config.samples.every = 1_000
    # Explicit sums over devices: gradients once an update and in float32.
    config.parallel.mode = "shard_map"
    return config


def _cifar(config: ConfigDict, variant: str) -> ConfigDict:
    set_options(
        config,
        g_width=64,
        d_width=64,
        embedding=None,
        hierarchical=False,
        kernel_init="normal",
    )
    config.data.source, config.data.image_shape = f"tfds:{variant}", (32, 32, 3)
    config.data.num_classes = 10 if variant == "cifar10" else 100
    config.data.flip = True
    config.recipe.prior, config.recipe.latent_dim, config.recipe.d_steps = "normal", 128, 4
    set_terms(config, "g", ortho={"penalty": "orthogonal", "weight": 0.0})
    set_optimizer(config, "gd", "adam", learning_rate=2e-4, b1=0.0)
    config.train.batch_size, config.train.steps = 50, 125_000
    set_ema(config, decay=0.9999, start=1_000)
    config.score.every = 5_000
    return config


def _emoji(config: ConfigDict, variant: str) -> ConfigDict:
    """As on CIFAR, with a shared embedding and a hierarchical latent."""
    set_options(config, g_width=32, d_width=32, embedding=32)
    config.data.source, config.data.image_shape = "builtin:emoji_google", (32, 32, 3)
    config.data.num_classes = 10
    config.recipe.prior, config.recipe.latent_dim, config.recipe.d_steps = "normal", 80, 2
    set_optimizer(config, "gd", "adam", learning_rate=2e-4, b1=0.0)
    config.train.batch_size, config.train.steps = 32, 10_000
    set_ema(config, decay=0.999, start=500)
    config.score.every = 1_000
    if variant == "smoke":
        set_options(config, g_width=4, d_width=4, embedding=8)
        return shrink(config, steps=4)
    return config
