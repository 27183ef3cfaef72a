"""The study's pictures that are not those of `gan-jax analyse`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from experiments.logs import read_lines
from experiments.style.runs import COLUMNS, SEED
from gan_jax.analyses import common
from gan_jax.analysis import Curve, curves
from gan_jax.growth import config_turns
from gan_jax.networks.growing import side_of
from gan_jax.pictures import grid, save_png
from gan_jax.trained import load_config, open_run

_EDGE = 2
"""Pixels between images of a grid."""


class Row(NamedTuple):
    """A row of the picture of a run's stages.

    Attributes:
        step: of the samples.
        images: seen until then.
        side: of the finest stage's images, in pixels.
        share: of it that has faded in.
    """

    step: int
    images: int
    side: int
    share: float


def stage_rows(workdir: Path) -> list[Row]:
    """The middle of each fade and the end of each stage, as near as samples were taken."""
    config = load_config(workdir)
    batch, rows = config.train.batch_size, []
    for until, turn in config_turns(config, tuple(config.data.image_shape)):
        end = config.train.steps if until is None else until
        fade = turn.model.fade
        if fade is not None:
            middle = (fade[0] + fade[1]) / 2.0 / batch
            rows.append(_row(workdir, middle, batch, turn.model.stage, fade))
        rows.append(_row(workdir, end, batch, turn.model.stage, fade))
    return rows


def _row(
    workdir: Path, step: float, batch: int, stage: int, fade: Sequence[float] | None
) -> Row:
    steps = [int(path.stem.split("_")[1]) for path in _samples(workdir)]
    nearest = min(steps, key=lambda saved: abs(saved - step))
    images = nearest * batch
    share = 1.0
    if fade is not None:
        share = float(np.clip((images - fade[0]) / (fade[1] - fade[0]), 0.0, 1.0))
    return Row(nearest, images, side_of(stage), share)


def _samples(workdir: Path) -> list[Path]:
    return sorted((workdir / "samples").glob("samples_*.png"))


def draw_stages(workdir: Path, rows: Sequence[Row], side: int, output: Path) -> None:
    """The first samples, of the same latents, a row for each of `rows`.

    Args:
        workdir: of the run.
        rows: from `stage_rows`.
        side: of an image in pixels.
        output: PNG to write.
    """
    strips = []
    for row in rows:
        with Image.open(workdir / "samples" / f"samples_{row.step:09d}.png") as picture:
            strips.append(np.asarray(picture.convert("RGB"))[: side + _EDGE])
    save_png(output, np.concatenate([*strips, strips[0][:_EDGE] * 0 + 255]))


def draw_samples(workdirs: Sequence[Path], rows: int, output: Path) -> None:
    """Samples of runs' averages, a column a class, `rows` rows of each run, the runs one
    below the other.
    """
    parts = []
    for workdir in workdirs:
        run = open_run(workdir)
        count = rows * COLUMNS
        labels = jnp.arange(count, dtype=jnp.int32) % COLUMNS
        latents = run.latents(jax.random.key(SEED), count, labels)
        images = np.asarray(common.generator(run)(latents, labels))
        parts.append(grid(images, columns=COLUMNS))
    save_png(output, common.stacked(*parts))


def draw_overfitting(
    workdirs: Mapping[str, Path], augmented: Sequence[str], output: Path
) -> None:
    """Over the images seen: the probability of augmentation of the runs that have it, and
    beside it the discriminator's mean logit of training images, of all.
    """
    logs = {
        name: [line for line in read_lines(path / "metrics.jsonl") if "disc/loss" in line]
        for name, path in workdirs.items()
    }

    def curve(name: str, key: str) -> Curve:
        x = np.array([line["images_seen"] / 1000.0 for line in logs[name]])
        return Curve(x, np.array([line[key] for line in logs[name]]))

    probability = curves(
        {name: curve(name, "disc/augment_p") for name in augmented},
        x_label="thousand images seen",
        y_label="probability of augmentation",
    )
    logits = curves(
        {name: curve(name, "disc/real_logits") for name in logs},
        x_label="thousand images seen",
        y_label="mean logit of training images",
    )
    save_png(output, common.beside(probability, logits))
