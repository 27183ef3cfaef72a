"""A run of one step on few small images, for commands that open runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gan_jax import loop
from gan_jax.config import default_config, set_options


def write_run(folder: Path, method: str, side: int, noise: int | None = None, **options):
    """Trains `method` on 24 images (side, side, 1); `noise` latents, uniform, if given."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, side, side, 1), np.uint8)
    np.savez(folder / "images.npz", image=pixels)
    config = default_config()
    config.method, config.data.source = method, f"npz:{folder / 'images.npz'}"
    set_options(config, **options)
    if noise is not None:
        config.recipe.prior, config.recipe.latent_dim = "uniform", noise
    config.train.steps, config.train.batch_size = 1, 4
    config.parallel.devices = 1
    config.log.every, config.log.spectrum_every, config.log.tensorboard = 1, 0, False
    config.checkpoint.every = 1
    config.samples.every = config.score.every = 0
    loop.train(config, folder / method)
    return folder / method
