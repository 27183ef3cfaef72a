"""Generative moment matching networks (1502.02761) on digits, in pixels and in codes.

    gan-jax train --config configs/gmmn.py --workdir runs/gmmn
    gan-jax train --config configs/gmmn.py:ae --workdir runs/gmmn_ae

Hardware: 2 CPU cores, an hour. Expected: Parzen log-likelihoods of test digits of 147 and,
in the codes of an autoencoder, 282 nats in the paper; `experiments/gmmn` measures both.

Batches of 1000, ten uniform latents, the root of the discrepancy under a sum of six
Gaussian kernels, in codes under one, as in the authors' code. "ae" trains an autoencoder
with codes of 32 first (it has dropout on the encoder's hidden layer), and then the moments
of its codes. The paper tunes its rates by
Bayesian optimisation; here they are Adam's usual ones.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_options, shrink

_AUTOENCODER_STEPS = 3_000


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "", "ae", "smoke", "ae_smoke"."""
    config = default_config()
    config.train.batch_size, config.train.steps = 1000, 10_000
    config.score.every = 2_500
    with_codes, small = variant.startswith("ae"), variant.endswith("smoke")
    config.method = "gmmn_ae" if with_codes else "gmmn"
    if small:
        set_options(config, features=(16, 16), **({"code_dim": 8} if with_codes else {}))
        shrink(config, steps=10)
    if with_codes:
        until = 5 if small else _AUTOENCODER_STEPS
        entry = {"until": until, "model": {"stage": "autoencoder"}, "restart": True}
        config.stages = (entry,)
    return config
