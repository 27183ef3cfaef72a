"""BigGAN on a subset of CIFAR-10: trains it, measures it, and writes CIFAR.md.

    python -m experiments.biggan.cifar --data cifar10_6k_filtered.npz --folder runs/cifar

The subset, 500 training and 100 test images a class, is not part of the repository; any
`.npz` with x_train, y_train, x_test and y_test (images uint8 NHWC) serves as well. A run
that was stopped goes on, and what is finished is not done again.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from experiments.logs import read_lines, training_minutes
from experiments.report import table, write_page
from experiments.training import config_of
from gan_jax import loop
from gan_jax.config import set_augment, set_options
from gan_jax.evaluation import Entry
from gan_jax.evaluation.command import evaluate_run
from gan_jax.metrics.extractors import open_features
from gan_jax.metrics.frechet import frechet_distance
from gan_jax.pictures import grid, save_png
from gan_jax.trained import open_run

HERE = Path(__file__).parent
STEPS, BATCH, WIDTH, SEED = 1_500, 50, 16, 0
FEATURES, SAMPLES = "efficientnet_lite0", 2_000
THRESHOLDS = (1.5, 1.0, 0.7, 0.4)


def decode(path: Path) -> dict[str, np.ndarray]:
    """The images and labels of a file; images stored as differences are summed up.

    Args:
        path: `.npz` with x_train or x_train_f, and likewise of the test split.

    Returns:
        x_train, x_test uint8 (n, H, W, 3), y_train, y_test int32 (n,).
    """
    arrays = {}
    with np.load(path, allow_pickle=False) as stored:
        for split in ("train", "test"):
            plain = f"x_{split}" in stored.files
            images = stored[f"x_{split}"] if plain else _summed(stored[f"x_{split}_f"])
            arrays[f"x_{split}"] = images
            arrays[f"y_{split}"] = stored[f"y_{split}"].astype(np.int32)
    return arrays


def _summed(planes: np.ndarray) -> np.ndarray:
    """(3, n, H, W) of differences along rows, columns and to green, as (n, H, W, 3)."""
    sums = np.cumsum(np.cumsum(planes, 2, dtype=np.uint8), 3, dtype=np.uint8)
    sums[0] += sums[1]
    sums[2] += sums[1]
    return sums.transpose(1, 2, 3, 0)


def make_config(data: Path) -> ConfigDict:
    """`configs/biggan.py:cifar10`, narrow, for few images: with DiffAugment and flips.

    Raises:
        UserError: the repository's config files are not there.
    """
    config = config_of("biggan.py:cifar10")
    set_options(config, **config.model.to_dict() | {"g_width": WIDTH, "d_width": WIDTH})
    set_augment(config, "diffaugment")
    changes = {
        "seed": SEED,
        "data.source": f"npz:{data}",
        "data.flip": True,
        "train.batch_size": BATCH,
        "train.steps": STEPS,
        "recipe.d_steps": 2,
        "recipe.ema.half_life": 2e4,
        "recipe.ema.start": 0.0,
        "log.every": 50,
        "log.spectrum_every": 100,
        "log.tensorboard": False,
        "samples.every": 500,
        "samples.count": 100,
        "samples.columns": 10,
        "checkpoint.every": 250,
        "score.every": 0,
    }
    config.update_from_flattened_dict(changes)
    return config


def train(data: Path, folder: Path) -> Path:
    """Trains to the last step; returns the work directory."""
    folder.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(folder / "compiled"))
    archive = folder / "cifar.npz"
    if not archive.exists():
        np.savez(archive, **decode(data))  # type: ignore[arg-type]
    loop.train(make_config(archive), folder / "run")
    return folder / "run"


class Study(NamedTuple):
    """What the page tells.

    Attributes:
        whole: numbers of the newest state, of normal latents.
        truncated: by threshold, the distance, precision and recall with running and with
            standing statistics.
        held_out: the distance of the held-out images to those of training.
        steps: of the generator.
        minutes: that they took.
    """

    whole: Mapping[str, float]
    truncated: Mapping[float, tuple[Mapping[str, float], Mapping[str, float]]]
    held_out: float
    steps: int
    minutes: float


def measure(workdir: Path) -> Study:
    """The numbers of the newest state."""
    run = open_run(workdir)
    common = {"features": FEATURES, "samples": SAMPLES, "reference": 0}
    names = ("frechet_distance", "precision_recall")
    whole = evaluate_run(workdir, changes=common | {"measures": (*names, "memorisation")})
    curves = [
        evaluate_run(
            workdir,
            truncations=THRESHOLDS,
            changes=common | {"measures": names, "standing": standing},
        )
        for standing in (None, 16)
    ]
    net = open_features(FEATURES)
    real, held = (net.features(run.real_images(10_000, x)[0]) for x in ("train", "test"))
    return Study(
        whole=_values(whole),
        truncated={t: tuple(_values(c, t) for c in curves) for t in THRESHOLDS},  # type: ignore[misc]
        held_out=frechet_distance(real, held),
        steps=run.step,
        minutes=training_minutes(read_lines(workdir / "metrics.jsonl")),
    )


def _values(entries: Sequence[Entry], threshold: float | None = None) -> dict[str, float]:
    """Values by measure, of one truncation."""
    found = [each.measurement for each in entries]
    return {
        m.manifest.measure: m.value for m in found if m.manifest.truncation == threshold
    }


def draw(workdir: Path) -> None:
    """Ten samples of every class, a row each, beside as many training images."""
    run = open_run(workdir)
    labels = np.repeat(np.arange(10, dtype=np.int32), 10)
    latents = run.latents(jax.random.key(SEED), 100, jnp.asarray(labels))
    fake = np.asarray(jax.jit(run.generate)(latents, jnp.asarray(labels)))
    images, known = run.real_images(10_000)
    rows = np.concatenate([np.flatnonzero(known == label)[:10] for label in range(10)])
    sides = (grid(fake, columns=10), grid(images[rows], columns=10))
    save_png(HERE / "cifar.png", np.concatenate(sides, axis=1))


def page(study: Study) -> str:
    """CIFAR.md."""
    whole = study.whole
    rows = [
        [threshold]
        + [
            f"{_cell(running, name)} / {_cell(standing, name)}"
            for name in ("frechet_distance", "precision", "recall")
        ]
        for threshold, (running, standing) in study.truncated.items()
    ]
    return f"""# BigGAN on a subset of CIFAR-10

