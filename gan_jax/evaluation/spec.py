"""How a run is evaluated: which numbers, of which samples, against which data.

The spec of a run is part of its config, and every checkpoint carries it, so that the number
of today can be had again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
from ml_collections import ConfigDict

from gan_jax.config import choose
from gan_jax.errors import UserError
from gan_jax.metrics.measures import MEASURES
from gan_jax.sampler import sampling_key

LABELS = ("in turn", "as the data")
"""How the classes of samples are chosen: one after the other, or those of the reference."""


@dataclass(frozen=True)
class Spec:
    """What is measured, and of what.

    Attributes:
        measures: names in `gan_jax.metrics.measures.MEASURES`; empty: as suits the data.
        options: `{measure: {option: value}}`.
        features: as `gan_jax.metrics.open_features` takes it; None: as suits the data.
        samples: number of samples.
        reference: number of real examples that they are compared with; 0 for all.
        split: of the data that the reference is from; None: that of training.
        held_out: split that measures of memorisation and likelihood compare with.
        seed: of the latents.
        labels: one of `LABELS`; of no meaning without classes.
        truncation: threshold beyond which values of normal latents are drawn again.
        standing: batches whose statistics take the place of batch norm's running ones.
        average: whether the generator's average is sampled, where the run keeps one.
    """

    samples: int
    reference: int = 0
    measures: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    features: str | None = None
    split: str | None = None
    held_out: str = "test"
    seed: int = 0
    labels: str = "in turn"
    truncation: float | None = None
    standing: int | None = None
    average: bool = True

    def to_dict(self) -> dict[str, Any]:
        """As JSON values, with the key of the latents."""
        key = jax.random.key_data(sampling_key(self.seed)).tolist()
        return dataclasses.asdict(self) | {"measures": list(self.measures), "key": key}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Spec:
        """What `to_dict` made."""
        known = {name: value for name, value in values.items() if name != "key"}
        return cls(**(known | {"measures": tuple(known["measures"])}))


def spec_of(config: ConfigDict) -> Spec:
    """The spec that a config's `score` asks for.

    Raises:
        UserError: a value is out of range.
    """
    group = config.score
    spec = Spec(
        samples=group.samples,
        reference=group.reference,
        measures=tuple(group.measures),
        options={name: options.to_dict() for name, options in group.options.items()},
        features=group.features,
        split=group.split,
        held_out=group.held_out,
        seed=group.seed,
        labels=group.labels,
        truncation=group.truncation,
        standing=group.standing,
        average=group.average,
    )
    check(spec)
    return spec


def check(spec: Spec) -> None:
    """Refuses what no evaluation can do.

    Raises:
        UserError: names the field.
    """
    for name in (*spec.measures, *spec.options):
        choose("measure", name, MEASURES)
    choose("choice of labels", spec.labels, dict.fromkeys(LABELS))
    if spec.samples < 2:
        raise UserError(f"score.samples must be at least 2, got {spec.samples}")
    if spec.reference < 0 or spec.reference == 1:
        raise UserError(
            f"score.reference must be at least 2, or 0 for all, got {spec.reference}"
        )
    for name in ("truncation", "standing"):
        value = getattr(spec, name)
        if value is not None and value <= 0:
            raise UserError(f"score.{name} must be positive, got {value}")
