"""VAE/GAN (1512.09300) on digits and on the built-in emoji, and a VAE of the same size.

    gan-jax train --config configs/vaegan.py --workdir runs/vaegan
    gan-jax train --config configs/vaegan.py:vae --workdir runs/vae

Hardware: 2 CPU cores, an hour. Expected: the paper shows faces and reports attributes;
`experiments/vaegan` compares reconstructions on emoji.

RMSProp at 3e-4 on batches of 64 and 128 latents, as in the paper. The authors' code weighs
errors of reconstruction by 1e-5 to 5e-5 against fooling the discriminator, where they are
sums over far more features than these small networks have, and holds back the player who
wins. Here the weight is 1e-2, with which the two count about the same, and the loss does
not saturate: under the paper's minimax loss the discriminator wins at once.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (emoji), "vae", "mnist", "smoke"."""
    config = default_config()
    config.method = "vaegan"
    if variant == "vae":
        set_options(config, width=32, adversarial=False)
    else:
        set_options(config, width=32, adversarial=True, gamma=1e-2)
        config.recipe.loss = "non_saturating"
    config.train.batch_size, config.train.steps = 64, 20_000
    config.score.every = 5_000
    if variant != "mnist":
        config.data.source, config.data.image_shape = "builtin:emoji_google", (32, 32, 3)
    if variant == "smoke":
        set_options(config, width=4, gamma=1e-2)
        return shrink(config)
    return config
