"""What measures are taken of: what is known of the real and of the generated examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import numpy as np

from gan_jax.metrics import checks, moments
from gan_jax.metrics.features import FeatureNet
from gan_jax.metrics.modes import Modes
from gan_jax.metrics.moments import Moments, Statistics
from gan_jax.types import Array, Key

STATISTICS, FEATURES, LOGITS = "statistics", "features", "logits"
IMAGES, LABELS = "images", "labels"


LOOKED_AT = frozenset({STATISTICS, FEATURES, LOGITS})
"""What takes a feature net to know."""


@dataclass(frozen=True)
class Evidence:
    """What is known of a set of examples: what measures need, and no more.

    Attributes:
        size: number of examples.
        known: by name: "mean" float64 (d,) and "covariance" float64 (d, d) of the features,
            "features" float32 (n, d), "logits" float32 (n, classes), "images" uint8
            (n, H, W, C) or points, "labels" int32 (n,).
    """

    size: int
    known: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __getitem__(self, name: str) -> np.ndarray:
        """What is known by a name.

        Raises:
            ValueError: it is not.
        """
        if name not in self.known:
            raise ValueError(f"it needs {name}, and there are none")
        return self.known[name]

    def get(self, name: str) -> np.ndarray | None:
        """What is known by a name, if anything."""
        return self.known.get(name)

    @property
    def statistics(self) -> Statistics:
        """Mean and covariance of the features.

        Raises:
            ValueError: they are not known.
        """
        return Statistics(self["mean"], self["covariance"])


T = TypeVar("T")


def needed(value: T | None, what: str) -> T:
    """The value.

    Raises:
        ValueError: there is none; says what is missing.
    """
    if value is None:
        raise ValueError(f"it needs {what}, and there are none")
    return value


class Styled(NamedTuple):
    """A generator with styles by halves.

    Attributes:
        mapping: `(latents, labels) -> styles` (n, layers, W).
        synthesis: `(styles) -> images`, float in [-1, 1], with the noise that is kept.
    """

    mapping: Callable[[Array, Array | None], Array]
    synthesis: Callable[[Array], Array]


class Generator(NamedTuple):
    """A generator, for measures that look at it and not at samples.

    Attributes:
        latents: `(key, n, labels) -> (n, Z)`.
        generate: `(latents, labels) -> images`, float in [-1, 1].
        num_classes: number of classes, or None.
        styled: the same by halves; None of one without styles.
    """

    latents: Callable[[Key, int, Array | None], Array]
    generate: Callable[[Array, Array | None], Array]
    num_classes: int | None
    styled: Styled | None = None


class Context(NamedTuple):
    """All that a measure may look at.

    Attributes:
        net: whose features and logits there are.
        real: the reference.
        fake: the samples.
        held_out: real examples that the model was not trained on, or None.
        generator: what made the samples, or None.
        num_classes: classes of the labels, or None.
        modes: of the true distribution, if it is a known mixture.
        seed: of whatever a measure draws.
    """

    net: FeatureNet
    real: Evidence
    fake: Evidence
    held_out: Evidence | None = None
    generator: Generator | None = None
    num_classes: int | None = None
    modes: Modes | None = None
    seed: int = 0


class Value(NamedTuple):
    """A number, as `manifest.Measurement` has it."""

    value: float
    std: float | None = None
    low: float | None = None
    high: float | None = None


class Medium(NamedTuple):
    """What a number is measured in, as a manifest has it.

    Attributes:
        name: such as "pixels".
        fingerprint: hexadecimal, or the name where it says all.
        resize: how images come to the size that is looked at.
    """

    name: str
    fingerprint: str
    resize: str = "none"


class Measure(NamedTuple):
    """Something that is measured.

    Attributes:
        run: `(context, **options) -> {name: Value}`.
        better: for every name that it may give, whether "lower" or "higher" is better, or
            neither, "".
        real: what it needs of the reference: "statistics", "features", "logits", "images"
            or "labels".
        fake: what it needs of the samples.
        held_out: what it needs of held-out examples.
        generator: whether it needs the generator itself.
        styles: whether that must have styles.
        classes: whether it is of classes, which the run then must have.
        medium: what it is measured in; None: the features of the context.
        points: whether it has a meaning for points.
        images: whether it has a meaning for images.
    """

    run: Callable[..., Mapping[str, Value]]
    better: Mapping[str, str]
    real: tuple[str, ...] = ()
    fake: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    generator: bool = False
    styles: bool = False
    classes: bool = False
    medium: Callable[[], Medium] | None = None
    points: bool = False
    images: bool = True


class Collector:
    """Gathers what is needed of examples that come in blocks.

    Args:
        needs: what to keep: "statistics", "features", "logits", "images", "labels".
        name: of the features in errors.
    """

    def __init__(self, needs: Iterable[str], name: str):
        self._needs, self._name = frozenset(needs), name
        self._moments: Moments | None = None
        self._parts: dict[str, list[np.ndarray]] = {}
        self._count = 0

    def add(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes a block.

        Args:
            arrays: leaves (n, ...), named as in `Evidence.known`.

        Raises:
            ValueError: a feature is not finite; names its row.
        """
        features = arrays.get("features")
        if features is not None:
            checks.require_finite(self._name, features, self._count)
        if STATISTICS in self._needs and features is not None:
            old = self._moments or moments.init(features.shape[1])
            self._moments = moments.update(old, features, self._name)
        for name in self._needs & arrays.keys():
            self._parts.setdefault(name, []).append(arrays[name])
        self._count += len(next(iter(arrays.values()), ()))

    def evidence(self) -> Evidence:
        """What was gathered.

        Raises:
            ValueError: statistics of fewer than two examples.
        """
        known = {name: np.concatenate(parts) for name, parts in self._parts.items()}
        if self._moments is not None:
            known |= moments.finish(self._moments, self._name)._asdict()
        return Evidence(self._count, known)
