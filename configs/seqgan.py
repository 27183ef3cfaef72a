r"""SeqGAN (1609.05473): texts, taught by a discriminator's rewards.

    gan-jax train --config configs/seqgan.py --workdir runs/seqgan \
        --config.data.source=words:FOLDER
    gan-jax train --config configs/seqgan.py:names --workdir runs/names

Hardware: one GPU, hours; "names": 2 CPU cores, a quarter of an hour. Expected: on the
paper's synthetic data, sequences of an LSTM with weights from N(0, 1), a negative log
likelihood under that LSTM of 8.74, against 9.04 after maximum likelihood (table 1);
`experiments/text` makes such data at a smaller size and measures it.

Sizes and numbers of the authors' code: texts of 20 of 5,000 tokens in batches of 64; 120
epochs of 10,000 texts of maximum likelihood; then the discriminator alone, for as many
examples as their 50 times 3 epochs; then 200 updates of the generator, with as many
examples for the discriminator after each as in their 5 times 3 epochs. Here every update of
the discriminator sees new texts of the generator, 64 of each kind. No text has an end.

"names" makes names of the US census, with ends, and with a baseline for the rewards, which
so few updates of a discriminator teach at a tenth of the authors' rate.
"""

from typing import Any

from ml_collections import ConfigDict

from gan_jax.config import default_config, set_ema, set_optimizer, set_options, shrink

_UPDATES = 5 * 3 * (20_000 // 64) // 2
"""Of the discriminator, to one of the generator."""
_NARROW = ((1, 32), (2, 64), (3, 64), (4, 32), (5, 32))
"""Windows for names."""


def _staged(
    config: ConfigDict, likelihood: int, discriminator: int, both: int, **first: Any
) -> None:
    """Sets the stages, by their numbers of steps; `first` are fields of the first."""
    config.stages = (
        # Adam begins anew after it, as in the authors' code: rewards' gradients are of
        # another size.
        {"until": likelihood, "model": {"stage": "likelihood"}, "restart": True, **first},
        {"until": likelihood + discriminator, "model": {"stage": "discriminator"}},
    )
    config.train.steps = likelihood + discriminator + both
    # The copy that finishes texts begins as the generator is when rewards begin.
    set_ema(config, 0.8, start=likelihood + discriminator)


def get_config(variant: str = "") -> ConfigDict:
    """Variants: "", "names", "smoke"."""
    config = default_config()
    config.method = "seqgan"
    config.train.batch_size = 64
    config.data.source = "builtin:names_female"
    config.log.every = config.checkpoint.every = config.samples.every = 50
    config.log.spectrum_every = 0
    if variant == "":
        config.data.source = "words:oracle"
        config.data.image_shape = (20, 5_000)
        set_options(config, full=True, baseline=False)
        config.recipe.d_steps = _UPDATES
        _staged(config, 120 * (10_000 // 64), 10, 200)
    elif variant == "names":
        set_options(config, hidden=64, windows=_NARROW)
        config.recipe.d_steps = 3
        set_optimizer(config, "gd", "adam", learning_rate=1e-3, b1=0.9, b2=0.999)
        _staged(config, 1_500, 200, 300, g_optimizer={"learning_rate": 1e-2})
    else:
        windows = ((1, 8), (2, 8), (3, 8))
        set_options(config, embedding=8, hidden=8, windows=windows, rollouts=2)
        shrink(config)
        _staged(config, 4, 2, 4)
    return config
