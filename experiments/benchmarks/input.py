"""Times what one process reads of folders of JPEGs, and writes INPUT.md beside itself.

    python -m experiments.benchmarks.input

The pictures are the built-in emoji side by side, so small that a picture has as much detail
as a photograph. What a host of a pod has to read is counted from BigGAN's own config.
"""

from __future__ import annotations

import contextlib
import math
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict
from PIL import Image

from experiments.report import machine, table
from gan_jax import registry
from gan_jax.config_files import load_config
from gan_jax.data import ArraySource, ImageTransform, make_pipeline, open_source
from gan_jax.data.builtin_source import open_builtin
from gan_jax.data.protocol import ImageSource
from gan_jax.engine import compile_game
from gan_jax.game import rounds
from gan_jax.plan.chips import GPUS, TPUS, Chip
from gan_jax.plan.flops import count_flops
from gan_jax.plan.measure import seconds_at_peak
from gan_jax.session import abstract_state

HERE = Path(__file__).parent
CONFIG = HERE.parents[1] / "configs" / "biggan.py"
SEED, QUALITY = 0, 90
SIDE, PHOTO = 128, (384, 512)
PICTURES, PHOTOS, CLASSES = 3000, 600, 10
LOCAL, ROUNDS = 128, 2
"""Rows of a host when 16 share a batch of 2048, and rounds of a BigGAN step."""
REPEATS, SECONDS = 3, 4.0
SHARES = (1.0, 0.3)
"""Of the peak rate: no step is faster than the first."""


class Reading(NamedTuple):
    """What one process reads.

    Attributes:
        per_second: images a second.
        per_core: images a second of processor time, of the process and of its workers.
    """

    per_second: float
    per_core: float


class Pod(NamedTuple):
    """Devices that train together.

    Attributes:
        title: what they are called.
        chip: what they are.
        devices: how many.
        hosts: processes that read.
    """

    title: str
    chip: Chip
    devices: int
    hosts: int


PODS = (
    Pod("v3, 64 chips", TPUS["v3"], 128, 16),
    Pod("v4, 64 chips", TPUS["v4"], 64, 16),
    Pod("v5p, 64 chips", TPUS["v5p"], 64, 16),
    Pod("v5p, 256 chips", TPUS["v5p"], 256, 64),
    Pod("H100, 8 x 8", GPUS["h100"], 64, 8),
)


# Pictures.


def small_emoji() -> np.ndarray:
    """Every second pixel of every second row: uint8 (N, 32, 32, 3)."""
    return open_builtin("emoji_google", "train").arrays["image"][:, ::2, ::2]


