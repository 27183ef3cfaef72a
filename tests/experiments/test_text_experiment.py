"""The study of texts: its oracle, its n-grams, and what its page says."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.bands import seeds_band
from experiments.text import page
from experiments.text.measure import Curves, Names, describe_names, distinct, names_of
from experiments.text.ngrams import NGrams
from experiments.text.oracle import LENGTH, WORDS, make_oracle, write_data
from experiments.text.page import Findings, Marks
from experiments.text.runs import D_BOTH, METHODS, PLANS, TRAININGS, make_config
from gan_jax.data import open_source
from gan_jax.registry import resolve


def test_the_oracle_is_a_fixed_distribution_of_full_sequences():
    oracle = make_oracle()
    leaves = np.concatenate([np.ravel(x) for x in jax.tree.leaves(oracle.params)])
    assert leaves.std() == pytest.approx(1.0, abs=0.03)
    rows = oracle.draw(jax.random.key(1), 1100)
    assert rows.shape == (1100, LENGTH)
    assert (rows.min(), rows.max() <= WORDS) == (1, True)
    np.testing.assert_array_equal(rows[:3], oracle.draw(jax.random.key(1), 3))
    # Its own sequences are likelier to it than words in another order are.
    assert oracle.nll(rows) == pytest.approx(1.65, abs=0.03)
    assert oracle.nll(rows[:, ::-1]) == pytest.approx(4.14, abs=0.1)
    half = (oracle.nll(rows[:550]) + oracle.nll(rows[550:])) / 2.0
    assert oracle.nll(rows) == pytest.approx(half, rel=1e-6)


def test_the_oracles_sequences_as_a_source(tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.text.oracle.TRAIN", 30)
    monkeypatch.setattr("experiments.text.oracle.TEST", 7)
    folder = write_data(tmp_path / "oracle")
    train, test = (open_source(f"words:{folder}:{s}") for s in ("train", "test"))
    assert (len(train), len(test)) == (30, 7)
    assert train.vocabulary.size == WORDS + 1
    assert train.arrays["image"].shape == (30, LENGTH)
    # Words are their own tokens.
    line = (folder / "test.txt").read_text().splitlines()[2]
    assert test[2]["image"].tolist() == [int(word) for word in line.split()]
    kept = (folder / "train.txt").stat().st_mtime_ns
    assert write_data(folder) == folder
    assert (folder / "train.txt").stat().st_mtime_ns == kept


def test_runs_begin_alike(monkeypatch):
    monkeypatch.setattr("experiments.text.runs.sequences", lambda: "oracle")
    for name, (data, how) in METHODS.items():
        config, plan = make_config(name, 2), PLANS[data]
        assert (config.seed, config.train.steps) == (2, plan.steps)
        assert config.checkpoint.keep_last * config.checkpoint.every == plan.steps
        assert all(step % plan.every == 0 for step in plan.measured())
        shape = (LENGTH, WORDS + 1) if data == "oracle" else (11, 27)
        stages = [*resolve(config, shape).program]
        ends = [plan.first, plan.likelihood, plan.likelihood + plan.alone]
        ends = [*ends[: len(stages) - 1], None]
        assert [stage.until for stage in stages] == ends
        assert [stage.game.phases[0].name for stage in stages] == {
            "likelihood": ["likelihood"] * 2,
            "seqgan": ["likelihood"] * 2 + ["discriminator", "generator"],
            "gumbel_gan": ["likelihood"] * 2 + ["discriminator"],
            "straight_through": ["likelihood"] * 2 + ["discriminator"],
        }[how]
        # Adam begins anew after the likelihood.
        changes = [stage.enter is not None for stage in stages]
        assert changes == [place == 2 for place in range(len(stages))]
        assert all(stage.game.phases[-1].repeat == D_BOTH for stage in stages[3:])


def test_n_grams_by_hand():
    judge = NGrams(["AB", "AB", "BA"], "AB", order=2)
    # Of nine characters three are A, three B and three ends; all alike below.
    base = (3 + 3 / 3) / (9 + 3)
    # First characters: A twice, B once. After A: B twice, the end once.
    assert judge.chance("", "A") == pytest.approx((2 + 2 * base) / 5)
    assert judge.chance("", "\n") == pytest.approx((0 + 2 * base) / 5)
    assert judge.chance("A", "B") == pytest.approx((2 + 2 * base) / 5)
    assert judge.chance("A", "A") == pytest.approx((0 + 2 * base) / 5)
    assert judge.chance("BA", "B") == judge.chance("A", "B")
    for history in ("", "A", "B", "AB"):
        total = sum(judge.chance(history, char) for char in "AB\n")
        assert total == pytest.approx(1.0)
    expected = [(2 + 2 * base) / 5] * 2 + [(2 + 2 * base) / 5]
    found = judge.per_character(["AB"])
    assert found == pytest.approx(np.mean(np.log(expected)))


def test_n_grams_draw_from_themselves():
    judge = NGrams(["AB"] * 50 + ["B"] * 50, "AB", order=3)
    names = judge.draw(400, 0, 5)
    share = np.mean([name == "B" for name in names])
    expected = judge.chance("", "B") * judge.chance("B", "\n")
    assert share == pytest.approx(expected, abs=5 * math.sqrt(expected / 400))
    assert max(map(len, names)) <= 5


def test_what_is_said_of_names():
    judge = NGrams(["AB", "BA"], "AB", order=2)
    found = describe_names(["AB", "AB", "BB", "A"], {"AB", "BA"}, ["BB", "AA"], judge)
    expected = Names(judge.per_character(["AB", "AB", "BB", "A"]), 0.5, 0.75, 0.5, 1.75)
    assert found == pytest.approx(expected)
    assert distinct([(1, 2), (1, 2), (2, 1)]) == pytest.approx(2 / 3)


def test_names_are_split_for_good():
    known, held_out = names_of("train"), names_of("test")
    assert (len(known), len(held_out)) == (3848, 427)
    assert not set(known) & set(held_out)


def findings():
    def curves(end):
        steps = np.array([100, 200])
        return Curves(steps, np.array([5.0, end]), steps / 50.0, steps / 200.0, 1.5)

    names = Names(-2.25, 0.5, 0.75, 0.125, 6.0)
    return Findings(
        curves={
            "likelihood": [curves(4.5), curves(4.75)],
            "seqgan": [curves(4.25), curves(4.25)],
            "gumbel_gan": [curves(4.75), curves(4.5)],
            "straight_through": [curves(4.5), curves(4.75)],
        },
        marks=Marks(3.25, 7.75),
        insights=[0.125, 0.25],
        names={key: [names, names] for key in TRAININGS},
        others={"held-out names": names},
        shown={key: ["ANNA", "BEA"] for key in TRAININGS},
    )


def test_the_page():
    found = findings()
    assert page.gains(found, "seqgan") == [0.25, 0.5]
    text = page.page(found)
    whole = " ".join(text.split())
    assert "but by repeating" not in whole
    assert "SeqGAN ends below maximum likelihood alone for 2 of 2 seeds" in whole
    assert "by 0.375 (0.250 to 0.500) nats of a word." in whole
    assert "Gumbel-softmax GAN ends below maximum likelihood alone for 1 of 2" in whole
    assert "| SeqGAN | 4.250 (4.250 to 4.250) | 4.000 (4.000 to 4.000) | 100.0%" in text
    assert "| words at random | 7.750 |" in text
    assert "| held-out names | -2.25 | 50% | 75% | 12.5% | 6.0 |" in text
    assert "SeqGAN: ANNA, BEA." in text
    assert "correlation is 0.19 (0.12 to 0.25)" in whole


def test_the_page_tells_of_repetition():
    found = findings()
    few = [run._replace(unlike=np.array([1.0, 0.25])) for run in found.curves["seqgan"]]
    text = page.verdict(found._replace(curves={**found.curves, "seqgan": few}))
    expected = "a word, but by repeating itself: 25.0% of its sequences are different ones."
    assert " ".join(text.split()).count(expected) == 1


def test_bands_reach_from_seed_to_seed():
    found = seeds_band(np.array([1, 2]), [np.array([1.0, 4.0]), np.array([3.0, 2.0])])
    np.testing.assert_array_equal(found.y, [2.0, 3.0])
    np.testing.assert_array_equal(found.band, [1.0, 1.0])


def test_likelihoods_of_uniform_words():
    oracle = make_oracle()
    flat = jax.tree.map(jnp.zeros_like, oracle.params)
    rows = np.ones((3, LENGTH), np.int32)
    assert oracle._replace(params=flat).nll(rows) == pytest.approx(math.log(WORDS))
