"""Penalties: on a critic's slope, logits and consistency, on a generator, on parameters."""

from gan_jax.penalties.consensus import Losses, consensus, vector_field
from gan_jax.penalties.consistency import (
    Augmentation,
    LatentConsistency,
    balanced_consistency,
    consistency,
    latent_consistency,
)
from gan_jax.penalties.gradient import (
    assert_per_example,
    dragan,
    finite_difference_penalty,
    gradient_penalty,
    max_gradient_penalty,
    r1,
    r2,
)
from gan_jax.penalties.lift import lift
from gan_jax.penalties.logits import LeCamAverages, drift, lecam, lecam_averages
from gan_jax.penalties.path_length import PathLength, path_length
from gan_jax.penalties.weights import (
    HistoricalAverage,
    historical_average,
    historical_averaging,
    orthogonal,
    weight_decay,
)

__all__ = [
    "Augmentation",
    "HistoricalAverage",
    "LatentConsistency",
    "LeCamAverages",
    "Losses",
    "PathLength",
    "assert_per_example",
    "balanced_consistency",
    "consensus",
    "consistency",
    "dragan",
    "drift",
    "finite_difference_penalty",
    "gradient_penalty",
    "historical_average",
    "historical_averaging",
    "latent_consistency",
    "lecam",
    "lecam_averages",
    "lift",
    "max_gradient_penalty",
    "orthogonal",
    "path_length",
    "r1",
    "r2",
    "vector_field",
    "weight_decay",
]
