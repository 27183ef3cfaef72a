"""What a spec means for a run's data: everything that can be wrong is found here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from gan_jax.config import choose, nearest
from gan_jax.data import DataError, open_source, synthetic_source
from gan_jax.data.sources import split_spec
from gan_jax.errors import UserError
from gan_jax.evaluation.examples import RealSet
from gan_jax.evaluation.spec import Spec
from gan_jax.metrics.extractors import open_features
from gan_jax.metrics.features import FeatureNet, Features
from gan_jax.metrics.measures import MEASURES, Measure
from gan_jax.metrics.measures.evidence import Medium
from gan_jax.metrics.modes import Modes
from gan_jax.registry import DataSettings

CLASSIFIED = {
    "builtin:mnist": "mnist_classifier",
    "builtin:emoji_google": "emoji_classifier",
    "builtin:emoji_twitter": "emoji_classifier",
}
"""Built-in sources, and the classifier in whose features their samples are measured."""

MODES = {
    "synthetic:ring": (synthetic_source.ring_modes, synthetic_source.RING_SIGMA),
    "synthetic:grid": (synthetic_source.grid_modes, synthetic_source.GRID_SIGMA),
}
"""Mixtures whose modes are known."""

COORDINATES = FeatureNet(
    "coordinates", lambda points: Features(points), "coordinates", "none"
)
"""The features of points: themselves."""


class Plan(NamedTuple):
    """What is measured.

    Attributes:
        spec: what was asked for, with everything filled in.
        measures: by name, with their options.
        net: the features.
        reference: real examples that samples are compared with.
        held_out: others, if a measure needs them.
        modes: of the true distribution, if it is a known mixture.
        num_classes: classes of the labels of samples, or None.
    """

    spec: Spec
    measures: Mapping[str, tuple[Measure, Mapping[str, Any]]]
    net: FeatureNet
    reference: RealSet
    held_out: RealSet | None
    modes: Modes | None
    num_classes: int | None

    def needs(self, of: str) -> frozenset[str]:
        """What is needed "real", "fake" or "held_out" of all measures together."""
        return frozenset(need for m, _ in self.measures.values() for need in getattr(m, of))

    @property
    def better(self) -> dict[str, str]:
        """Every number's title, and which direction of it is better."""
        return {
            f"{name}/{self.medium(measure).name}": direction
            for measure, _ in self.measures.values()
            for name, direction in measure.better.items()
        }

    def medium(self, measure: Measure) -> Medium:
        """What a measure is taken in."""
        if measure.medium is not None:
            return measure.medium()
        return Medium(self.net.name, self.net.fingerprint, self.net.resize)


def make_plan(spec: Spec, source: str, data: DataSettings) -> Plan:
    """Fills in what a spec leaves open, and opens what it names.

    Args:
        spec: what is asked for.
        source: `data.source` of the run.
        data: its data settings.

    Returns:
        The plan.

    Raises:
        UserError: one line that says what is wrong and how to mend it.
    """
    if len(data.image_shape) == 2:
        raise UserError(
            "no measure is of texts; set score.every to 0, and see texts by gan-jax "
            "sample-text"
        )
    points = len(data.image_shape) == 1
    spec = _filled(spec, source, data)
    net = COORDINATES if points else open_features(str(spec.features))
    if not spec.measures:
        spec = replace(spec, measures=_usual(source, net, points))
    chosen = {name: _measure(name, spec, net, points) for name in spec.measures}
    held_out = None
    if any(measure.held_out for measure, _ in chosen.values()):
        held_out = _real(source, spec.held_out, data, 0)
    known = MODES.get(_name(source))
    plan = Plan(
        spec,
        chosen,
        net,
        _real(source, spec.split, data, spec.reference),
        held_out,
        known and Modes(known[0](), known[1]),
        data.num_classes,
    )
    _check_labels(plan)
    return plan


def _name(source: str) -> str:
    return ":".join(source.split(":")[:2])


def _filled(spec: Spec, source: str, data: DataSettings) -> Spec:
    if len(data.image_shape) == 1:
        if spec.features not in (None, COORDINATES.name):
            raise UserError(
                f"the run makes points, which have no features but their coordinates; "
                f"leave score.features ({spec.features!r}) out"
            )
        return replace(spec, features=COORDINATES.name)
    return replace(spec, features=spec.features or default_features(source, data))


def default_features(source: str, data: DataSettings) -> str:
    """The features in which samples of a source are measured if nothing else is asked for:
    a classifier of the project's own for built-in data, thumbnails of images of a few
    pixels or with one or two channels, else those of EfficientNet-Lite0.
    """
    if _name(source) in CLASSIFIED:
        return CLASSIFIED[_name(source)]
    colour = data.image_shape[-1] >= 3 and min(data.image_shape[:2]) >= 16
    return "efficientnet_lite0" if colour else "pixels_8x8"


def _usual(source: str, net: FeatureNet, points: bool) -> tuple[str, ...]:
    if points:
        known = _name(source) in MODES
        return ("frechet_distance", "modes") if known else ("frechet_distance",)
    # A classifier of the project's own knows the classes that are asked for.
    named = net.accuracy is not None
    return ("frechet_distance", "recognition") if named else ("frechet_distance",)


def _measure(
    name: str, spec: Spec, net: FeatureNet, points: bool
) -> tuple[Measure, Mapping[str, Any]]:
    """A measure with its options, checked."""
    measure: Measure = choose("measure", name, MEASURES)
    if not (measure.points if points else measure.images):
        what = "points" if points else "images"
        raise UserError(f"measure {name!r} has no meaning for {what}")
    if "logits" in measure.fake and net.num_classes is None:
        raise UserError(
            f"measure {name!r} needs class logits, which the features {net.name!r} "
            "do not give; choose inception or a classifier by score.features"
        )
    signature = inspect.signature(measure.run).parameters
    defaults = {k: p.default for k, p in signature.items() if k != "context"}
    given = dict(spec.options.get(name, {}))
    for option in given:
        if option not in defaults:
            raise UserError(
                f"measure {name!r} has no option {option!r}{nearest(option, defaults)}"
            )
    return measure, defaults | given


def _real(source: str, split: str | None, data: DataSettings, count: int) -> RealSet:
    spec = split_spec(source, split)
    try:
        opened = open_source(spec, data_dir=data.data_dir)
    except DataError as error:
        raise UserError(f"examples to measure against: {error}") from error
    if len(opened) < 2:
        raise UserError(f"{spec} has {len(opened)} examples, too few to measure against")
    number = min(count, len(opened)) if count else len(opened)
    return RealSet(opened, data, number, split or "as trained")


def _check_labels(plan: Plan) -> None:
    """Refuses measures by class where there are no classes."""
    for name, (measure, _) in plan.measures.items():
        if measure.classes and plan.num_classes is None:
            raise UserError(f"measure {name!r} needs a run with classes")


def as_the_data(reference: RealSet) -> Callable[[np.ndarray], np.ndarray]:
    """Labels of rows: those of the reference, in its order, again and again.

    Raises:
        UserError: it has no labels.
    """
    known = [block.get("labels") for block in reference.blocks()]
    if any(labels is None for labels in known):
        raise UserError(f"score.labels: {reference.source.name} has no labels")
    labels = np.concatenate([np.asarray(each, np.int32) for each in known])
    return lambda rows: labels[rows % len(labels)]