def mosaic(
    emoji: np.ndarray, shape: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Emoji side by side: uint8 (H, W, 3), the sides multiples of theirs."""
    side = emoji.shape[1]
    high, wide = shape[0] // side, shape[1] // side
    tiles = emoji[rng.integers(0, len(emoji), high * wide)]
    rows = tiles.reshape(high, wide, side, side, 3).transpose(0, 2, 1, 3, 4)
    return rows.reshape(*shape, 3)


def write_folder(folder: Path, shape: tuple[int, int], count: int) -> float:
    """Writes JPEGs of a shape in sub-folders; returns their mean size in kB."""
    emoji, rng = small_emoji(), np.random.default_rng(SEED)
    size = 0
    for index in range(count):
        path = folder / f"class_{index % CLASSES}" / f"{index:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mosaic(emoji, shape, rng)).save(path, quality=QUALITY)
        size += path.stat().st_size
    return size / count / 1e3


def in_memory(count: int) -> ArraySource:
    """As many pictures as arrays."""
    emoji, rng = small_emoji(), np.random.default_rng(SEED)
    pictures = np.stack([mosaic(emoji, (SIDE, SIDE), rng) for _ in range(count)])
    return ArraySource("pictures", pictures, np.arange(count) % CLASSES)


# Reading.


def read(source: ImageSource, workers: int, seconds: float) -> Reading:
    """Reads as a run does, for so many seconds once its workers have started."""
    pipeline = make_pipeline(
        source,
        image_shape=(SIDE, SIDE, 3),
        batch_size=LOCAL,
        seed=SEED,
        transform=ImageTransform(flip=True),
        workers=workers,
        cache_bytes=0,
    )
    with contextlib.closing(pipeline.iterate(0, ROUNDS)) as batches:
        # What was read ahead while nobody looked is left out.
        for _ in range(2 * max(workers, 1) + 2):
            next(batches)
        images, wall, busy, begin = 0, 0.0, processor_seconds(), time.perf_counter()
        while wall < seconds:
            images += next(batches)["image"].shape[0] * LOCAL
            wall = time.perf_counter() - begin
        busy = processor_seconds() - busy
    return Reading(images / wall, images / busy)


def processor_seconds() -> float:
    """Processor time of this process and of its children so far; Linux only."""
    ticks = os.sysconf("SC_CLK_TCK")
    total, own = time.process_time(), os.getpid()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == own:
                total += (int(fields[11]) + int(fields[12])) / ticks
    return total


def median(readings: list[Reading]) -> Reading:
    """Of every column by itself."""
    return Reading(*(statistics.median(column) for column in zip(*readings, strict=True)))


def measure(
    sources: Mapping[str, ImageSource], seconds: float, repeats: int
) -> dict[tuple[str, int], Reading]:
    """Medians by source and number of workers; all take turns, so that whatever else the
    machine does meets all.
    """
    cases = [
        (title, workers)
        for title, source in sources.items()
        for workers in ((0,) if isinstance(source, ArraySource) else (0, 1, 2))
    ]
    found: dict[tuple[str, int], list[Reading]] = {case: [] for case in cases}
    for _ in range(repeats):
        for title, workers in cases:
            found[title, workers].append(read(sources[title], workers, seconds))
    return {case: median(readings) for case, readings in found.items()}


# What is needed.


class Need(NamedTuple):
    """What a step takes of data and of arithmetic.

    Attributes:
        images: real images, all hosts together.
        flops: operations by the type of their factors.
    """

    images: int
    flops: Mapping[str, float]


def need(config: ConfigDict) -> Need:
    """Counts a training step; nothing is computed."""
    run = registry.resolve(config, tuple(config.data.image_shape))
    game, size = run.program[-1].game, config.train.batch_size
    algorithm = compile_game(game)
    lead = (rounds(game), size)
    batch = {
        "image": jax.ShapeDtypeStruct((*lead, *run.data.image_shape), jnp.float32),
        "label": jax.ShapeDtypeStruct(lead, jnp.int32),
    }
    jaxpr = jax.make_jaxpr(algorithm.step)(abstract_state(config, algorithm), batch)
    return Need(math.prod(lead), count_flops(jaxpr))


def per_host(pod: Pod, needed: Need, share: float) -> float:
    """Images a second that a host has to read at a share of the peak rate."""
    step = seconds_at_peak(needed.flops, pod.chip) / pod.devices / share
    return needed.images / step / pod.hosts


# The page.


def page(
    readings: Mapping[tuple[str, int], Reading], sizes: Mapping[str, float], needed: Need
) -> str:
    """The text of INPUT.md."""
    rows = [
        (
            title,
            f"{sizes[title]:.1f}" if title in sizes else "",
            workers if title in sizes else "",
            f"{reading.per_second:,.0f}",
            f"{reading.per_core:,.0f}",
        )
        for (title, workers), reading in readings.items()
    ]
    rate = max(
        reading.per_core
        for (title, workers), reading in readings.items()
        if title == next(iter(sizes)) and workers
    )
    hosts = [
        (
            pod.title,
            pod.hosts,
            *(
                f"{per_host(pod, needed, share):,.0f} ({math.ceil(cores)})"
                for share in SHARES
                for cores in [per_host(pod, needed, share) / rate]
            ),
        )
        for pod in PODS
    ]
    shares = [f"images/s per host (cores), at {share:.0%} of the peak" for share in SHARES]
    return f"""# What is read of image files

`input.py` measures what one process reads, decodes, flips and batches of pictures of
{SIDE} x {SIDE} pixels, or of larger ones that are scaled to that size, in batches of
{LOCAL} rows, {ROUNDS} rounds at a time.

    python -m experiments.benchmarks.input

{table(("source", "kB a file", "workers", "images/s", "images/s of a core"), rows)}

With 0 workers threads decode, and share Python's lock. "Of a core" is of processor time,
the workers' included, whatever else the machine did. Arrays in memory are gathered, not
decoded.

A step of BigGAN-128 at batch 2048 reads {needed.images:,} images in all and computes
{sum(needed.flops.values()) / 1e15:.2f} PFLOP. No device works faster than its peak rate, so
that no host needs more than the first column of numbers; the cores that this takes, by the
best row of the first source with workers, are in brackets:

{table(("devices", "hosts", *shares), hosts)}

The config asks for {int(load_biggan().data.workers)} workers a host.

Made by `python -m experiments.benchmarks.input`, seed {SEED}, medians of {REPEATS} turns of
{SECONDS:.0f} s, on {machine()}, load {os.getloadavg()[0]:.1f} (Pillow {version("pillow")},
grain {version("grain")}, Python {platform.python_version()}).
"""


def load_biggan() -> ConfigDict:
    """BigGAN's config at 128 pixels."""
    config = load_config(["--config", str(CONFIG)])
    assert config is not None
    return config


def main() -> None:
    """Measures and writes the page."""
    with tempfile.TemporaryDirectory() as made:
        small, large = Path(made, "small"), Path(made, "large")
        titles = (
            f"JPEG, {SIDE} x {SIDE}",
            f"JPEG, {PHOTO[0]} x {PHOTO[1]}, scaled",
        )
        sizes = {
            titles[0]: write_folder(small, (SIDE, SIDE), PICTURES),
            titles[1]: write_folder(large, PHOTO, PHOTOS),
        }
        sources: dict[str, ImageSource] = {
            title: open_source(f"folder:{folder}")
            for title, folder in zip(titles, (small, large), strict=True)
        }
        sources["arrays in memory"] = in_memory(PICTURES)
        readings = measure(sources, SECONDS, REPEATS)
    (HERE / "INPUT.md").write_text(page(readings, sizes, need(load_biggan())))


if __name__ == "__main__":
    main()
