"""Everything that `gan-jax evaluate` can measure, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gan_jax.metrics.measures.evidence import (
    Collector,
    Context,
    Evidence,
    Generator,
    Measure,
    Styled,
    Value,
)
from gan_jax.metrics.measures.of_features import OF_FEATURES
from gan_jax.metrics.measures.of_images import OF_IMAGES
from gan_jax.metrics.measures.of_points import OF_POINTS

__all__ = [
    "MEASURES",
    "Collector",
    "Context",
    "Evidence",
    "Generator",
    "Measure",
    "Styled",
    "Value",
]

MEASURES: Mapping[str, Measure] = MappingProxyType(OF_FEATURES | OF_IMAGES | OF_POINTS)
"""The measures there are."""
