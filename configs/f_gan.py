"""f-GAN (1606.00709) on digits: any f-divergence as the loss.

    gan-jax train --config configs/f_gan.py --workdir runs/f_gan
    gan-jax train --config configs/f_gan.py:reverse_kl --workdir runs/f_gan_reverse_kl

Hardware: 2 CPU cores, about an hour; one GPU, minutes. Expected: the paper reports Parzen
window likelihoods on MNIST, which compare with nothing else; here the digit classifier's
scores are written.

The paper's settings: latents uniform on [-1, 1]^100, Adam(2e-4, 0.5), the practical form of
the generator's loss. Its networks are perceptrons with batch norm and its batch is 4096;
these are DCGAN's at batch 64.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_optimizer, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (Pearson), "kl", "reverse_kl", "neyman", "squared_hellinger",
    "jensen_shannon", "total_variation", "smoke".
    """
    config = default_config()
    config.method = "f_gan"
    config.recipe.loss = f"f_{variant if variant not in ('', 'smoke') else 'pearson'}"
    set_options(config, width=32, kernel_size=4)
    config.recipe.prior, config.recipe.latent_dim = "uniform", 100
    set_optimizer(config, "gd", "adam", learning_rate=2e-4, b1=0.5, b2=0.999)
    config.train.batch_size, config.train.steps = 64, 20_000
    config.score.every = 5_000
    if variant == "smoke":
        set_options(config, width=8, kernel_size=4)
        return shrink(config)
    return config
