"""StyleGAN (1812.04948) on FFHQ at 1024 pixels, and small on the built-in emoji.

    gan-jax train --config configs/stylegan.py --workdir runs/stylegan
    gan-jax train --config configs/stylegan.py:emoji --workdir runs/stylegan_emoji

Hardware: FFHQ: 8 GPUs, a week. Emoji: 2 CPU cores, hours. Expected: FID 4.40 on FFHQ in the
paper, with its non-saturating loss and mixing. FFHQ is read from the folder FFHQ;
--config.data.source=folder:DIR names another.

The authors' settings: non-saturating with R1 (gamma 10), growing from 8 pixels with 600,000
images for a stage to fade in and as many to settle, 25 million in all, Adam(1e-3, 0, 0.99)
that forgets its moments at each stage, with rates 1.5, 2 and 3 times as high from 128, 256
and 512 pixels on, a rate of the mapping network a hundredth of that, mixed styles for 90 %
of the generated images, an average with a half-life of 10,000 images.

The batch is 32 in all stages, where the authors begin with 256 at 8 pixels.
--config.model.fade_images and --config.model.stable_images set the lengths of the phases.
"""

from ml_collections import ConfigDict

from gan_jax.config import (
    default_config,
    set_optimizer,
    set_options,
    set_terms,
    shrink,
)

_RATES = ((128, 1.5), (256, 2.0), (512, 3.0))
# Options, side, source, latents, batch, images.
_SETTINGS = {
    "": (
        {"fade_images": 600_000, "stable_images": 600_000, "rates": _RATES}, 1024,
        "folder:FFHQ", 512, 32, 25_000_000,
    ),
    "emoji": (
        {
            "fade_images": 20_000, "stable_images": 20_000, "base": 512, "most": 64,
            "w_dim": 64, "mapping_layers": 4, "use_noise": False,
        }, 32, "builtin:emoji_google", 64, 16, 240_000,
    ),
    "smoke": (
        {
            "fade_images": 16, "stable_images": 16, "base": 64, "most": 8, "w_dim": 8,
            "mapping_layers": 2,
        }, 32, "builtin:emoji_google", 8, 16, 240_000,
    ),
}  # fmt: skip


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (FFHQ at 1024 pixels), "emoji", "smoke"."""
    config = default_config()
    config.method = "stylegan"
    options, side, source, latents, batch, images = _SETTINGS[variant]
    set_options(config, first_side=8, **options)
    config.data.source, config.data.image_shape = source, (side, side, 3)
    config.data.flip = source == "folder:FFHQ"
    config.data.num_classes = 10 if variant == "emoji" else None
    config.recipe.prior, config.recipe.latent_dim = "normal", latents
    set_optimizer(config, "gd", "adam", learning_rate=1e-3, b1=0.0, b2=0.99)
    set_terms(config, "d", r1={"penalty": "r1", "weight": 10.0})
    config.train.batch_size, config.train.steps = batch, images // batch
    config.recipe.ema.half_life = 10_000.0
    if variant == "emoji":  # Short stages: what is averaged must be of the stage.
        set_optimizer(config, "gd", "adam", learning_rate=2e-3)
        config.recipe.ema.half_life = 2_000.0
        set_terms(config, "d", r1={"penalty": "r1", "weight": 0.1})
        config.score.every = 1_000
    if variant == "smoke":
        config.score.every = 1
        return shrink(config, steps=6)
    return config
