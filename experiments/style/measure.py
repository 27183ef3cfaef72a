"""What is measured of the study's runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from experiments.logs import read_lines, training_minutes
from experiments.style.runs import CELLS
from gan_jax.evaluation.command import evaluate_run
from gan_jax.metrics.extractors import open_features
from gan_jax.metrics.frechet import frechet_distance
from gan_jax.metrics.recognition import recognition
from gan_jax.trained import open_run

SAMPLES, PATHS, _ALL = 2_000, 500, 100_000
_WHOLE = ("frechet_distance", "recognition", "precision_recall")
_LENGTHS = ("path_length", "path_length_w")


class Numbers(NamedTuple):
    """Of a run's newest state.

    Attributes:
        values: numbers, by name.
        images: seen in training.
        minutes: of training, without compiling.
    """

    values: Mapping[str, float]
    images: int
    minutes: float


def _classifier(workdir: Path) -> str:
    return "mnist_classifier" if workdir.name in CELLS else "emoji_classifier"


def reference(workdir: Path) -> dict[str, float]:
    """Numbers of the real images that a run's were compared with, to read them by: of
    those of the test part against those of training.
    """
    run = open_run(workdir)
    net = open_features(_classifier(workdir))
    (train, _), (test, labels) = (run.real_images(_ALL, x) for x in ("train", "test"))
    told = net.outputs(test)
    assert told.logits is not None  # it is a classifier
    distance = frechet_distance(net.features(train), told.features)
    return {"frechet_distance": distance, **recognition(told.logits, labels)}


def measure(workdir: Path) -> Numbers:
    """The numbers of a run's newest state: of runs on few digits against digits that they
    have not seen, of the others against their training images.
    """
    common = {
        "samples": SAMPLES,
        "reference": 0,
        "split": "test" if workdir.name in CELLS else None,
        "features": _classifier(workdir),
    }
    entries = evaluate_run(workdir, changes={**common, "measures": _WHOLE})
    lengths = {
        "measures": _LENGTHS[:1] if workdir.name == "progan" else _LENGTHS,
        "options": {name: {"samples": PATHS} for name in _LENGTHS},
    }
    entries += evaluate_run(workdir, changes={**common, **lengths})
    return Numbers(
        {e.measurement.manifest.measure: e.measurement.value for e in entries},
        entries[-1].images_seen,
        training_minutes(read_lines(workdir / "metrics.jsonl")),
    )
