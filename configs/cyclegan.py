"""CycleGAN (1703.10593) on horses and zebras at 256 pixels, and on two styles of emoji.

    gan-jax train --config configs/cyclegan.py --workdir runs/cyclegan
    gan-jax train --config configs/cyclegan.py:emoji --workdir runs/cyclegan_emoji
    gan-jax translate --workdir runs/cyclegan --domain second --input A --output B

Hardware: one GPU with 12 GB, a day; "emoji": 2 CPU cores, an hour. Expected: horses with
stripes, looked at; the paper reports scores on maps and city streets.
`experiments/translation` scores emoji against their true counterparts.

As published: nine blocks, a batch of one, Adam(2e-4, 0.5), whose rate falls to 0 over the
second half of 200 passes over the larger domain, a pool of 50 images. Images are scaled to
286 pixels, of which 256 are cut at random, and mirrored at random. "emoji" is the two
domains from halves of the emoji that have none in common.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_falling, set_options, shrink

_HORSES, _PASSES = 1_067, 200
_STEPS = _PASSES * 1_334  # the zebras


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "", "emoji", "smoke"."""
    config = default_config()
    config.method = "cyclegan"
    if variant == "":
        config.data.source = "tfds:cycle_gan/horse2zebra:trainA"
        config.data.second = "tfds:cycle_gan/horse2zebra:trainB"
        config.data.image_shape, config.data.flip = (256, 256, 3), True
        config.data.crop, config.data.margin = "random", 30
        config.train.batch_size, config.train.steps = 1, _STEPS
        config.samples.count, config.samples.columns = 8, 1
        set_falling(config, "gd", "adam", learning_rate=2e-4, b1=0.5, b2=0.999)
        return config
    config.data.source = "builtin:emoji_google:train_a"
    config.data.second = "builtin:emoji_twitter:train_b"
    config.data.image_shape = (32, 32, 3)
    set_options(config, width=24, blocks=4, d_width=32, d_layers=2)
    config.train.batch_size, config.train.steps = 8, 10_000
    config.samples.count, config.samples.columns = 16, 4
    if variant == "smoke":
        set_options(config, width=4, blocks=1, d_width=4, d_layers=2)
        return shrink(config)
    set_falling(config, "gd", "adam", learning_rate=2e-4, b1=0.5, b2=0.999)
    return config
