"""What is trained: three conditional runs, and the rows of the ablation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from experiments.training import config_of
from gan_jax import trees
from gan_jax.config import set_ema, set_options, set_terms
from gan_jax.networks.biggan import BIGGAN_PLANS, BigGANDiscriminator, BigGANGenerator
from gan_jax.nn.adapter import from_linen

ROOT = Path(__file__).parents[2]
SEED, SIZE, CLASSES, BATCH = 0, 32, 10, 16
SCORED = 1_000
"""Samples in a score: the distances of the page are all of as many."""

# The three runs.

_ALIKE = {
    "seed": SEED,
    "data.image_shape": (SIZE, SIZE, 3),
    "train.batch_size": BATCH,
    "train.steps": 5_000,
    "recipe.d_steps": 2,
    "recipe.g_optimizer.learning_rate": 4e-4,
    "recipe.d_optimizer.learning_rate": 1.6e-3,
    "recipe.ema.half_life": 5e3,
    "recipe.ema.start": 0.0,
    "log.every": 20,
    "log.spectrum_every": 50,
    "log.tensorboard": False,
    "samples.every": 500,
    "samples.count": 80,
    "samples.columns": 10,
    "checkpoint.every": 100,
    "checkpoint.keep_last": 100,
    "score.every": 500,
    "score.samples": SCORED,
}


class Run(NamedTuple):
    """A run of the command line.

    Attributes:
        config: file and variant.
        changes: fields of the config that it sets.
    """

    config: str
    changes: Mapping[str, Any]

    def flags(self, workdir: str, steps: int | None = None) -> list[str]:
        """Flags of `gan-jax train`, with another last step if given."""
        changes = self.changes if steps is None else {**self.changes, "train.steps": steps}
        fields = [f"--config.{name}={_word(value)}" for name, value in changes.items()]
        return [f"--config={self.config}", f"--workdir={workdir}", *fields]


def _word(value: Any) -> str:
    return str(value).replace(" ", "")


RUNS = {
    "SNGAN": Run(
        "configs/sngan.py:emoji",
        _ALIKE
        | {
            "model.g_width": 32,
            "model.d_width": 32,
            "recipe.fakes_per_real": 1,
        },
    ),
    "SAGAN": Run(
        "configs/sagan.py:emoji",
        _ALIKE
        | {
            "model.g_width": 32,
            "model.d_width": 32,
            "recipe.d_steps": 1,
        },
    ),
    "BigGAN": Run(
        "configs/biggan.py:emoji",
        _ALIKE | {"model.g_width": 8, "model.d_width": 8},
    ),
}
KILLED = "BigGAN"
"""The run that is killed on the way and started again by the same command."""


# The ablation.

SCALE_BATCH, SCALE_WIDTH = 64, 16
"""The paper's batches and widths are divided by these."""
ROW_STEPS, LATENT, EMBEDDING = 400, 80, 32
_PAPER_CLASSES, _PAPER_SIZE, _PAPER_EMBEDDING = 1_000, 128, 128


class Row(NamedTuple):
    """A row of the paper's Table 1, as it is there.

    Attributes:
        batch: images of a step.
        width: "ch" of both networks.
        shared: whether norms share an embedding of the classes.
        skip: whether the latent is split over the blocks.
        ortho: whether the generator is regularised.
        paper: Fréchet Inception distance on ImageNet, Inception Score, and millions of
            parameters, as published.
    """

    batch: int
    width: int
    shared: bool
    skip: bool
    ortho: bool
    paper: tuple[float, float, float]

    @property
    def name(self) -> str:
        """For folders: batch, width, and the first letters of what it has."""
        has = zip("sko", (self.shared, self.skip, self.ortho), strict=True)
        return f"{self.batch}_{self.width}_{''.join(letter for letter, on in has if on)}"


ROWS = (
    Row(256, 64, False, False, False, (18.65, 52.52, 81.5)),
    Row(512, 64, False, False, False, (15.30, 58.77, 81.5)),
    Row(1024, 64, False, False, False, (14.88, 63.03, 81.5)),
    Row(2048, 64, False, False, False, (12.39, 76.85, 81.5)),
    Row(2048, 96, False, False, False, (9.54, 92.98, 173.5)),
    Row(2048, 96, True, False, False, (9.18, 94.94, 160.6)),
    Row(2048, 96, True, True, False, (8.73, 98.76, 158.3)),
    Row(2048, 96, True, True, True, (8.51, 99.31, 158.3)),
    Row(2048, 64, True, True, True, (10.48, 86.90, 71.3)),
)


def row_config(row: Row) -> ConfigDict:
    """The row at small scale, on emoji.

    Raises:
        UserError: the repository's config files are not there.
    """
    config = config_of("biggan.py:emoji")
    width = row.width // SCALE_WIDTH
    set_options(
        config,
        g_width=width,
        d_width=width,
        embedding=EMBEDDING if row.shared else None,
        hierarchical=row.skip,
    )
    weight = 1e-4 if row.ortho else 0.0
    set_terms(config, "g", ortho={"penalty": "orthogonal", "weight": weight})
    changes = _ALIKE | {
        "train.batch_size": row.batch // SCALE_BATCH,
        "train.steps": ROW_STEPS,
        "recipe.latent_dim": LATENT,
        "log.every": 100,
        "log.spectrum_every": 0,
        "samples.every": ROW_STEPS,
        "checkpoint.every": ROW_STEPS,
        "score.every": ROW_STEPS // 2,
    }
    for name, value in changes.items():
        config.update_from_flattened_dict({name: value})
    set_ema(config, decay=0.99)
    return config


def paper_parameters(row: Row) -> int:
    """Parameters of both networks at the paper's size, at 128 pixels with 1,000 classes,
    without the shared embedding, which its table leaves out. Nothing is computed.
    """
    labels = jax.ShapeDtypeStruct((2,), jnp.int32)
    generator = BigGANGenerator(
        BIGGAN_PLANS[_PAPER_SIZE],
        row.width,
        num_classes=_PAPER_CLASSES,
        embedding=_PAPER_EMBEDDING if row.shared else None,
        hierarchical=row.skip,
    )
    discriminator = BigGANDiscriminator(
        BIGGAN_PLANS[_PAPER_SIZE], row.width, num_classes=_PAPER_CLASSES
    )
    latent = (120 if row.skip else 128,)
    image = (_PAPER_SIZE, _PAPER_SIZE, 3)
    nets = from_linen(generator, latent, labels), from_linen(discriminator, image, labels)
    both = sum(trees.count(jax.eval_shape(n.init, jax.random.key(0))[0]) for n in nets)
    return both - (_PAPER_CLASSES * _PAPER_EMBEDDING if row.shared else 0)
