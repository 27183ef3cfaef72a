"""Semi-supervised learning with GANs (1606.03498, section 5) on digits with few labels.

    gan-jax train --config configs/semi_supervised_gan.py --workdir runs/semi_supervised
    gan-jax train --config configs/semi_supervised_gan.py:1000 --workdir runs/labels_1000

Hardware: 2 CPU cores, hours for the authors' 300 epochs; one GPU, an hour. Expected: 93 of
10,000 test digits named wrongly after 100 labels, 90 after 200, in the paper; see
`experiments/semi_supervised` for shorter runs.

"" and "1000" have so many labels, as many of each class, and a generator that matches
features: perceptrons with weight normalisation and noise on every layer of the
discriminator, Adam(0.003, 0.5), batches of 100. "minibatch" has minibatch discrimination
and an adversarial generator in its place, whose samples look better and whose classifier is
worse (section 6.1), at 3e-4 and, in place of the authors' three updates of the generator to
one of the discriminator, 1e-3.
"""

from ml_collections import ConfigDict

from gan_jax.config import (
    default_config,
    set_optimizer,
    set_options,
    set_terms,
    shrink,
)


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (100 labels), "1000", "minibatch", "smoke"."""
    config = default_config()
    config.method = "semi_supervised_gan"
    set_options(config, classes=10)
    config.data.labelled = 1000 if variant == "1000" else 100
    config.train.batch_size, config.train.steps = 100, 180_000
    config.score.every = 20_000
    if variant == "minibatch":
        set_options(config, classes=10, minibatch="discrimination")
        config.recipe.loss = "non_saturating"
        set_optimizer(config, "d", "adam", learning_rate=3e-4)
        set_optimizer(config, "g", "adam", learning_rate=1e-3)
        set_terms(config, "g", features={"penalty": "feature_matching", "weight": 0.0})
    if variant == "smoke":
        set_options(config, classes=10, g_features=(32,), d_features=(32, 32))
        return shrink(config, batch_size=20)
    return config
