"""R3GAN (2501.05441) on CIFAR-10, FFHQ, ImageNet, and small on the built-in emoji.

    gan-jax train --config configs/r3gan.py --workdir runs/r3gan
    gan-jax train --config configs/r3gan.py:ffhq256 --workdir runs/r3gan_ffhq
    gan-jax train --config configs/r3gan.py:emoji --workdir runs/r3gan_emoji

Hardware: CIFAR-10: 8 GPUs; the others 8 to 64. Emoji: 2 CPU cores, hours. Expected: FID
1.96 on CIFAR-10 in the paper. FFHQ is read from the folder FFHQ;
--config.data.source=folder:DIR names another.

The authors' networks, batch sizes, gamma and rates. Along a cosine over the first 20
million images gamma falls to a tenth, the rate from 2e-4 to 5e-5, and Adam's beta2 rises
from 0.9 to 0.99. Their average's half-life rises along it too, to 5 million images; here it
is a quarter of the images seen up to that. Their augmentation, which rises to 0.3 or 0.55,
is left out.
"""

from ml_collections import ConfigDict

from gan_jax.config import (
    default_config,
    set_optimizer,
    set_options,
    set_terms,
    shrink,
)

_MOVING = 2e7
"""Images over which rates, beta2 and gamma move."""
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
    set_optimizer(
        config, "gd", "adam", learning_rate=2e-4, b1=0.0, b2=0.9, decay="cosine",
        decay_from=0.0, decay_to=_MOVING, final_rate=5e-5, final_b2=0.99,
    )  # fmt: skip
    falling = {"weight": gamma, "final_weight": gamma / 10, "weight_until": _MOVING}
    set_terms(config, "d", r1={"penalty": "r1", **falling}, r2={"penalty": "r2", **falling})
    config.train.batch_size, config.train.steps = batch, 200_000_000 // batch
    config.recipe.ema.half_life, config.recipe.ema.ramp = 5e6, 0.25
    if variant == "emoji":
        config.train.steps = 10_000
        config.recipe.ema.half_life = 1e4
        config.score.every = 1_000
    if variant == "smoke":
        config.score.every = 1
        return shrink(config, steps=4)
    return config
