"""The study of translation: ranks and colours by hand, its runs, and its page."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.translation import measure
from experiments.translation.measure import Finished, Judge, Scores
from experiments.translation.page import BASELINES, page
from experiments.translation.runs import METHODS, PAIRED, SEEDS, make_config
from gan_jax.config import flatten
from gan_jax.data import open_source
from gan_jax.metrics.features import thumbnails
from gan_jax.registry import resolve


def test_runs_are_what_the_page_says():
    configs = {name: flatten(make_config(name, 1)) for name in METHODS}
    ours = configs["cyclegan"]
    for name, weights in (
        ("no_identity", {"identity"}),
        ("no_cycle", {"identity", "cycle"}),
    ):
        unlike = {k for k in ours | configs[name] if ours.get(k) != configs[name].get(k)}
        assert unlike == {f"model.{weight}" for weight in weights}
    for name, config in configs.items():
        shape = (32, 32, 6 if name == PAIRED else 3)
        assert config["data.image_shape"] == shape
        game = resolve(make_config(name, 0), shape).program[-1].game
        assert "second" in game.directions
    # Nothing that unpaired runs learn from has its counterpart in the other domain.
    first = open_source(ours["data.source"]).keys
    assert not set(first) & set(open_source(ours["data.second"]).keys)
    assert set(first) < set(open_source(configs[PAIRED]["data.source"].split("+")[1]).keys)


def test_ranks_by_hand():
    mine = np.array([[0.0], [1.0], [5.0]])
    theirs = np.array([[0.1], [5.5], [4.0]])
    # Distances: 0.1 5.5 4; 0.9 4.5 3; 4.9 0.5 1.
    np.testing.assert_array_equal(measure.ranks_of(mine, theirs), [1.0, 3.0, 2.0])
    equal = np.zeros((3, 1))
    np.testing.assert_array_equal(measure.ranks_of(equal, equal), [2.0, 2.0, 2.0])


def test_colours_are_matched_by_channel():
    draws = np.random.default_rng(0)
    first = draws.integers(0, 128, (40, 8, 8, 3), np.uint8)
    second = (2 * first[::-1] + 1).astype(np.uint8)
    made = measure.recoloured(first, first, second)
    np.testing.assert_array_equal(made, 2 * first + 1)
    np.testing.assert_array_equal(measure.recoloured(first, first, first[::-1]), first)


def test_scores_by_hand():
    draws = np.random.default_rng(0)
    truth = draws.integers(0, 246, (6, 8, 8, 3), np.uint8)

    def apart(x, y):
        return np.abs(x.astype(float) - y).mean(axis=(1, 2, 3)) / 10.0

    by = Judge(thumbnails(), apart, truth, truth)
    assert measure.score(truth, by) == Scores(0.0, 0.0, 0.0, 1.0, 1.0)
    found = measure.score(truth + np.uint8(10), by)
    assert (found.l1, found.perceptual) == (10.0, 1.0)
    assert found.first == 1.0


def test_equal_rows_are_one_emoji():
    keys = [open_source(f"builtin:emoji_{s}:test").keys for s in ("google", "twitter")]
    assert keys[0] == keys[1]
    assert measure.emoji("emoji_google", "test").shape == (len(keys[0]), 32, 32, 3)


def _finished(l1, first):
    return Finished(Scores(l1, 2.0, 0.5, first, 0.3), np.zeros((1, 2, 2, 3), np.uint8), 4.0)


def test_page_tells_what_was_measured():
    runs = {name: [_finished(30.0, 0.2)] for name in BASELINES}
    for place, name in enumerate(METHODS):
        runs[name] = [_finished(20.0 + place + seed, 0.1 * place) for seed in SEEDS]
    text = " ".join(page(runs, 209).split())
    assert "| CycleGAN | 21.0 (20.0 to 22.0) | 2.00 (2.00 to 2.00) |" in text
    assert "| nothing changed | 30.0 | 2.00 |" in text
    assert "Without pairs CycleGAN comes nearest in pixels, at 21.0, where an" in text
    assert "at 30.0 and pix2pix, which has seen pairs, at 25.0" in text
    assert "without cycles for 20.0%, DiscoGAN for 30.0%" in text
    assert float(text.split("by chance")[0].rsplit(" ", 2)[1].rstrip("%")) == pytest.approx(
        100.0 / 209, abs=0.05
    )
