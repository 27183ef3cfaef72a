"""ProGAN (1710.10196): growing to 256 or 1024 pixels on CelebA-HQ, to 32 on CIFAR-10, and
small on the built-in emoji.

    gan-jax train --config configs/progan.py --workdir runs/progan
    gan-jax train --config configs/progan.py:celebahq1024 --workdir runs/progan_1024
    gan-jax train --config configs/progan.py:cifar10 --workdir runs/progan_cifar10
    gan-jax train --config configs/progan.py:emoji --workdir runs/progan_emoji

Hardware: CelebA-HQ: 8 GPUs, days; CIFAR-10: one GPU. Emoji: 2 CPU cores, hours. Expected:
FID 7.30 on CelebA-HQ at 1024 pixels and Inception Score 8.80 on CIFAR-10 in the paper.
CelebA-HQ is read from the folder CelebA-HQ; --config.data.source=folder:DIR names another.

The paper's settings: WGAN-GP with weight 10, drift of 1e-3, one discriminator step,
Adam(1e-3, 0, 0.99) that forgets its moments at each stage, 600,000 images for a stage to
fade in and as many to settle, 12 million in all, an average with 0.999 a step; from the
authors' code rates 1.5, 2 and 3 times as high from 128, 256 and 512 pixels on. On CIFAR-10
the slope wanted is 750, with the penalty divided by its square (appendix A.3).

The batch is 16 in all stages, where the paper ends with 3 images at 1024 pixels.
--config.model.fade_images and --config.model.stable_images set the lengths of the phases.
"""

from ml_collections import ConfigDict

from gan_jax.config import (
    default_config,
    set_ema,
    set_optimizer,
    set_options,
    set_terms,
    shrink,
)

_RATES = ((128, 1.5), (256, 2.0), (512, 3.0))
_PHASES = {"fade_images": 600_000, "stable_images": 600_000}
_SHORT = {"fade_images": 20_000, "stable_images": 20_000}
# Options, side, source, latents, images, wanted slope.
_SETTINGS = {
    "": ({**_PHASES, "rates": _RATES}, 256, "folder:CelebA-HQ", 512, 12_000_000, 1.0),
    "celebahq1024": (
        {**_PHASES, "rates": _RATES}, 1024, "folder:CelebA-HQ", 512, 12_000_000, 1.0,
    ),
    "cifar10": (_PHASES, 32, "tfds:cifar10", 512, 12_000_000, 750.0),
    "emoji": (
        {**_SHORT, "base": 512, "most": 64}, 32, "builtin:emoji_google", 64, 240_000, 1.0,
    ),
    "smoke": (
        {"fade_images": 16, "stable_images": 16, "base": 64, "most": 8}, 32,
        "builtin:emoji_google", 8, 240_000, 1.0,
    ),
}  # fmt: skip


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (CelebA-HQ at 256 pixels), "celebahq1024", "cifar10", "emoji",
    "smoke".
    """
    config = default_config()
    config.method = "progan"
    options, side, source, latents, images, slope = _SETTINGS[variant]
    set_options(config, **options)
    config.data.source, config.data.image_shape = source, (side, side, 3)
    config.data.flip = source == "folder:CelebA-HQ"
    config.data.num_classes = 10 if variant == "emoji" else None
    config.recipe.prior, config.recipe.latent_dim = "hypersphere", latents
    set_optimizer(config, "gd", "adam", learning_rate=1e-3, b1=0.0, b2=0.99)
    penalty = {"penalty": "gradient_penalty", "weight": 10.0 / slope**2, "target": slope}
    set_terms(config, "d", gp=penalty, drift={"penalty": "drift", "weight": 1e-3})
    config.train.batch_size, config.train.steps = 16, images // 16
    set_ema(config, decay=0.999)
    if variant == "emoji":  # Short stages: what is averaged must be of the stage.
        set_optimizer(config, "gd", "adam", learning_rate=2e-3)
        config.recipe.ema.half_life = 2_000.0
        config.score.every = 1_000
    if variant == "smoke":
        config.score.every = 1
        return shrink(config, steps=8)
    return config
