"""R3GAN (2501.05441) on CIFAR-10, FFHQ, ImageNet, and small on the built-in emoji.

    gan-jax train --config configs/r3gan.py --workdir runs/r3gan
    gan-jax train --config configs/r3gan.py:ffhq256 --workdir runs/r3gan_ffhq
    gan-jax train --config configs/r3gan.py:emoji --workdir runs/r3gan_emoji

Hardware: CIFAR-10: 8 GPUs; the others 8 to 64. Emoji: 2 CPU cores, hours. Expected: FID
1.96 on CIFAR-10 in the paper. FFHQ is read from the folder FFHQ;
--config.data.source=folder:DIR names another.

The authors' networks, batch sizes, gamma and rates at the beginning of training. Their code
then moves all of them along cosines: on CIFAR-10 gamma from 0.05 to 0.005, the rate from
2e-4 to 5e-5, Adam's beta2 from 0.9 to 0.99, augmentation from 0 to 0.55 over 20 million
images, and the average's half-life from 0 to 5 million. Here gamma and the rate stay,
beta2 is 0.99, and the half-life is a quarter of the images seen up to 5 million.
"""

from ml_collections import ConfigDict

from gan_jax.config import (
    default_config,
    set_optimizer,
    set_options,
    set_terms,
    shrink,
)

# Options of the networks, side, classes, source, batch, gamma.
_SETTINGS = {
    "": ({}, 32, 10, "tfds:cifar10", 512, 0.05),
    "ffhq64": ({"tapered": 1}, 64, None, "folder:FFHQ", 256, 2.0),
    "ffhq256": ({"tapered": 3, "full": 3}, 256, None, "folder:FFHQ", 256, 150.0),
    "imagenet32": (
        {"features": 1536, "group_size": 32}, 32, 1000, "tfds:imagenet_resized/32x32", 4096,
        0.5,
    ),
    "imagenet64": (
        {"features": 1536, "group_size": 32}, 64, 1000, "tfds:imagenet_resized/64x64", 4096,
        1.0,
    ),
    "emoji": ({"features": 64, "blocks": 1}, 32, 10, "builtin:emoji_google", 32, 0.5),
    "smoke": (
        {"features": 16, "blocks": 1, "embedding": 8}, 32, 10, "builtin:emoji_google", 16,
        0.5,
    ),
}  # fmt: skip


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (CIFAR-10), "ffhq64", "ffhq256", "imagenet32", "imagenet64", "emoji",
    "smoke".
    """
    config = default_config()
    config.method = "r3gan"
    options, side, classes, source, batch, gamma = _SETTINGS[variant]
    set_options(config, **options)
    config.data.source, config.data.image_shape = source, (side, side, 3)
    config.data.num_classes, config.data.flip = classes, source != "builtin:emoji_google"
    config.recipe.prior, config.recipe.latent_dim = "normal", 64
    set_optimizer(config, "gd", "adam", learning_rate=2e-4, b1=0.0, b2=0.99)
    set_terms(
        config,
        "d",
        r1={"penalty": "r1", "weight": gamma},
        r2={"penalty": "r2", "weight": gamma},
    )
    config.train.batch_size, config.train.steps = batch, 200_000_000 // batch
    config.recipe.ema.half_life, config.recipe.ema.ramp = 5e6, 0.25
    if variant == "emoji":
        config.train.steps = 10_000
        config.recipe.ema.half_life = 1e4
        config.score.every = 1_000
    return shrink(config, steps=4) if variant == "smoke" else config
