"""The runs of this study, as configs: four trainings on two kinds of data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from experiments.text.oracle import LENGTH, UNITS, WORDS, sequences
from experiments.training import config_of, short
from gan_jax.config import set_ema, set_optimizer, set_options

SEEDS = (0, 1, 2)


class Plan(NamedTuple):
    """How long every part of a training is, in steps.

    Attributes:
        batch: texts of a step.
        first: maximum likelihood at `FIRST_RATE`.
        settled: maximum likelihood at `RATE`.
        alone: the discriminator alone.
        both: generator and discriminator in turn.
        every: steps between checkpoints.
    """

    batch: int
    first: int
    settled: int
    alone: int
    both: int
    every: int

    @property
    def likelihood(self) -> int:
        """The step at which maximum likelihood ends."""
        return self.first + self.settled

    @property
    def steps(self) -> int:
        """All of them."""
        return self.likelihood + self.alone + self.both

    def measured(self) -> tuple[int, ...]:
        """Steps at which runs are measured."""
        coarse = 10 * self.every
        return (
            *range(coarse, self.likelihood, coarse),
            *range(self.likelihood, self.steps + 1, self.every),
        )


PLANS: Mapping[str, Plan] = {
    "oracle": Plan(256, 3_000, 1_000, 300, 400, 100),
    "names": Plan(64, 1_200, 300, 100, 300, 100),
}
"""By data."""
ROLLOUTS, D_ALONE, D_BOTH = 2, 10, 5
"""D_ALONE, D_BOTH: updates of the discriminator in a step."""
FIRST_RATE, RATE, D_RATE = 1e-2, 1e-3, 2e-3
"""Adam's, of the generator in maximum likelihood, as in the authors' code, and after it; of
the discriminator."""
TEMPERATURES = (1.0, 0.5)
WINDOWS = ((1, 32), (2, 64), (3, 64), (4, 32), (5, 32))


class Training(NamedTuple):
    """How a generator of texts is trained.

    Attributes:
        title: on the page.
        config: of the repository.
        options: of the method, other than sizes.
    """

    title: str
    config: str
    options: Mapping[str, Any]


_RELAXED: Mapping[str, Any] = {"temperatures": TEMPERATURES}
TRAININGS: Mapping[str, Training] = {
    "likelihood": Training(
        "maximum likelihood",
        "seqgan.py:names",
        {"rollouts": ROLLOUTS, "stage": "likelihood"},
    ),
    "seqgan": Training("SeqGAN", "seqgan.py:names", {"rollouts": ROLLOUTS}),
    "gumbel_gan": Training("Gumbel-softmax GAN", "gumbel_gan.py", _RELAXED),
    "straight_through": Training(
        "Gumbel, straight through",
        "gumbel_gan.py",
        {**_RELAXED, "straight_through": True},
    ),
}
METHODS = {f"{data}_{name}": (data, name) for data in PLANS for name in TRAININGS}
"""Data and training of every run, by its name."""


def _stages(how: str, plan: Plan) -> tuple[dict[str, Any], ...]:
    """The stages before the last. Adam begins anew where rewards take the place of
    likelihood, whose gradients are of another size.
    """
    taught = {"model": {"stage": "likelihood"}}
    found: list[dict[str, Any]] = [
        {"until": plan.first, "g_optimizer": {"learning_rate": FIRST_RATE}, **taught}
    ]
    if how != "likelihood":
        found.append({"until": plan.likelihood, "restart": True, **taught})
    if how == "seqgan":
        until = plan.likelihood + plan.alone
        judging = {"model": {"stage": "discriminator"}, "d_steps": D_ALONE}
        found.append({"until": until, **judging})
    return tuple(found)


def make_config(name: str, seed: int) -> ConfigDict:
    """The config of a run; the oracle's sequences are written to the cache on first use.

    Args:
        name: in `METHODS`.
        seed: of weights, draws and the order of the data.
    """
    data, how = METHODS[name]
    plan = PLANS[data]
    training = TRAININGS[how]
    config = config_of(training.config)
    config.train.batch_size = plan.batch
    options = {"windows": WINDOWS, "full": data == "oracle", "hidden": UNITS}
    if "temperatures" in training.options:
        ends = plan.likelihood, plan.steps
        options["annealing"] = tuple(float(plan.batch * step) for step in ends)
    set_options(config, **options, **training.options)
    config.stages = _stages(how, plan)
    set_optimizer(config, "g", "adam", learning_rate=RATE, b1=0.9, b2=0.999)
    config.recipe.d_steps = D_BOTH
    set_optimizer(config, "d", "adam", learning_rate=D_RATE, b1=0.9, b2=0.999)
    set_ema(config, 0.8, start=plan.likelihood + plan.alone)
    if data == "oracle":
        config.data.source = f"words:{sequences()}"
        config.data.image_shape = (LENGTH, WORDS + 1)
    fields = {
        "samples.count": 100,
        "checkpoint.every": plan.every,
        "checkpoint.keep_last": plan.steps // plan.every,
    }
    return short(config, seed, plan.steps, fields)
