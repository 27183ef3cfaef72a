"""Measures of points."""

from __future__ import annotations

from collections.abc import Mapping

from gan_jax.metrics.measures.evidence import Context, Measure, Medium, Value, needed
from gan_jax.metrics.modes import mode_statistics


def _modes(context: Context, *, within: float = 3.0) -> Mapping[str, Value]:
    found = mode_statistics(
        context.fake["images"], needed(context.modes, "known modes"), within=within
    )
    return {
        "modes_found": Value(float(found.modes_found)),
        "high_quality_share": Value(found.high_quality_share),
    }


OF_POINTS = {
    "modes": Measure(
        _modes,
        {"modes_found": "higher", "high_quality_share": "higher"},
        fake=("images",),
        medium=lambda: Medium("coordinates", "coordinates"),
        points=True,
        images=False,
    )
}
