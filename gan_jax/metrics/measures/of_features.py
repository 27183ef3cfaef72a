"""Measures of features and logits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gan_jax.metrics import frechet, kernel, prdc
from gan_jax.metrics.birthday import birthday_support, closest_pairs
from gan_jax.metrics.frechet_infinity import infinity_from_statistics
from gan_jax.metrics.inception_score import inception_score
from gan_jax.metrics.intra_class import intra_class_frechet_distance
from gan_jax.metrics.measures.evidence import Context, Measure, Value, needed
from gan_jax.metrics.memorisation import memorisation
from gan_jax.metrics.recognition import recognition
from gan_jax.metrics.sliced import sliced_wasserstein


def _frechet_distance(context: Context) -> Mapping[str, Value]:
    real, fake = context.real.statistics, context.fake.statistics
    return {"frechet_distance": Value(frechet.frechet_from_statistics(*real, *fake))}


def _frechet_distance_infinity(
    context: Context, *, halvings: int = 3, confidence: float = 0.95
) -> Mapping[str, Value]:
    found = infinity_from_statistics(
        context.real.statistics,
        context.fake["features"],
        halvings=halvings,
        seed=context.seed,
        confidence=confidence,
    )
    value = Value(found.value, low=found.low, high=found.high)
    return {"frechet_distance_infinity": value}


def _intra_class(context: Context) -> Mapping[str, Value]:
    found = intra_class_frechet_distance(
        context.real["features"],
        context.real["labels"],
        context.fake["features"],
        context.fake["labels"],
    )
    spread = float(np.std(found.distances))
    return {"intra_class_frechet_distance": Value(found.mean, spread)}


def _kernel_distance(
    context: Context, *, subsets: int = 100, size: int = 1000, confidence: float = 0.95
) -> Mapping[str, Value]:
    found = kernel.kernel_distance_subsets(
        context.real["features"],
        context.fake["features"],
        subsets=subsets,
        size=size,
        seed=context.seed,
        confidence=confidence,
    )
    return {"kernel_distance": Value(*found)}


def _kernel_distance_of_all(
    context: Context, *, confidence: float = 0.95
) -> Mapping[str, Value]:
    found = kernel.kernel_distance_interval(
        context.real["features"], context.fake["features"], confidence=confidence
    )
    value = Value(found.value, low=found.low, high=found.high)
    return {"kernel_distance_of_all": value}


def _sliced_wasserstein(
    context: Context, *, projections: int = 512, order: float = 1.0
) -> Mapping[str, Value]:
    found = sliced_wasserstein(
        context.real["features"],
        context.fake["features"],
        projections=projections,
        order=order,
        seed=context.seed,
    )
    return {"sliced_wasserstein": Value(found)}


def _memorisation(
    context: Context, *, quantile: float = 0.05, cells: int = 1
) -> Mapping[str, Value]:
    held_out = needed(context.held_out, "held-out examples")
    found = memorisation(
        context.real["features"],
        held_out["features"],
        context.fake["features"],
        quantile=quantile,
        cells=cells,
        seed=context.seed,
    )
    return {
        "memorisation_z": Value(found.z),
        "memorised_share": Value(found.share_closer),
    }


def _birthday(
    context: Context, *, batch: int = 100, threshold: float | None = None
) -> Mapping[str, Value]:
    """How near the nearest two of a batch of samples are, beside those of real examples."""
    fake, real = (
        closest_pairs(each["features"], batch=batch).distances
        for each in (context.fake, context.real)
    )
    near = Value(float(np.median(fake) / np.median(real)))
    if threshold is None:
        return {"closest_pair_ratio": near}
    found = birthday_support(context.fake["features"], batch=batch, threshold=threshold)
    # Without a pair that is near enough only the lower end is known.
    size = found.size if np.isfinite(found.size) else found.low
    high = found.high if np.isfinite(found.high) else None
    support = Value(size, low=found.low, high=high)
    return {"closest_pair_ratio": near, "support_size": support}


def _precision_recall(context: Context, *, neighbours: int = 5) -> Mapping[str, Value]:
    found = prdc.precision_recall_density_coverage(
        context.real["features"], context.fake["features"], neighbours=neighbours
    )
    return {name: Value(share) for name, share in found._asdict().items()}


def _inception_score(context: Context, *, splits: int = 10) -> Mapping[str, Value]:
    found = inception_score(context.fake["logits"], splits)
    return {"inception_score": Value(found.mean, found.std)}


def _recognition(context: Context) -> Mapping[str, Value]:
    logits, labels = context.fake["logits"], context.fake.get("labels")
    # Labels of other data are no classes of the net.
    asked = labels if context.num_classes == logits.shape[1] else None
    return {name: Value(share) for name, share in recognition(logits, asked).items()}


def _comparing(
    run: Callable[..., Mapping[str, Value]], better: Mapping[str, str]
) -> Measure:
    """A measure of the features of both sides."""
    both = ("features",)
    return Measure(run, better, real=both, fake=both, points=True)


OF_FEATURES = {
    "frechet_distance": Measure(
        _frechet_distance,
        {"frechet_distance": "lower"},
        real=("statistics",),
        fake=("statistics",),
        points=True,
    ),
    "frechet_distance_infinity": Measure(
        _frechet_distance_infinity,
        {"frechet_distance_infinity": "lower"},
        real=("statistics",),
        fake=("features",),
        points=True,
    ),
    "intra_class_frechet_distance": Measure(
        _intra_class,
        {"intra_class_frechet_distance": "lower"},
        real=("features", "labels"),
        fake=("features", "labels"),
        classes=True,
    ),
    "kernel_distance": _comparing(_kernel_distance, {"kernel_distance": "lower"}),
    "kernel_distance_of_all": _comparing(
        _kernel_distance_of_all, {"kernel_distance_of_all": "lower"}
    ),
    "precision_recall": _comparing(
        _precision_recall,
        dict.fromkeys(("precision", "recall", "density", "coverage"), "higher"),
    ),
    "sliced_wasserstein": _comparing(_sliced_wasserstein, {"sliced_wasserstein": "lower"}),
    "memorisation": _comparing(
        _memorisation, {"memorisation_z": "", "memorised_share": "lower"}
    )._replace(held_out=("features",)),
    "birthday": _comparing(_birthday, {"closest_pair_ratio": "", "support_size": "higher"}),
    "inception_score": Measure(
        _inception_score, {"inception_score": "higher"}, fake=("logits",)
    ),
    "recognition": Measure(
        _recognition,
        {
            "recognised_share": "higher",
            "class_balance": "higher",
            "classifier_accuracy": "higher",
        },
        fake=("logits", "labels"),
    ),
}
