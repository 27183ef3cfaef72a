"""InfoGAN (1606.03657) on digits: a code of ten values and two continuous ones.

    gan-jax train --config configs/infogan.py --workdir runs/infogan

Hardware: 2 CPU cores, an hour; one GPU, minutes. Expected: the paper shows that the code of
ten values names the digit, with an error of 5%; `experiments/infogan` measures it here.

Latents are 62 of noise, then the codes; Adam at 1e-3 for the generator and 2e-4 for the
discriminator, whose player also moves Q. Terms weigh 1 (categorical) and 0.1 (continuous),
as in the authors' code; dense layers have 1,024 units, as in the paper. "categorical" and
"continuous" have codes of one kind; "emoji" asks for 10 values on the built-in emoji.
Without the term in the generator's loss, `--config.recipe.g_terms={}` does not do: name it
with weight 0, as the study does.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (both kinds of codes), "categorical", "continuous", "emoji", "smoke"."""
    config = default_config()
    config.method = "infogan"
    categories = () if variant == "continuous" else (10,)
    continuous = 0 if variant == "categorical" else 2
    set_options(config, width=32, categories=categories, continuous=continuous)
    config.train.batch_size, config.train.steps = 128, 10_000
    config.score.every = 2_500
    if variant == "emoji":
        config.data.source, config.data.image_shape = "builtin:emoji_google", (32, 32, 3)
    if variant == "smoke":
        set_options(config, width=8, categories=(10,), continuous=2, dense=64)
        return shrink(config)
    return config
