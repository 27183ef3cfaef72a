"""The study of coupled networks: agreements of pairs are what its page says."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from experiments.coupled import measure, page
from experiments.coupled.measure import Agreement, Finished
from experiments.coupled.runs import METHODS, SEEDS, STEPS, make_config
from gan_jax import loop, tracing
from gan_jax.data.renderings import edges, inverted
from gan_jax.numerics import to_uint8
from gan_jax.trained import open_run


def test_runs_are_of_the_methods():
    for name, method in METHODS.items():
        config = make_config(name, 2)
        assert (config.seed, config.train.steps, config.method) == (2, STEPS, "cogan")
        # Domains share no digit.
        assert config.data.source == "builtin:mnist:train_a"
        look = "edges" if method.look == "edges" else "inverted"
        assert config.data.second == f"builtin:mnist_{look}:train_b"
        shared = [config.model.get(f"{side}_shared") for side in "gd"]
        assert shared == ([None, None] if method.tied else [0, 0])


def brightness(images):
    """A classifier of brightness, 0 to 9."""
    return (images.reshape(len(images), -1).mean(axis=1) // 26).astype(np.int64)


def test_agreement_by_hand():
    first = np.zeros((4, 28, 28, 1), np.uint8)
    first[2:] = 255  # classes 0 0 9 9
    second = 255 - first
    second[3] = 255  # of negatives; the last is of another class
    by = {"digits": brightness, "negatives": lambda images: brightness(inverted(images))}
    found = measure.agreement(first, second, METHODS["inverted_tied"], by)
    # Shares are 1/2 and 1/2 on one side, 3/4 and 1/4 on the other.
    # Bright ones are 1 1 0 0 rendered, 1 1 0 1 in pairs, and 1 1 1 0 of the neighbours.
    assert found == Agreement(0.75, 0.5 * 0.75 + 0.5 * 0.25, 0.75, 0.75)


def test_pixels_agree_where_the_rendering_is_as_bright():
    first = np.zeros((2, 28, 28, 1), np.uint8)
    first[:, 10, 10] = 200
    second = edges(first)
    second[0, 9, 9] = 0  # one of 784 pixels
    by = {"digits": brightness, "edges": brightness}
    found = measure.agreement(first, second, METHODS["edges_tied"], by)
    assert found.pixels == pytest.approx(1.0 - 0.5 / 784)
    assert found.others == pytest.approx(1.0 - 0.5 / 784)
    assert found.classes == found.chance == 1.0


def test_true_pairs_agree_in_every_pixel():
    truth = measure.true_pairs(dict.fromkeys(("digits", "negatives", "edges"), brightness))
    assert [(look, known.pixels) for look, known in truth.items()] == [
        ("negatives", 1.0),
        ("edges", 1.0),
    ]
    assert all(known.others < 1.0 for known in truth.values())


def test_pairs_are_of_one_latent(tmp_path):
    config = make_config("inverted_tied", 0)
    config.update_from_flattened_dict(
        {"train.steps": 1, "train.batch_size": 4, "parallel.devices": 1, "log.every": 1,
         "checkpoint.every": 1, "samples.every": 0}
    )  # fmt: skip
    with config.unlocked():
        config.model.update({"g_width": 1, "d_width": 2})
    with tracing.platform("gpu"):
        loop.train(config, tmp_path / "run")
        run = open_run(tmp_path / "run")
        first, second = measure.pairs(run, 5, 3)
        assert first.shape == second.shape == (3, 28, 28, 1)
        z = run.latents(jax.random.key(0), 3)
        made = run.generator(z, train=False)
        # As pictures they stand side by side.
        shown = run.generate(z)
        np.testing.assert_allclose(shown[:, :, :28], made[0], atol=1e-6)
        np.testing.assert_allclose(shown[:, :, 28:], made[1], atol=1e-6)
        again = measure.pairs(run, 5, 2)
    np.testing.assert_allclose(again[1].astype(int), second[:2].astype(int), atol=1)
    by = dict.fromkeys(("digits", "negatives"), brightness)
    finished = measure.measure("inverted_tied", tmp_path / "run", 5, by, 2)
    assert finished.shown.shape == (2, 28, 56, 1)
    assert to_uint8(made[0]).shape == (3, 28, 28, 1)


def test_page_tells_what_was_measured():
    def finished(classes, seed):
        found = Agreement(classes + 0.01 * seed, 0.11, 0.9 + 0.01 * seed, 0.7)
        return Finished(found, np.zeros(0), 1.25)

    means = dict(zip(METHODS, (0.8, 0.12, 0.5, 0.49), strict=True))
    runs = {name: [finished(m, i) for i in (-1, 0, 1)] for name, m in means.items()}
    assert len(SEEDS) == 3
    truth = dict.fromkeys(("negatives", "edges"), Agreement(0.97, 0.1, 1.0, 0.8))
    text = page.page(runs, truth)
    row = "80.0% (79.0% to 81.0%) | 11.0% (11.0% to 11.0%) | 90.0% (89.0% to 91.0%)"
    assert f"| negatives | CoGAN | {row} | 70.0% (70.0% to 70.0%) | 1.2 |" in text
    own = "97.0% | 10.0% | 100.0% | 80.0%"
    assert f"| edges | test digits and their own renderings | {own} |  |" in text
    words = " ".join(text.split())
    assert "untied ones for 12.0% where it gives 11.0%; every tied run is above" in words
    assert "untied ones for 49.0% where it gives 11.0%; the ranges of their runs" in words
    for name in METHODS:
        assert f"]({name}.png)" in text