`configs/biggan.py:cifar10` at a quarter of its width ({WIDTH}), with DiffAugment, two
discriminator steps and batches of {BATCH}, on 500 images a class: {study.steps:,} steps
in {study.minutes:.0f} minutes beside other work. Samples of the generator's average, a
class a row, and training images on the right:

![Samples and training images](cifar.png)

{SAMPLES:,} samples against all training images, in features of {FEATURES} (this is not an
Inception distance): Fréchet distance {whole["frechet_distance"]:.4g} (held-out images:
{study.held_out:.4g}), precision {whole["precision"]:.0%}, recall {whole["recall"]:.0%}.
{whole["memorised_share"]:.1%} of samples are nearer to a training image than 95% of
held-out images are (5% are expected by chance).

## Truncation

Running / standing statistics (16 batches of {BATCH}).

{table(["threshold", "distance", "precision", "recall"], rows)}

Latents enter at the first layer alone here (no hierarchical latent), and its batch norm
divides their scale out where it has statistics of its own latents: with standing statistics
truncation changes little. After so few steps there are colours and backgrounds of a class,
and hardly objects.
"""


def _cell(values: Mapping[str, float], name: str) -> str:
    return f"{values[name]:.4g}" if name == "frechet_distance" else f"{values[name]:.0%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    workdir = train(arguments.data, arguments.folder.resolve())
    study = measure(workdir)
    draw(workdir)
    write_page(__file__, page(study), seed=SEED, name="CIFAR.md")


if __name__ == "__main__":
    main()
