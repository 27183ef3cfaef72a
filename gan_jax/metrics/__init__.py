"""Measures of generated samples, on arrays of features, logits, points or images."""

from gan_jax.metrics.classifier import Classifier, load_classifier
from gan_jax.metrics.features import FeatureNet, thumbnails
from gan_jax.metrics.frechet import (
    Statistics,
    frechet_distance,
    frechet_from_statistics,
    statistics,
)
from gan_jax.metrics.inception_score import InceptionScore, inception_score
from gan_jax.metrics.kernel import (
    KernelDistance,
    gaussian_kernel,
    kernel_distance,
    kernel_distance_subsets,
    polynomial_kernel,
)
from gan_jax.metrics.modes import Modes, ModeStatistics, mode_statistics
from gan_jax.metrics.prdc import (
    PrecisionRecallDensityCoverage,
    precision_recall_density_coverage,
)
from gan_jax.metrics.score import Scorer, make_point_scorer, make_scorer

__all__ = [
    "Classifier",
    "FeatureNet",
    "InceptionScore",
    "KernelDistance",
    "ModeStatistics",
    "Modes",
    "PrecisionRecallDensityCoverage",
    "Scorer",
    "Statistics",
    "frechet_distance",
    "frechet_from_statistics",
    "gaussian_kernel",
    "inception_score",
    "kernel_distance",
    "kernel_distance_subsets",
    "load_classifier",
    "make_point_scorer",
    "make_scorer",
    "mode_statistics",
    "polynomial_kernel",
    "precision_recall_density_coverage",
    "statistics",
    "thumbnails",
]
