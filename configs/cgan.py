"""Conditional GANs on digits: eight ways in which labels enter, on DCGAN's networks.

    gan-jax train --config configs/cgan.py --workdir runs/cgan
    gan-jax train --config configs/cgan.py:acgan --workdir runs/acgan

Hardware: 2 CPU cores, about an hour; one GPU, minutes. Expected: the papers report other
data or Parzen window likelihoods; here the digit classifier's scores are written, its
accuracy on asked classes among them.

Labels beside both inputs (1411.1784), or beside the latent and the last feature map
(1605.05396); with an auxiliary classifier in the discriminator (1610.09585), its twin
(1907.02690) or one that also tells origins (2107.10060); with embeddings compared to those
of other examples and of classes (2006.12681, 2111.01118); or with a discriminator that is a
classifier (1912.04216). Settings are DCGAN's; the quickstart has batch norm by class and a
projection.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_options, shrink

_METHODS = {
    "hidden": "hidden_cgan",
    "acgan": "acgan",
    "tac": "tac_gan",
    "adc": "adc_gan",
    "contra": "contra_gan",
    "reac": "reac_gan",
    "mh": "mh_gan",
}


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (inputs), "hidden", "acgan", "tac", "adc", "contra", "reac", "mh",
    "smoke".
    """
    config = default_config()
    config.method = _METHODS.get(variant, "cgan")
    config.data.num_classes = 10
    set_options(config, width=32, kernel_size=4)
    config.train.batch_size, config.train.steps = 64, 20_000
    config.score.every = 5_000
    if variant == "smoke":
        set_options(config, width=8, kernel_size=4)
        return shrink(config)
    return config
