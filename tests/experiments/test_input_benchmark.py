"""The benchmark of reading image files, without its timing."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.benchmarks import input as benchmark
from gan_jax.data import open_source
from gan_jax.plan.chips import TPUS

NEED = benchmark.Need(4096, {"bfloat16": 2e15, "float32": 1e15})


def test_pictures_are_emoji_side_by_side():
    emoji = benchmark.small_emoji()
    picture = benchmark.mosaic(emoji, (64, 96), np.random.default_rng(0))
    assert (picture.shape, picture.dtype) == ((64, 96, 3), np.uint8)
    tiles = [picture[y : y + 32, x : x + 32] for y in (0, 32) for x in (0, 32, 64)]
    for tile in tiles:
        assert (emoji == tile).all(axis=(1, 2, 3)).any()


def test_a_folder_is_read(tmp_path):
    kilobytes = benchmark.write_folder(tmp_path, (64, 64), 20)
    source = open_source(f"folder:{tmp_path}")
    assert (len(source), source.num_classes) == (20, 10)
    sizes = [path.stat().st_size for path in tmp_path.rglob("*.jpg")]
    assert kilobytes == pytest.approx(np.mean(sizes) / 1e3)
    reading = benchmark.read(source, 0, 0.05)
    assert 0 < reading.per_second < np.inf
    assert 0 < reading.per_core < np.inf


def test_what_a_host_needs():
    """Three 10^15 operations on 64 chips of 459 10^12 a second, for 4096 images."""
    pod = benchmark.Pod("v5p", TPUS["v5p"], 64, 16)
    step = 3e15 / 459e12 / 64
    assert benchmark.per_host(pod, NEED, 1.0) == pytest.approx(4096 / 16 / step)
    assert benchmark.per_host(pod, NEED, 0.25) == pytest.approx(4096 / 64 / step)


def test_the_page():
    readings = {
        ("JPEG, small", 0): benchmark.Reading(900.0, 800.0),
        ("JPEG, small", 1): benchmark.Reading(1000.0, 500.0),
        ("JPEG, small", 2): benchmark.Reading(1900.0, 490.0),
        ("arrays in memory", 0): benchmark.Reading(90000.0, 95000.0),
    }
    text = benchmark.page(readings, {"JPEG, small": 10.5}, NEED)
    assert "| JPEG, small | 10.5 | 2 | 1,900 | 490 |" in text
    assert "| arrays in memory |  |  | 90,000 | 95,000 |" in text
    # At 2,507 images a second a host needs six cores that read 500.
    assert "| v5p, 64 chips | 16 | 2,507 (6) | 752 (2) |" in text
    assert "reads 4,096 images in all and computes\n3.00 PFLOP" in text
    assert all(len(line) < 93 or line.startswith("|") for line in text.splitlines())
