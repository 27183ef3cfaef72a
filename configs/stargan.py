"""StarGAN (1711.09020) between the classes of a folder, and between three styles of emoji.

    gan-jax train --config configs/stargan.py --workdir runs/stargan
    gan-jax train --config configs/stargan.py:emoji --workdir runs/stargan_emoji
    gan-jax translate --workdir runs/stargan --domain happy --input A --output B

Hardware: one GPU, a day; "emoji": 2 CPU cores, an hour. Expected: the paper reports that a
classifier errs on 2.1% of the expressions asked for. `experiments/stargan` measures emoji.

The authors' settings of faces with eight expressions at 128 pixels: batches of 16,
Adam(1e-4, 0.5), whose rate falls to 0 over the second half of 200,000 iterations, of which
every fifth moves the generator. The folder data/faces has a sub-folder for each domain.
Domains exclude each other: several attributes at once, as of CelebA, are not for this
config.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_falling, set_options, shrink

_STYLES = ("builtin:emoji_google", "builtin:emoji_twitter", "builtin:emoji_fluent")


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "", "emoji", "smoke"."""
    config = default_config()
    config.method = "stargan"
    if variant == "":
        config.data.source, config.data.num_classes = "folder:data/faces", 8
        config.data.image_shape, config.data.flip = (128, 128, 3), True
        config.train.batch_size, config.train.steps = 16, 40_000
        config.samples.count, config.samples.columns = 16, 1
        set_falling(config, "gd", "adam", learning_rate=1e-4, b1=0.5, b2=0.999)
        return config
    config.data.source = f"domains:{'+'.join(_STYLES)}"
    config.data.num_classes, config.data.image_shape = len(_STYLES), (32, 32, 3)
    set_options(config, width=24, blocks=3, d_width=32, d_layers=4)
    config.train.batch_size, config.train.steps = 16, 4_000
    config.samples.count, config.samples.columns = 16, 4
    if variant == "smoke":
        set_options(config, width=4, blocks=1, d_width=4, d_layers=3)
        return shrink(config)
    set_falling(config, "gd", "adam", learning_rate=1e-4, b1=0.5, b2=0.999)
    return config
