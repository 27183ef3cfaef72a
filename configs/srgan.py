"""SRGAN (1609.04802): enlargement by 4 of photos, and of the built-in emoji and photos.

    gan-jax train --config configs/srgan.py --workdir runs/srgan
    gan-jax train --config configs/srgan.py:emoji --workdir runs/srgan_emoji
    gan-jax upscale --workdir runs/srgan_emoji --input A --output B

Hardware: photos: one GPU, a day or two; emoji and the built-in photos: 2 CPU cores,
minutes. Expected: the paper's mean opinion scores of Set14 are 3.72 of SRGAN and 2.98 of
SRResNet; `experiments/super_resolution` compares both with bicubic enlargement in numbers.

The paper's settings: crops of 96 x 96, batches of 16, Adam(1e-4, 0.9), a million steps on
the squared error of pixels, then the game for 1e5 steps at 1e-4 and 1e5 at 1e-5, with a
weight of 1e-3 of the adversarial loss. The features of the content loss are SqueezeNet's
last (fire9), which come with the package, where the paper takes VGG19's: numbers differ.
With --config.model.content=pixels it is the paper's SRGAN-MSE, and the variant "mse" its
SRResNet. Images are made small on the fly. They are read from the folder ImageNet and need
sides of 96 and more; --config.data.source=folder:DIR names another.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_optimizer, set_options, shrink

_STAGES = (1_000_000, 1_100_000, 1_200_000)
_SMALL = (1_000, 1_500)
_SMALL_NETS = {"blocks": 4, "width": 32, "d_width": 16, "d_hidden": 128}


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (ImageNet), "mse", "emoji", "photos", "smoke"."""
    config = default_config()
    config.method = "srgan"
    config.data.resize, config.data.crop, config.data.flip = "none", "random", True
    config.train.batch_size = 16
    if variant in ("", "mse"):
        return _published(config, variant)
    return _small(config, variant)


def _published(config: ConfigDict, variant: str) -> ConfigDict:
    """The paper's: its two stages, the second at two rates; or the first alone."""
    pixels, first, last = _STAGES
    config.data.source, config.data.image_shape = "folder:ImageNet", (96, 96, 3)
    config.data.workers = 8
    set_options(config, factor=4, content="squeezenet11_fire9", adversarial=True)
    config.train.steps = last
    set_optimizer(config, "gd", "adam", learning_rate=1e-5, b1=0.9)
    early = {f"{player}_optimizer": {"learning_rate": 1e-4} for player in "gd"}
    config.stages = (
        {"until": pixels, "model": {"adversarial": False}, "restart": True, **early},
        {"until": first, **early},
    )
    if variant == "mse":
        set_options(config, factor=4, adversarial=False)
        set_optimizer(config, "gd", "adam", learning_rate=1e-4)
        config.train.steps, config.stages = pixels, ()
    return config


def _small(config: ConfigDict, variant: str) -> ConfigDict:
    """Small networks and crops, at a higher rate for a shorter while."""
    pixels, last = _SMALL
    source = "builtin:photos" if variant == "photos" else "builtin:emoji_google"
    config.data.source, config.data.image_shape = source, (32, 32, 3)
    set_options(
        config, factor=4, content="squeezenet11_fire5", adversarial=True, **_SMALL_NETS
    )
    config.train.steps = last
    config.samples.every = config.checkpoint.every = last - pixels
    set_optimizer(config, "gd", "adam", learning_rate=2e-4, b1=0.9)
    stage = {"until": pixels, "model": {"adversarial": False}, "restart": True}
    config.stages = ({**stage, "g_optimizer": {"learning_rate": 1e-3}},)
    if variant == "smoke":
        shrink(config)
        set_options(
            config, factor=4, blocks=1, width=4, d_width=2, d_hidden=8, adversarial=True
        )
        config.stages = ({**stage, "until": 5},)
    return config
