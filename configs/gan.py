"""The GAN of 2014 (1406.2661) on MNIST: perceptrons, momentum-free Adam instead of the
paper's momentum and dropout.

    gan-jax train --config configs/gan.py --workdir runs/gan                  # minimax
    gan-jax train --config configs/gan.py:non_saturating --workdir runs/ns_gan

Hardware: 2 CPU cores, about half an hour. The paper reports Parzen-window likelihoods,
which do not compare with the scores of this run.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_optimizer, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (minimax), "non_saturating", "smoke"."""
    config = default_config()
    config.method = "ns_gan" if variant == "non_saturating" else "gan"
    config.data.source = "builtin:mnist"
    set_optimizer(config, "gd", "adam", learning_rate=2e-4, b1=0.5, b2=0.999)
    config.train.batch_size, config.train.steps = 128, 20_000
    config.score.every = 5_000
    return shrink(config) if variant == "smoke" else config
