"""A GAN of texts by the Gumbel-softmax relaxation (1611.04051).

    gan-jax train --config configs/gumbel_gan.py --workdir runs/gumbel_gan

Hardware: 2 CPU cores, a quarter of an hour. Expected: names of the US census;
`experiments/text` measures them. There a discriminator of relaxed rows soon makes the
generator repeat itself, and one of rows straight through does not.

SeqGAN's networks instead of the paper's LSTMs, whose numbers of units are not stated, and
likewise maximum likelihood first. The temperature falls from 5 to 1. "straight_through"
shows the discriminator one-hot rows (1611.01144).
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_optimizer, set_options, shrink

_LIKELIHOOD, _BOTH = 1_500, 1_500
_WINDOWS = ((1, 32), (2, 64), (3, 64), (4, 32), (5, 32))


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "", "straight_through", "smoke"."""
    config = default_config()
    config.method = "gumbel_gan"
    config.train.batch_size = 64
    config.data.source = "builtin:names_female"
    config.log.every = config.checkpoint.every = config.samples.every = 50
    config.log.spectrum_every = 0
    likelihood, both = _LIKELIHOOD, _BOTH
    options = {
        "hidden": 64,
        "windows": _WINDOWS,
        "straight_through": variant == "straight_through",
    }
    if variant == "smoke":
        options = {"embedding": 8, "hidden": 8, "windows": ((1, 8), (2, 8), (3, 8))}
        shrink(config)
        likelihood, both = 4, 6
    config.train.steps = likelihood + both
    batch = config.train.batch_size
    annealing = (float(batch * likelihood), float(batch * (likelihood + both)))
    set_options(config, annealing=annealing, **options)
    set_optimizer(config, "gd", "adam", learning_rate=1e-3, b1=0.9, b2=0.999)
    first = {"model": {"stage": "likelihood"}, "g_optimizer": {"learning_rate": 1e-2}}
    config.stages = ({"until": likelihood, "restart": True, **first},)
    return config
