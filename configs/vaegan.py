"""VAE/GAN (1512.09300) on digits and on the built-in emoji, and a VAE of the same size.

    gan-jax train --config configs/vaegan.py --workdir runs/vaegan
    gan-jax train --config configs/vaegan.py:vae --workdir runs/vae

Hardware: 2 CPU cores, an hour. Expected: the paper shows faces and reports attributes;
`experiments/vaegan` compares reconstructions on emoji.

RMSProp at 3e-4 on batches of 64 and 128 latents, as in the paper; errors of reconstruction
weigh 1e-6 against fooling the discriminator in the decoder's loss, as in the authors' code,
where they are sums over more features than these small networks have.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (emoji), "vae", "mnist", "smoke"."""
    config = default_config()
    config.method = "vaegan"
    set_options(config, width=32, adversarial=variant != "vae")
    config.train.batch_size, config.train.steps = 64, 20_000
    config.score.every = 5_000
    if variant != "mnist":
        config.data.source, config.data.image_shape = "builtin:emoji_google", (32, 32, 3)
    if variant == "smoke":
        set_options(config, width=4)
        return shrink(config)
    return config
