"""DiscoGAN (1703.05192) between two folders at 64 pixels, and on two styles of emoji.

    gan-jax train --config configs/discogan.py --workdir runs/discogan
    gan-jax train --config configs/discogan.py:emoji --workdir runs/discogan_emoji
    gan-jax translate --workdir runs/discogan --domain second --input A --output B

Hardware: one GPU, hours; "emoji": 2 CPU cores, half an hour. Expected: the paper shows
edges that become handbags of many kinds, and counts modes on points.
`experiments/translation` scores emoji against their true counterparts.

The authors' code: batches of 64, Adam(2e-4, 0.5) with a weight decay of 1e-5, generators
that move twice for each update of the discriminators, and a reconstruction that weighs 0.01
at first and 0.5 later. Put the two domains at data/first and data/second, or set
`data.source` and `data.second`.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "", "deep", "emoji", "smoke"."""
    config = default_config()
    config.method = "discogan"
    if variant in ("", "deep"):
        config.data.source, config.data.second = "folder:data/first", "folder:data/second"
        config.data.image_shape = (64, 64, 3)
        if variant == "deep":
            set_options(config, bottleneck=100)
        config.train.batch_size, config.train.steps = 64, 100_000
        config.samples.count, config.samples.columns = 32, 4
        return config
    config.data.source = "builtin:emoji_google:train_a"
    config.data.second = "builtin:emoji_twitter:train_b"
    config.data.image_shape = (32, 32, 3)
    set_options(config, width=24, levels=3, curriculum=32_000)
    config.train.batch_size, config.train.steps = 32, 10_000
    config.samples.count, config.samples.columns = 16, 4
    if variant == "smoke":
        set_options(config, width=4, levels=3)
        return shrink(config)
    return config
