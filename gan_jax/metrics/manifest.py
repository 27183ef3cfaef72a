"""What a number was measured with, and which numbers may be compared.

A Fréchet distance means something only beside the features, the resizing, the reference set
and the number of samples that it was taken with: the same generator scores several points
apart in two pipelines. Each `Measurement` carries all of that, and numbers that were not
measured alike refuse to be compared.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

QUANTISATION = "uint8, round(127.5 (x + 1)) clipped to 0..255"
"""How images in [-1, 1] become pixels before anything is measured (`numerics.to_uint8`)."""
NO_REFERENCE = ("none", "none", "none", 0)
"""Name, split, fingerprint and count of the reference of a measure that has none."""


class UnlikeError(ValueError):
    """Two numbers that were not measured alike."""


@dataclass(frozen=True)
class Manifest:
    """Everything that must agree before two numbers may be compared.

    Attributes:
        measure: such as "frechet_distance".
        options: of the measure, such as {"neighbours": 5}.
        features: name of the feature net, or "pixels" or "coordinates".
        features_fingerprint: hexadecimal, of its weights and function.
        resize: how images came to its size.
        quantisation: how images became pixels.
        reference: what the samples were compared with, as `data.source` in a config.
        reference_split: of those data.
        reference_fingerprint: hexadecimal digest of these very examples.
        reference_count: how many.
        samples: number of samples.
        seed: of the latents.
        truncation: of normal latents, or None.
        labels: "none", "in turn" or "as the data": how the classes of samples were chosen.
        batch_norm: "running", or "standing 16 x 64": batches and their size.
        average: whether the generator's average was sampled.
        code: version of gan_jax.
    """

    measure: str
    features: str
    features_fingerprint: str
    resize: str
    quantisation: str
    reference: str
    reference_split: str
    reference_fingerprint: str
    reference_count: int
    samples: int
    seed: int
    truncation: float | None
    labels: str
    batch_norm: str
    average: bool
    code: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Measure and features: "frechet_distance/inception"."""
        return f"{self.measure}/{self.features}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Manifest:
        """What `to_dict` made.

        Raises:
            ValueError: fields are missing or unknown; names them.
        """
        known = {each.name for each in dataclasses.fields(cls)}
        if wrong := known ^ set(values):
            raise ValueError(f"a manifest has other fields: {', '.join(sorted(wrong))}")
        return cls(**values)


class Measurement(NamedTuple):
    """A number with everything it was measured with.

    Attributes:
        value: the number.
        manifest: what it was measured with.
        std: over splits or subsets, or None.
        low: lower end of a confidence interval, or None.
        high: upper end.
    """

    value: float
    manifest: Manifest
    std: float | None = None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        spread = "" if self.std is None else f" ± {self.std:.3g}"
        if self.low is not None and self.high is not None:
            spread += f" [{self.low:.4g}, {self.high:.4g}]"
        return f"{self.manifest.title} {self.value:.5g}{spread}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return self._asdict() | {"manifest": self.manifest.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Measurement:
        """What `to_dict` made; further entries are passed over.

        Raises:
            ValueError: the manifest has other fields.
            KeyError: an entry is missing.
        """
        numbers = {name: values[name] for name in ("value", "std", "low", "high")}
        return cls(**numbers, manifest=Manifest.from_dict(values["manifest"]))


def differences(first: Manifest, second: Manifest) -> list[str]:
    """Says field by field where two manifests differ: "samples: 10000 and 50000"."""
    ours, theirs = first.to_dict(), second.to_dict()
    return [
        f"{name}: {ours[name]!r} and {theirs[name]!r}"
        for name in ours
        if ours[name] != theirs[name]
    ]


def require_comparable(*measurements: Measurement) -> None:
    """Refuses numbers that were not measured alike.

    Raises:
        UnlikeError: names what differs.
    """
    for other in measurements[1:]:
        if unlike := differences(measurements[0].manifest, other.manifest):
            raise UnlikeError(
                f"these numbers were not measured alike and cannot be compared: "
                f"{'; '.join(unlike)}"
            )


def compare(first: Measurement, second: Measurement) -> float:
    """The second number minus the first.

    Raises:
        UnlikeError: they were not measured alike; names what differs.
    """
    require_comparable(first, second)
    return second.value - first.value
