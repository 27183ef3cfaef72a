"""CoGAN (1606.07536) on digits and their negatives, or their edges, without pairs.

    gan-jax train --config configs/cogan.py --workdir runs/cogan
    gan-jax train --config configs/cogan.py:edges --workdir runs/cogan_edges

Hardware: one GPU, minutes. Expected: after 25,000 steps 97% of pixels agree between G2(z)
and the negative of G1(z) in the paper (its figure of shared layers), 95% with edges;
`experiments/coupled` measures it here at a fraction of size and length, tied and untied.

The paper's settings: four of five layers of the generators and three of four of the
discriminators are shared, 100 uniform latents, Adam(2e-4, 0.5), batches of 128. Each domain
has one half of the training digits, in the looks of the authors' code. Images are in
[-1, 1] after a tanh, there in [0, 1] after a sigmoid. That code decays weights by 5e-4
besides. Samples are pairs, side by side; they have no score, as no data are such pairs.
"""

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_optimizer, set_options, shrink


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "" (negatives), "edges", "smoke"."""
    config = default_config()
    config.method = "cogan"
    look = "mnist_edges" if variant == "edges" else "mnist_inverted"
    config.data.source = "builtin:mnist:train_a"
    config.data.second = f"builtin:{look}:train_b"
    set_optimizer(config, "gd", "adam", learning_rate=2e-4, b1=0.5, b2=0.999)
    config.train.batch_size, config.train.steps = 128, 25_000
    if variant == "smoke":
        set_options(config, g_width=4, d_width=2)
        return shrink(config)
    return config
