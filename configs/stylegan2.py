"""StyleGAN2 (1912.04958) and StyleGAN2-ADA (2006.06676) on FFHQ, LSUN, AFHQ and CIFAR-10,
and small on the built-in emoji and MNIST.

    gan-jax train --config configs/stylegan2.py --workdir runs/stylegan2
    gan-jax train --config configs/stylegan2.py:ffhq256 --workdir runs/stylegan2_256
    gan-jax train --config configs/stylegan2.py:lsun --workdir runs/stylegan2_church
    gan-jax train --config configs/stylegan2.py:afhq --workdir runs/stylegan2_afhq
    gan-jax train --config configs/stylegan2.py:cifar10 --workdir runs/stylegan2_cifar10
    gan-jax train --config configs/stylegan2.py:emoji --workdir runs/stylegan2_emoji

Hardware: 8 GPUs, days; CIFAR-10: 2 GPUs, days. Emoji and MNIST: 2 CPU cores, hours.
Expected FID in the papers: 2.84 on FFHQ at 1024 pixels, 3.86 on LSUN Church; with adaptive
augmentation 3.55, 7.40 and 3.05 on cats, dogs and wild animals of AFHQ, and on CIFAR-10
2.92 without and 2.42 with classes. FFHQ, LSUN and AFHQ are read from folders of these
names; --config.data.source=folder:DIR names another.

"" and "lsun" are configuration F of the first paper, "lsun" with its gamma of 100 for
Church; the others the second paper's settings as its authors' PyTorch code has them:
"ffhq256" is paper256 without augmentation, "afhq" paper512 and the CIFAR-10 ones cifar,
with it. They see 25 million images, LSUN 48 and CIFAR-10 100. Adam's rates and decays are
corrected for lazy regularisation, as published also those of the generator on CIFAR-10,
where it has none. bfloat16 takes the place of half precision; the clamp of 256 is kept.
"""

from ml_collections import ConfigDict

from gan_jax.config import (
    default_config,
    set_augment,
    set_optimizer,
    set_options,
    set_terms,
    shrink,
)

_CIFAR = {"mapping_layers": 2, "group_size": 32, "d_architecture": "orig", "mixing": 0.0}
_HALF = {"clamp": 256.0, "dtype": "bfloat16"}
_SMALL = {"channel_base": 1024, "channel_max": 64, "w_dim": 64, "mapping_layers": 2}
_TINY = {"channel_base": 64, "channel_max": 8, "w_dim": 8, "mapping_layers": 2}
_EMOJI = "builtin:emoji_google"
# Options, image shape, classes, source, batch, gamma, rate, images of the average's
# half-life, images to see.
_SETTINGS = {
    "": (_HALF, (1024, 1024, 3), None, "folder:FFHQ", 32, 10.0, 2e-3, 1e4, 25_000_000),
    "ffhq256": (
        {"channel_base": 16384, "group_size": 8, **_HALF}, (256, 256, 3), None,
        "folder:FFHQ", 64, 1.0, 2.5e-3, 2e4, 25_000_000,
    ),
    "lsun": (
        _HALF, (256, 256, 3), None, "folder:LSUN", 32, 100.0, 2e-3, 1e4, 48_000_000,
    ),
    "afhq": (
        {"group_size": 8, **_HALF}, (512, 512, 3), None, "folder:AFHQ", 64, 0.5, 2.5e-3,
        2e4, 25_000_000,
    ),
    "cifar10": (
        {**_CIFAR, **_HALF}, (32, 32, 3), None, "tfds:cifar10", 64, 0.01, 2.5e-3, 5e5,
        100_000_000,
    ),
    "cifar10_classes": (
        {**_CIFAR, **_HALF}, (32, 32, 3), 10, "tfds:cifar10", 64, 0.01, 2.5e-3, 5e5,
        100_000_000,
    ),
    # Flat colours: noise would be drawn as scribbles.
    "emoji": (
        {**_SMALL, "use_noise": False}, (32, 32, 3), 10, _EMOJI, 32, 0.05, 2.5e-3, 1e4,
        320_000,
    ),
    "mnist": (_SMALL, (32, 32, 1), 10, "builtin:mnist", 32, 0.05, 2.5e-3, 1e4, 320_000),
    "smoke": (_TINY, (32, 32, 3), 10, _EMOJI, 16, 1.0, 2.5e-3, 1e4, 320_000),
}  # fmt: skip
_FLIPPED = ("folder:FFHQ", "folder:AFHQ")


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (FFHQ at 1024 pixels), "ffhq256", "lsun", "afhq", "cifar10",
    "cifar10_classes", "emoji", "mnist", "smoke".
    """
    config = default_config()
    config.method = "stylegan2"
    options, shape, classes, source, batch, gamma, rate, half_life, images = _SETTINGS[
        variant
    ]
    set_options(config, **options)
    config.data.source, config.data.image_shape = source, shape
    config.data.num_classes, config.data.flip = classes, source in _FLIPPED
    config.train.batch_size, config.train.steps = batch, images // batch
    _set_lazy_adam(config, "g", rate, every=4)
    _set_lazy_adam(config, "d", rate, every=16)
    set_terms(config, "d", r1={"penalty": "r1", "weight": gamma, "every": 16})
    config.recipe.ema.half_life = half_life
    small = source.startswith("builtin:")
    if small:
        config.recipe.prior, config.recipe.latent_dim = "normal", options["w_dim"]
        config.score.every = 1_000
    if source == "tfds:cifar10":
        set_terms(config, "g", path_length={"penalty": "path_length", "weight": 0.0})
        config.recipe.ema.ramp = 0.05
    if small or source in ("folder:AFHQ", "tfds:cifar10"):
        # On few images p must move fast: the small runs see 320,000 in all.
        set_augment(config, "ada", pipe="bgc", target=0.6, kimg=50.0 if small else 500.0)
    return shrink(config, steps=4) if variant == "smoke" else config


def _set_lazy_adam(config: ConfigDict, player: str, rate: float, every: int) -> None:
    """`gan_jax.optim.lazy_adam` with decays of 0 and 0.99."""
    share = every / (every + 1)
    set_optimizer(
        config, player, "adam", learning_rate=rate * share, b1=0.0, b2=0.99**share
    )
