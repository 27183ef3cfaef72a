"""Measures of generated samples, on arrays of features, logits, points or images."""

from typing import TYPE_CHECKING

from gan_jax import lazy

if TYPE_CHECKING:
    from gan_jax.metrics.accuracy_score import (
        AccuracyScore,
        classification_accuracy_score,
    )
    from gan_jax.metrics.birthday import (
        birthday_support,
        closest_pairs,
        support_from_collisions,
    )
    from gan_jax.metrics.classifier import load_classifier
    from gan_jax.metrics.discriminator_features import discriminator_features
    from gan_jax.metrics.extractors import (
        ActivationNet,
        from_function,
        open_features,
        squeezenet_activations,
    )
    from gan_jax.metrics.features import FeatureNet, Features, thumbnails
    from gan_jax.metrics.frechet import (
        frechet_distance,
        frechet_from_statistics,
        statistics,
    )
    from gan_jax.metrics.frechet_infinity import (
        ExtrapolatedDistance,
        frechet_distance_infinity,
    )
    from gan_jax.metrics.image_quality import mean_over_pairs, ms_ssim, psnr, ssim
    from gan_jax.metrics.inception_score import InceptionScore, inception_score
    from gan_jax.metrics.intra_class import (
        IntraClassDistance,
        intra_class_frechet_distance,
    )
    from gan_jax.metrics.kernel import (
        KernelDistance,
        gaussian_kernel,
        kernel_distance,
        kernel_distance_interval,
        kernel_distance_subsets,
        polynomial_kernel,
    )
    from gan_jax.metrics.laplacian import PyramidDistance, pyramid_distance
    from gan_jax.metrics.manifest import (
        Manifest,
        Measurement,
        UnlikeError,
        compare,
        require_comparable,
    )
    from gan_jax.metrics.measures import MEASURES
    from gan_jax.metrics.memorisation import Memorisation, memorisation
    from gan_jax.metrics.modes import Modes, ModeStatistics, mode_statistics
    from gan_jax.metrics.moments import Moments, Statistics
    from gan_jax.metrics.neighbours import Neighbours, nearest_neighbours
    from gan_jax.metrics.parzen import ParzenScore, parzen_score
    from gan_jax.metrics.path_length import PathLength, perceptual_path_length
    from gan_jax.metrics.perceptual import (
        PerceptualDistance,
        perceptual_distance,
        squeezenet_distance,
    )
    from gan_jax.metrics.prdc import (
        PrecisionRecallDensityCoverage,
        precision_recall_density_coverage,
    )
    from gan_jax.metrics.probes import (
        Probe,
        linear_probe,
        nearest_neighbour_probe,
        svm_probe,
    )
    from gan_jax.metrics.recognition import recognition
    from gan_jax.metrics.sliced import sliced_wasserstein, wasserstein_1d

__all__ = [
    "MEASURES",
    "AccuracyScore",
    "ActivationNet",
    "ExtrapolatedDistance",
    "FeatureNet",
    "Features",
    "InceptionScore",
    "IntraClassDistance",
    "KernelDistance",
    "Manifest",
    "Measurement",
    "Memorisation",
    "ModeStatistics",
    "Modes",
    "Moments",
    "Neighbours",
    "ParzenScore",
    "PathLength",
    "PerceptualDistance",
    "PrecisionRecallDensityCoverage",
    "Probe",
    "PyramidDistance",
    "Statistics",
    "UnlikeError",
    "birthday_support",
    "classification_accuracy_score",
    "closest_pairs",
    "compare",
    "discriminator_features",
    "frechet_distance",
    "frechet_distance_infinity",
    "frechet_from_statistics",
    "from_function",
    "gaussian_kernel",
    "inception_score",
    "intra_class_frechet_distance",
    "kernel_distance",
    "kernel_distance_interval",
    "kernel_distance_subsets",
    "linear_probe",
    "load_classifier",
    "mean_over_pairs",
    "memorisation",
    "mode_statistics",
    "ms_ssim",
    "nearest_neighbour_probe",
    "nearest_neighbours",
    "open_features",
    "parzen_score",
    "perceptual_distance",
    "perceptual_path_length",
    "polynomial_kernel",
    "precision_recall_density_coverage",
    "psnr",
    "pyramid_distance",
    "recognition",
    "require_comparable",
    "sliced_wasserstein",
    "squeezenet_activations",
    "squeezenet_distance",
    "ssim",
    "statistics",
    "support_from_collisions",
    "svm_probe",
    "thumbnails",
    "wasserstein_1d",
]

lazy.defer(__name__)
