"""The study of InfoGAN: purities by hand, bounds in closed form, paths, and its page."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.infogan import measure, page, paths, run
from experiments.infogan.measure import Finished, Naming
from experiments.infogan.paths import Paths
from experiments.infogan.runs import BASELINE, INFORMED, METHODS, PLAIN, SEEDS, make_config
from gan_jax.config import flatten
from gan_jax.losses import CodeHeads
from gan_jax.registry import resolve


def test_the_baseline_lacks_the_generators_terms_alone():
    ours, base = (flatten(make_config(name, 0)) for name in (INFORMED, BASELINE))
    changed = {
        name for name in ours.keys() | base.keys() if ours.get(name) != base.get(name)
    }
    assert all(name.startswith("recipe.g_terms") for name in changed)
    programs = [resolve(make_config(name, 0), (28, 28, 1)).program for name in METHODS]
    assert [len(program) for program in programs] == [1, 1, 1]
    seeds = [flatten(make_config(INFORMED, seed)) for seed in SEEDS[:2]]
    assert {name for name in seeds[0] if seeds[0][name] != seeds[1][name]} == {"seed"}


def test_naming_by_hand():
    counts = np.zeros((10, 10), int)
    counts[0, 3], counts[0, 4] = 6, 4  # 60% pure
    counts[1, 3] = 10  # pure, but 3 is better matched here
    counts[2, 7] = 5
    found = measure.naming(counts, by_value=False)
    assert found == Naming(21 / 25, 19 / 25, 2)
    # Values that are never used count as not pure at all.
    assert measure.naming(counts, by_value=True).purity == pytest.approx(2.6 / 10)


def test_counts_are_of_pairs():
    counts = measure.counted(np.array([0, 0, 9, 9]), np.array([1, 1, 0, 9]))
    assert counts.shape == (10, 10)
    np.testing.assert_array_equal(np.argwhere(counts), [[0, 1], [9, 0], [9, 9]])
    np.testing.assert_array_equal(counts[counts > 0], [2, 1, 1])


def test_information_in_closed_form():
    values = np.arange(1000) % 10
    codes = np.linspace(-1.0, 1.0, 2000).reshape(2, 1000).T.astype(np.float32)
    latents = np.concatenate([np.zeros((1000, 3)), np.eye(10)[values], codes], axis=1)
    # Right with probability p, the rest even; errors of exactly 0.1 and 0.2.
    p = 0.91
    logits = np.log(np.where(np.eye(10)[values] > 0.0, p, (1.0 - p) / 9.0))
    signs = np.where(values % 2, 1.0, -1.0)[:, None]
    mean = codes + signs * np.array([0.1, 0.2])
    heads = CodeHeads((jnp.asarray(logits, jnp.float32),), jnp.asarray(mean, jnp.float32))
    found = measure.information(heads, jnp.asarray(latents, jnp.float32))
    assert found[0] == pytest.approx(math.log(10.0) + math.log(p), abs=1e-4)
    entropy = 0.5 * math.log(2.0 * math.pi * math.e)
    expected = 2.0 * (math.log(2.0) - entropy) - math.log(0.1) - math.log(0.2)
    assert found[1] == pytest.approx(expected, abs=1e-3)


def test_curves_are_of_the_generators_loss_or_qs():
    lines = [{"step": 50, "disc/categorical": 2.0, "gen/categorical": 1.0}, {"step": 60}]
    steps, bound = measure.curve_of(lines)
    np.testing.assert_array_equal(steps, [50])
    np.testing.assert_allclose(bound, [math.log(10.0) - 1.0])
    _, bound = measure.curve_of([{"step": 50, "disc/categorical": 2.0}])
    np.testing.assert_allclose(bound, [math.log(10.0) - 2.0])


def test_paths_change_what_they_are_called_by():
    draws = np.random.default_rng(0)
    latents, others = (jnp.asarray(draws.normal(size=(3, 16)), jnp.float32) for _ in "ab")
    found = np.asarray(paths.path_latents(latents, others))
    assert found.shape == (len(paths.NAMES), 3, paths.STEPS, 16)
    reach = np.linspace(-1.0, 1.0, paths.STEPS)
    for kind, place in ((0, 14), (1, 15), (2, 0)):
        np.testing.assert_allclose(found[kind, 1, :, place], reach, atol=1e-6)
        still = np.delete(found[kind], place, axis=-1)
        expected = np.delete(np.asarray(latents), place, axis=-1)[:, None]
        np.testing.assert_array_equal(still, np.broadcast_to(expected, still.shape))
    # Four values of noise, then twelve of codes.
    np.testing.assert_allclose(found[3, :, 0], latents, atol=1e-6)
    np.testing.assert_allclose(found[3, :, -1, :4], others[:, :4], atol=1e-6)
    middle = 0.5 * (latents + others)[:, :4]
    np.testing.assert_allclose(found[3, :, paths.STEPS // 2, :4], middle, atol=1e-6)
    codes = np.broadcast_to(latents[:, None, 4:], found[3, :, :, 4:].shape)
    np.testing.assert_array_equal(found[3, :, :, 4:], codes)


def test_slants_of_lines():
    images = np.zeros((3, 10, 10, 1), np.uint8)
    for row in range(10):
        images[0, row, 4] = 200  # upright
        images[1, row, 9 - row] = 50  # one to the right per row upwards
        images[2, row, row // 2] = 255  # about half to the left
    np.testing.assert_allclose(paths.slants(images)[:2], [0.0, 1.0], atol=1e-9)
    assert paths.slants(images)[2] == pytest.approx(-0.5, abs=0.02)
    assert paths.slants(np.zeros((4, 4, 1), np.uint8)) == 0.0


def test_what_happens_along_paths_by_hand():
    images = np.zeros((2, 3, 4, 4, 1), np.uint8)
    images[:, 0], images[:, 1], images[:, 2] = 10, 20, 50
    features = np.array([[[0.0], [1.0], [2.0]], [[0.0], [0.0], [6.0]]])
    found = paths.paths_of(images, features, np.array([[1, 1, 1], [1, 2, 1]]))
    assert found == Paths(
        change=40.0, largest=(1.0 + 2.0) / 2.0, kept=0.5, slant=0.0, ink=200.0
    )


def _finished(purity, nats, change):
    counts = np.diag([500] * 10)
    along = {
        name: Paths(change if place < 2 else 10.0, 1.5, 0.75, 0.1, -5.0)
        for place, name in enumerate(paths.NAMES)
    }
    steps = np.arange(50, 550, 50)
    return Finished(
        Naming(purity, 0.5, 9), Naming(0.7, 0.6, 8), counts, nats, 1.25, 20.0, along,
        steps, np.full(10, nats), 3.0,
    )  # fmt: skip


def _runs():
    return {
        INFORMED: [_finished(0.8 + 0.05 * seed, 2.0, 30.0) for seed in SEEDS],
        BASELINE: [_finished(0.2, -0.1 * seed, 11.0) for seed in SEEDS],
        PLAIN: [_finished(0.65, 2.0, 30.0) for _ in SEEDS],
    }


def test_page_tells_what_was_measured():
    said = {name: f"    the command of {name}" for name in METHODS}
    text = " ".join(page.page(_runs(), said).split())
    assert "| InfoGAN | 85.0% (80.0% to 90.0%) | 70.0% (70.0% to 70.0%) |" in text
    assert "purity of 80%, is met: 85.0%, and 20.0% without the term" in text
    assert "Without dense layers it is 65.0%" in text
    assert "80.0% with values for 9, 85.0% with values for 9" in text
    assert "changes a picture by 30.0, 3.0 times as much as a value of the noise" in text
    assert "and by 11.0 without the term" in text
    assert "| 3 | 0 | 0 | 0 | 500 | 0 |" in text
    for name in METHODS:
        assert f"the command of {name} ![Codes" in text


def test_bands_reach_from_seed_to_seed():
    line = run.band(_runs()[BASELINE])
    np.testing.assert_allclose(line.y, np.full(6, -0.1))
    assert line.band is not None
    np.testing.assert_allclose(line.band, np.full(6, 0.1))
    np.testing.assert_array_equal(line.x, np.arange(250.0, 550.0, 50.0))
