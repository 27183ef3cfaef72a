"""The study of StarGAN: its runs, its measures by hand, and its page."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.stargan import measure
from experiments.stargan.measure import DIRECTIONS, Asked, Finished, Judges
from experiments.stargan.page import page
from experiments.stargan.runs import METHODS, SEEDS, STEPS, STYLES, make_config
from experiments.translation.measure import Scores
from experiments.translation.page import BASELINES
from gan_jax.config import flatten
from gan_jax.data import open_source
from gan_jax.metrics.features import FeatureNet, Features, thumbnails
from gan_jax.registry import resolve


def test_runs_are_what_the_page_says():
    configs = {name: flatten(make_config(name, 1)) for name in METHODS}
    ours, other = configs["stargan"], configs["identity"]
    unlike = {k for k in ours | other if ours.get(k) != other.get(k)}
    assert unlike == {"model.identity"}
    # Labels are the styles in their order.
    names = open_source(ours["data.source"]).class_names
    assert names == tuple(f"builtin:{name}:train" for name in STYLES.values())
    images = STEPS * ours["train.batch_size"]
    falls = [ours[f"recipe.g_optimizer.decay_{end}"] for end in ("from", "to")]
    assert falls == [images / 2.0, images]
    game = resolve(make_config("stargan", 0), (32, 32, 3)).program[-1].game
    assert list(game.directions) == ["0", "1", "2"]
    assert game.phases[0].repeat == 5


def test_equal_rows_are_one_emoji_of_all_styles():
    images = measure.aligned("test")
    assert [each.shape for each in images] == [(174, 32, 32, 3)] * 3
    keys = open_source("builtin:emoji_google:test").keys
    known = open_source("builtin:emoji_fluent:test").keys
    google = measure.emoji("emoji_google", "test")
    for row in (0, 100, 173):
        np.testing.assert_array_equal(images[0][row], google[keys.index(known[row])])


def darkness(count):
    """A classifier whose classes are thirds of the brightness."""

    def outputs(images):
        means = np.asarray(images).reshape(len(images), -1).mean(axis=1)
        return Features(means[:, None], np.eye(count)[(means // (256 / count)).astype(int)])

    return FeatureNet("darkness", outputs, "none", "antialiased", count, 1.0)


def test_a_perfect_and_an_idle_translator():
    # Emoji of one brightness, so that the nearest original is the same in every style.
    draws = np.random.default_rng(0)
    values = np.tile(draws.integers(0, 60, (8 * 8 * 3,), np.uint8), (5, 1))
    base = draws.permuted(values, axis=1).reshape(5, 8, 8, 3)
    held_out = [base + np.uint8(shift) for shift in (0, 90, 180)]
    by = Judges(thumbnails(), darkness(3), lambda x, y: np.zeros(len(x)), held_out)

    def perfect(images, direction):
        given, label = direction
        return (images.astype(int) + 90 * (label - given)).astype(np.uint8)

    found = measure.judged(perfect, by, 3.0)
    assert set(found.asked) == set(DIRECTIONS)
    for asked in found.asked.values():
        assert asked == Asked(1.0, 1.0, 0.0, Scores(0.0, 0.0, 0.0, 1.0, 1.0))
    assert found.minutes == 3.0
    idle = measure.judged(lambda images, direction: images, by, 0.0)
    for (given, label), asked in idle.asked.items():
        assert (asked.accuracy, asked.kept, asked.back) == (0.0, 1.0, 0.0)
        assert asked.scores.l1 == 90.0 * abs(given - label)
    assert idle.mean(lambda asked: asked.scores.l1) == pytest.approx(120.0)


def _finished(accuracy, l1):
    asked = Asked(accuracy, 0.75, 12.0, Scores(l1, 2.0, 0.5, 0.25, 0.3))
    return Finished(dict.fromkeys(DIRECTIONS, asked), {}, 4.0)


def test_page_tells_what_was_measured():
    runs = {name: [_finished(0.125, 30.0)] for name in BASELINES}
    for place, name in enumerate(METHODS):
        runs[name] = [_finished(0.5 + 0.1 * seed, 20.0 + place + seed) for seed in SEEDS]
    by = Judges(
        thumbnails(), darkness(3)._replace(accuracy=0.875), lambda x, y: x, [np.zeros(174)]
    )
    text = " ".join(page(runs, by).split())
    assert "right for 87.5% of held-out emoji" in text
    assert "| StarGAN | 60.0% (50.0% to 70.0%) | 75.0% (75.0% to 75.0%) | 12.0 (" in text
    assert "| nothing changed | 12.5% | 75.0% | 12.0 | |" in text
    assert "| StarGAN | 21.0 (20.0 to 22.0) | 2.00 (2.00 to 2.00) |" in text
    assert "style asked for in 60.0% of cases (colours matched: 12.5%)" in text
    assert "| Google | Fluent | 60.0% (50.0% to 70.0%) |" in text
    assert "| 21.0 (20.0 to 22.0) | 30.0 |" in text
    assert "Rows, from above: Google's, then as Twitter and Fluent; Twitter's" in text
