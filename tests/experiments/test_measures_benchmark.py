"""The benchmark of measures, without its timing."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.benchmarks import measures as benchmark
from gan_jax.metrics import frechet


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setattr(benchmark, "WIDTH", 12)


def test_both_ways_to_the_frechet_distance_meet():
    found = benchmark.compare_frechet(60, turns=3)
    np.testing.assert_allclose(found.gap, 0.0, atol=1e-9)
    median, least, largest = found.ratio
    assert 0.0 < least <= median <= largest
    pair = [frechet.statistics(benchmark.features(60, seed)) for seed in (0, 1)]
    expected = frechet.frechet_from_statistics(*pair[0], *pair[1])
    np.testing.assert_allclose(benchmark.by_square_root(*pair), expected, rtol=1e-9)


def test_memory_of_arrays_is_seen():
    found = benchmark.measured(lambda: np.ones(2**20).sum())
    np.testing.assert_allclose(found.arrays, 2**23, rtol=0.01)
    assert found.process > found.arrays


def test_the_page_says_what_was_measured():
    ratio = benchmark.Ratio(2.0, 9.0, (4.5, 4.0, 5.0), 3e-7)
    work = benchmark.Work(20.0, 0.25 * benchmark.GIB, 1.5 * benchmark.GIB)
    text = benchmark.page({6000: ratio}, work, {"nearest": (300, work)})
    assert "| 6,000 | 2.0 | 9.0 | **4.5** (4.0 to 5.0) | 3e-07 |" in text
    assert "2,500 rows a second, with at most 0.25 GiB" in text
    assert "| nearest | 300 | 20 | 1.50 |" in text


def test_work_is_done(monkeypatch):
    for work in (benchmark.stream, benchmark.neighbours, benchmark.shares):
        assert 0.0 < work(100).seconds < 60.0
