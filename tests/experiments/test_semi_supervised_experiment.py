"""The study of few labels: its configs, the classifier alone, accuracies, and its page."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from experiments.semi_supervised import alone, measure, page, run
from experiments.semi_supervised.measure import Finished, Samples
from experiments.semi_supervised.runs import (
    ALONE,
    BATCHES,
    CELLS,
    GANS,
    MATCHING,
    MINIBATCH,
    SEEDS,
    make_config,
)
from gan_jax.config import flatten
from gan_jax.engine import compile_game
from gan_jax.methods import semi_supervised_gan
from gan_jax.methods.sides import DISCRIMINATOR
from gan_jax.registry import resolve
from gan_jax.sampler import views_of

SHAPE = (4, 4, 1)


def test_configs_of_the_variants():
    matching, minibatch, by_labels = (
        flatten(make_config(name, 100, 1)) for name in (MATCHING, MINIBATCH, ALONE)
    )
    assert matching == by_labels
    assert (matching["seed"], matching["data.labelled"]) == (1, 100)
    assert flatten(make_config(MATCHING, 1000, 1))["data.labelled"] == 1000
    assert minibatch["model.minibatch"] == "discrimination"
    assert minibatch["train.batch_size"] == BATCHES[MINIBATCH]
    for name in GANS:
        program = resolve(make_config(name, 100, 0), (28, 28, 1)).program
        assert [phase.name for phase in program[0].game.phases] == ["disc", "gen"]


@pytest.fixture(scope="module")
def game():
    return semi_supervised_gan(
        image_shape=SHAPE, classes=2, g_features=(4,), d_features=(8, 8)
    )


def _labelled(rows):
    """Bright images of class 1 and dark ones of class 0."""
    labels = np.arange(rows) % 2
    noise = np.random.default_rng(0).integers(0, 40, (rows, *SHAPE))
    images = (noise + 200 * labels[:, None, None, None]).astype(np.uint8)
    return {"image": images, "label": labels.astype(np.int32)}


def test_the_classifier_alone_is_the_games_discriminator_and_learns(game):
    found = alone.supervised_game(game)
    assert found.nets[DISCRIMINATOR] is game.nets[DISCRIMINATOR]
    assert found.players[DISCRIMINATOR] is game.players[DISCRIMINATOR]
    algorithm = compile_game(found)
    state = algorithm.init(jax.random.key(0))
    known = _labelled(40)
    step = jax.jit(algorithm.step)
    batch = {alone.LABELLED: {name: each[None] for name, each in known.items()}}
    losses = []
    for _ in range(60):
        state, metrics = step(state, batch)
        losses.append(float(metrics["supervised/loss"]))
    assert losses[-1] < 0.05 < losses[0]
    view = views_of(found, state).averaged(DISCRIMINATOR)
    assert alone.accuracy_of(view, known["image"], known["label"], 10) == 1.0
    # A quarter of the labels turned: what it names does not depend on them.
    turned = np.where(np.arange(40) < 10, 1 - known["label"], known["label"])
    assert alone.accuracy_of(view, known["image"], turned, 20) == 0.75
    with pytest.raises(TypeError, match="makes no samples"):
        algorithm.sample(state, jax.random.key(0), 2)


def test_results_of_a_classifier_alone_are_read_from_its_folder(tmp_path):
    text = '{"steps": [5, 10], "accuracy": [0.5, 0.75], "minutes": 1.5}'
    (tmp_path / "tested.json").write_text(text)
    found = measure.measure(ALONE, tmp_path, None)
    np.testing.assert_array_equal(found.steps, [5, 10])
    np.testing.assert_array_equal(found.accuracy, [0.5, 0.75])
    assert (found.minutes, found.samples) == (1.5, None)


def _runs():
    base = {MATCHING: 0.9, MINIBATCH: 0.85, ALONE: 0.75}
    return {
        (name, labels): [
            Finished(
                np.array([500, 1000]),
                np.array([0.5, base[name] + 0.01 * seed + 0.05 * (labels == 1000)]),
                2.5,
                Samples(30.0 + seed, 0.5, 9.5) if name in GANS else None,
            )
            for seed in SEEDS
        ]
        for name, labels in CELLS
    }


def test_page_tells_what_was_measured():
    text = " ".join(page.page(_runs()).split())
    matching = "91.00% (90.00% to 92.00%) | 96.00% (95.00% to 97.00%) |"
    assert f"| feature matching | {matching}" in text
    assert "With 100 labels feature matching is +15.0 (+15.0 to +15.0) points" in text
    assert "With 100 labels minibatch discrimination is +10.0 (+10.0 to +10.0)" in text
    assert "| minibatch discrimination | 86.00% (85.00% to 87.00%) | - |" in text
    row = "| minibatch discrimination | 100 | 31 (30 to 32) | 50% (50% to 50%) | 9.5"
    assert row in text
    assert "A run took 2 minutes on average" in text
    assert page.last(_runs()[ALONE, 100]) == pytest.approx([0.75, 0.76, 0.77])


def test_bands_reach_from_seed_to_seed():
    line = run.band(_runs()[ALONE, 100])
    np.testing.assert_allclose(line.y, [0.5, 0.76])
    assert line.band is not None
    np.testing.assert_allclose(line.band, [0.0, 0.01], atol=1e-12)
