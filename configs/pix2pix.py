"""pix2pix (1611.07004) on pairs at 256 pixels, and from one style of emoji to another.

    gan-jax train --config configs/pix2pix.py --workdir runs/pix2pix
    gan-jax train --config configs/pix2pix.py:emoji --workdir runs/pix2pix_emoji
    gan-jax translate --workdir runs/pix2pix --input A --output B

Hardware: one GPU, hours; "emoji": 2 CPU cores, half an hour. Expected: facades from
labels, looked at. `experiments/translation` has it as the upper bound of what is learnt
without pairs.

As published: a U-Net of eight levels whose noise is dropout, patches of 70 pixels, a batch
of one, Adam(2e-4, 0.5), 200 passes over the 400 facades, and 100 times the distance. The
folder data/facades/train holds images side by side as the authors' archives do, from left
to right; they are scaled to 286 pixels, of which 256 are cut at random, and mirrored at
random.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "", "emoji", "smoke"."""
    config = default_config()
    config.method = "pix2pix"
    if variant == "":
        config.data.source = "pairs:folder:data/facades/train"
        config.data.image_shape, config.data.flip = (256, 256, 6), True
        config.data.crop, config.data.margin = "random", 30
        config.train.batch_size, config.train.steps = 1, 200 * 400
        config.samples.count, config.samples.columns = 8, 1
        return config
    config.data.source = "pairs:builtin:emoji_google+builtin:emoji_twitter"
    config.data.image_shape = (32, 32, 6)
    set_options(config, width=24, levels=5, d_width=32, d_layers=2)
    config.train.batch_size, config.train.steps = 8, 10_000
    config.samples.count, config.samples.columns = 16, 4
    if variant == "smoke":
        set_options(config, width=4, levels=3, d_width=4, d_layers=2)
        return shrink(config)
    return config
