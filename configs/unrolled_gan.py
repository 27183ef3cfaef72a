"""Unrolled GAN (1611.02163) on eight Gaussians: the generator looks ten updates ahead.

    gan-jax train --config configs/unrolled_gan.py --workdir runs/unrolled_gan

Hardware: 2 CPU cores, about ten minutes. Expected: the paper finds all eight modes (figure
2); `configs/ring.py:plain` is the same game without unrolling.

The paper's settings (appendix A): latents of 256 dimensions, two hidden layers of 128,
Adam(1e-3) for the generator and Adam(1e-4) for the discriminator, both with beta1 0.5,
batch 512, 25,000 steps.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "", "smoke"."""
    config = default_config()
    config.method = "unrolled_gan"
    config.data.source = "synthetic:ring"
    set_options(config, g_features=(128, 128), d_features=(128, 128))
    config.train.batch_size, config.train.steps = 512, 25_000
    config.train.steps_per_dispatch = 100
    config.log.every, config.log.spectrum_every = 500, 5_000
    config.samples.count = 1_000
    config.samples.every = config.checkpoint.every = config.score.every = 5_000
    if variant == "smoke":
        return shrink(config, steps=100)
    return config
