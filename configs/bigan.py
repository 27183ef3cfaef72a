"""BiGAN (1605.09782) and ALI (1606.00704) on digits and on the built-in emoji.

    gan-jax train --config configs/bigan.py --workdir runs/bigan
    gan-jax train --config configs/bigan.py:ali --workdir runs/ali

Hardware: 2 CPU cores, an hour or more. Expected: 97.4% of test digits named by the nearest
training digit in E(x) after BiGAN in the paper, which trains for 400 epochs;
`experiments/encoders` measures it here, beside ALI, BigBiGAN and latent regression.

"" are the paper's perceptrons of 1024 units on digits, 50 uniform latents, Adam(2e-4, 0.5)
on batches of 128. "ali" has DCGAN's networks, 64 normal latents and an encoder from whose
Gaussian codes are drawn, Adam(1e-4, 0.5) on batches of 100; "conv" is the same with codes
as they are, and "emoji" is "ali" on emoji at 32 pixels.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "", "ali", "conv", "emoji", "smoke", "ali_smoke"."""
    config = default_config()
    config.train.batch_size, config.train.steps = 128, 190_000
    config.score.every = 10_000
    if variant in ("", "smoke"):
        config.method = "bigan"
        if variant == "smoke":
            wide = (32, 32)
            set_options(config, g_features=wide, e_features=wide, d_features=wide)
            return shrink(config)
        return config
    config.method = "ali"
    config.train.batch_size, config.train.steps = 100, 60_000
    set_options(config, width=32, stochastic=variant != "conv")
    if variant == "emoji":
        config.data.source, config.data.image_shape = "builtin:emoji_google", (32, 32, 3)
    if variant == "ali_smoke":
        set_options(config, width=4, code_features=(16,), features=(16,))
        return shrink(config)
    return config
