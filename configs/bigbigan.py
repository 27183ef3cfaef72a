"""BigBiGAN (1907.02544) on ImageNet, and small on digits and emoji.

    gan-jax train --config configs/bigbigan.py --workdir runs/bigbigan
    gan-jax train --config configs/bigbigan.py:revnet --workdir runs/bigbigan_revnet
    gan-jax train --config configs/bigbigan.py:mnist --workdir runs/bigbigan_mnist

Hardware: ImageNet: 256 TPU v3 cores or more; digits: 2 CPU cores, hours. Expected: top-1
accuracy of a linear classifier on ImageNet of 56.6% (ResNet-50) and 61.3% (RevNet-50 x 4)
in the paper; `experiments/encoders` has digits.

"" and "revnet" are the paper's settings: images of 256 pixels for the encoder and of 128
for generator and discriminator, batch 2048, two discriminator steps, 500,000 updates,
Adam at 5e-5 (generator), ten times that (encoder) and 2e-4 (discriminator), average of
generator and encoder with 0.9999 a step. "small_encoder" gives the encoder images of 128.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_ema, set_optimizer, set_options, shrink

_SMALL = {
    "g_width": 16, "d_width": 16, "hierarchical": False, "score_units": 256,
    "encoder_blocks": (1, 1, 1, 1), "encoder_width": 16, "encoder_units": 256,
    "reduce": False,
}  # fmt: skip
_TINY = _SMALL | {"g_width": 4, "d_width": 4, "score_units": 16, "encoder_width": 4,
                  "encoder_units": 16}  # fmt: skip


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (ImageNet, ResNet-50), "revnet" (RevNet-50 x 4), "small_encoder",
    "mnist", "emoji", "smoke".
    """
    config = default_config()
    config.method = "bigbigan"
    if variant in ("", "revnet", "small_encoder"):
        return _imagenet(config, variant)
    set_options(config, **(_TINY if variant == "smoke" else _SMALL))
    config.recipe.prior, config.recipe.latent_dim = "normal", 64
    set_optimizer(config, "gde", "adam", learning_rate=2e-4, b1=0.0, b2=0.999)
    config.recipe.d_steps = 1
    config.train.batch_size, config.train.steps = 64, 30_000
    config.score.every = 5_000
    if variant == "emoji":
        config.data.source, config.data.image_shape = "builtin:emoji_google", (32, 32, 3)
    return shrink(config) if variant == "smoke" else config


def _imagenet(config: ConfigDict, variant: str) -> ConfigDict:
    side = 128 if variant == "small_encoder" else 256
    options = {"resolution": 128, "dtype": "bfloat16"}
    if variant == "revnet":
        options |= {"encoder": "revnet", "encoder_multiple": 4, "remat": True}
    set_options(config, **options)
    config.data.source, config.data.image_shape = "tfds:imagenet2012", (side, side, 3)
    config.data.workers = 32
    config.train.batch_size, config.train.steps = 2048, 500_000
    set_ema(config, decay=0.9999)
    config.parallel.mode = "shard_map"
    return config
