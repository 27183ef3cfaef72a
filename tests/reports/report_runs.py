"""Work directories as runs leave them, small and made up."""

from __future__ import annotations

import json

import numpy as np

from gan_jax.config import default_config, flatten
from gan_jax.evaluation.records import Entry, append
from gan_jax.metrics.manifest import QUANTISATION, Manifest, Measurement
from gan_jax.pictures import save_png
from gan_jax.workdir import config_dict

MANIFEST = {
    "measure": "frechet_distance",
    "features": "inception",
    "features_fingerprint": "6726825d0af5f729",
    "resize": "legacy",
    "quantisation": QUANTISATION,
    "reference": "tfds:cifar10",
    "reference_split": "test",
    "reference_fingerprint": "00112233445566778899",
    "reference_count": 10_000,
    "samples": 50_000,
    "seed": 0,
    "truncation": None,
    "labels": "in turn",
    "batch_norm": "running",
    "average": True,
    "code": "0.1.0",
    "options": {},
}


def measurement(value, *, std=None, low=None, high=None, **changes):
    return Measurement(value, Manifest(**(MANIFEST | changes)), std, low, high)


def entry(step, value, *, batch=64, std=None, low=None, high=None, **changes):
    """A measurement at a step; half an hour for a thousand of them."""
    made = measurement(value, std=std, low=low, high=high, **changes)
    return Entry(made, step, step * batch, step * 1.8, "d1ce", "2026-11-28T10:00:00", "box")


def config(**changes):
    """A config as a work directory holds it; `changes` are fields by dotted name."""
    made = default_config().unlock()
    made.method, made.train.batch_size, made.train.steps = "biggan", 64, 100_000
    made.data.source, made.data.image_shape = "tfds:cifar10", (32, 32, 3)
    made.data.num_classes = 10
    for name, value in changes.items():
        *groups, field = name.split(".")
        place = made
        for group in groups:
            place = place[group]
        place[field] = value
    return config_dict(made)


def write_run(path, *, entries=(), lines=(), picture=None, **changes):
    """Writes a run; returns its folder.

    Args:
        path: of the work directory.
        entries: its measurements.
        lines: of metrics.jsonl.
        picture: (step, uint8 image).
        changes: of the config, by dotted name.
    """
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config(**changes)))
    start = {
        "started": "2026-11-28T09:00:00",
        "host": "box",
        "devices": ["cpu cpu"],
        "packages": {"gan_jax": "0.1.0"},
    }
    (path / "environment.json").write_text(json.dumps({"starts": [start]}))
    if lines:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (path / "metrics.jsonl").write_text(text)
    if entries:
        append(path, entries)
    if picture is not None:
        save_png(path / "samples" / f"samples_{picture[0]:09d}.png", picture[1])
    return path


def training_lines(last=10_000, batch=64, speed=2_000.0, every=100, seed=0):
    """Lines of metrics, losses that fall towards 1 with noise, at one speed."""
    noise = np.random.default_rng(seed)
    return [
        {
            "step": step,
            "images_seen": step * batch,
            "disc/loss": 1.0 + 2.0 / (1.0 + step / 500) + 0.1 * noise.standard_normal(),
            "gen/loss": 0.5 - 1.0 / (1.0 + step / 500) + 0.1 * noise.standard_normal(),
            "images_per_second": speed,
        }
        for step in range(every, last + 1, every)
    ]


def grid(side=64, seed=0):
    """A picture, uint8 (side, side, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)


def study(root):
    """Three seeds of one config, one of another, and a truncation sweep of the first."""
    curve = {2_000: 46.0, 10_000: 28.0, 18_000: 16.0, 26_000: 12.0}
    folders = []
    for seed in range(3):
        entries = [entry(step, value + seed) for step, value in curve.items()]
        entries += [
            entry(
                step,
                9.0 - value / 10.0 + 0.05 * seed,
                measure="inception_score",
                options={"splits": 10},
                std=0.1,
                reference="none",
                reference_split="none",
                reference_fingerprint="none",
                reference_count=0,
            )
            for step, value in curve.items()
        ]
        if seed == 0:
            for truncation in (0.25, 0.5, 1.0, 1.5):
                entries.append(
                    entry(26_000, 12.0 + 8.0 / truncation, truncation=truncation)
                )
                entries.append(
                    entry(
                        26_000,
                        7.8 + 0.5 / truncation,
                        truncation=truncation,
                        measure="inception_score",
                        options={"splits": 10},
                        std=0.1,
                        reference="none",
                        reference_split="none",
                        reference_fingerprint="none",
                        reference_count=0,
                    )
                )
        folders.append(
            write_run(
                root / f"biggan_{seed}",
                entries=entries,
                lines=training_lines(26_000, seed=seed),
                picture=(26_000, grid(seed=seed)),
                seed=seed,
            )
        )
    folders.append(
        write_run(
            root / "wide",
            entries=[entry(step, value * 0.9) for step, value in curve.items()],
            lines=training_lines(26_000, speed=1_500.0, seed=7),
            picture=(26_000, grid(seed=9)),
            **{"recipe.d_steps": 4},
        )
    )
    return folders


def flat(folder):
    return flatten(json.loads((folder / "config.json").read_text()))
