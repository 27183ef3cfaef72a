"""The study of encoders: its runs, latent regression, what is read out, and its page."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.encoders import measure, page, regression
from experiments.encoders.measure import CODES, CRELU, ENCODERS, POOLED, Finished, Read
from experiments.encoders.runs import METHODS, SEEDS, make_config
from gan_jax import loop
from gan_jax.config import flatten
from gan_jax.engine import compile_game
from gan_jax.metrics.classifier import LabelledImages
from gan_jax.metrics.features import FeatureNet, Features
from gan_jax.trained import open_run
from gan_jax.types import Posterior


def test_runs_are_the_methods_of_their_names_and_differ_in_the_seed():
    for name, method in METHODS.items():
        first, second = (flatten(make_config(name, seed)) for seed in (0, 1))
        assert first["method"] == name
        assert first["train.steps"] == method.steps
        assert {k for k, v in first.items() if v != second[k]} == {"seed"}
        rates = tuple(first[f"recipe.{p}_optimizer.learning_rate"] for p in "ged")
        assert rates == method.rates
        for option, value in method.model.items():
            assert first[f"model.{option}"] == value


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tiny BiGAN after two steps."""
    config = make_config("bigan", 0)
    with config.unlocked():
        config.model.update({f"{net}_features": (8,) for net in "ged"})
    changes = {
        "recipe.latent_dim": 2, "recipe.prior": "uniform", "train.steps": 2,
        "train.batch_size": 8, "samples.every": 0, "checkpoint.every": 2,
    }  # fmt: skip
    config.update_from_flattened_dict(changes)
    workdir = tmp_path_factory.mktemp("bigan") / "run"
    loop.train(config, workdir)
    return open_run(workdir)


def test_latent_regression_moves_the_encoder_alone_down_the_gradient_of_its_loss(run):
    algorithm = compile_game(regression.latent_regression(run, optax.sgd(0.125)))
    before = algorithm.init(jax.random.key(1))
    latents = jax.random.uniform(jax.random.key(2), (8, 2), minval=-1.0)
    after, metrics = jax.jit(algorithm.step)(before, {"latent": latents[None]})
    made = run.generate(latents)
    net, player = run.game.nets["encoder"], before.players["encoder"]

    def loss(params):
        found, _ = net.apply(params, player.stats["encoder"], made, train=True)
        return jnp.mean(jnp.square(found - latents))

    value, gradient = jax.value_and_grad(loss)(player.params["encoder"])
    assert metrics["regression/loss"] == pytest.approx(float(value), rel=1e-5)
    expected = jax.tree.map(lambda p, g: p - 0.125 * g, player.params["encoder"], gradient)
    got = after.players["encoder"].params["encoder"]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), got, expected)
    frozen = [state.players["generator"] for state in (before, after)]
    jax.tree.map(np.testing.assert_array_equal, *frozen)
    jax.tree.map(
        np.testing.assert_array_equal,
        frozen[0].params["generator"],
        run.generator.params,
    )


def test_mean_of_takes_codes_or_the_mean_of_a_posterior():
    codes = jnp.ones((3, 2))
    assert regression.mean_of(codes) is codes
    assert regression.mean_of(Posterior(codes, jnp.zeros((3, 2)))) is codes


def _data():
    labels = np.tile(np.arange(10, dtype=np.int32), 6)
    images = np.repeat(25 * labels, 784).reshape(-1, 28, 28, 1).astype(np.uint8)
    return LabelledImages(images, labels, images, labels)


def test_shown_digits_take_classes_in_turn():
    shown = measure.shown_digits(_data())
    np.testing.assert_array_equal(shown[:, 0, 0, 0] // 25, np.tile(np.arange(10), 2))


def test_fewer_keeps_labels_with_their_images(monkeypatch):
    monkeypatch.setattr(measure, "TRAIN", 7)
    few = measure.fewer(_data())
    assert len(few.train_labels) == 7
    np.testing.assert_array_equal(few.train_images[:, 0, 0, 0] // 25, few.train_labels)
    assert len(few.test_labels) == 60


def test_in_parts_is_the_whole(monkeypatch):
    monkeypatch.setattr(measure, "_PASS", 4)
    values = np.arange(10.0)
    found = measure.in_parts(lambda x: {"a": 2.0 * x, "b": x[:, None]}, values)
    np.testing.assert_array_equal(found["a"], 2.0 * values)
    np.testing.assert_array_equal(found["b"], values[:, None])


def test_crelu_normalises_by_the_training_digits():
    train = {POOLED: np.array([[1.0], [3.0]], np.float32)}
    test = {POOLED: np.array([[4.0], [0.0]], np.float32)}
    known, asked = measure.with_crelu(train, test)
    # Mean 2 and variance 1.
    np.testing.assert_allclose(known[CRELU], [[0.0, 1.0], [1.0, 0.0]], atol=1e-4)
    np.testing.assert_allclose(asked[CRELU], [[2.0, 0.0], [0.0, 2.0]], atol=1e-4)
    assert measure.with_crelu({CODES: known[CRELU]}, {CODES: known[CRELU]})[0].keys() == {
        CODES
    }


def test_read_out_of_features_that_tell_all_and_of_the_nearest():
    labels = np.tile(np.arange(10), 6)
    data = LabelledImages(np.zeros(60), labels, np.zeros(10), np.arange(10))
    train = np.eye(10, dtype=np.float32)[labels]
    test = np.eye(10, dtype=np.float32)
    assert measure.read_out(train, test, data) == Read(10, 1.0, 1.0)
    test[[3, 4]] = test[[4, 3]]
    assert measure.read_out(train, test, data) == Read(10, 0.8, 0.8)


def test_score_of_a_generator_and_an_encoder_by_hand(run):
    """Codes are the first two pixels, and images of a code have its first value."""
    data = _data()

    def encode(params, stats, x, *, train):
        return x[:, 0, :2, 0] * jnp.array([[1.0, 0.0]]), stats

    def make(codes):
        # A step too dark: 25 less, of which 0 stays 0.
        values = np.clip(np.round((codes[:, 0] + 1.0) * 127.5) - 25, 0, 255)
        return np.repeat(values, 784).reshape(-1, 28, 28, 1).astype(np.uint8)

    def outputs(images):
        values = images[:, 0, 0].astype(np.float32)
        return Features(values, np.eye(10)[images[:, 0, 0, 0] // 25])

    encoder = run.view("encoder")
    encoder = type(encoder)(type(encoder.net)(None, encode), {}, {}, {})
    latents = np.array([[1.0, -1.0], [-1.0, 1.0]], np.float32)
    samples = np.repeat(np.uint8([255, 0]), 784).reshape(-1, 28, 28, 1)
    subject = measure.Subject(make, latents, samples, pooled=False)
    found = measure.score(
        subject, encoder, data, FeatureNet("toy", outputs, "f", "none", 10)
    )
    assert found.read.keys() == {CODES}
    assert found.read[CODES].nearest == 1.0
    assert found.kept == pytest.approx(0.1)
    assert found.error == pytest.approx(25 / 255 * np.sqrt(0.9))
    # The first values are found, of the second nothing: half of the variance, 1.
    assert found.unknown == pytest.approx(0.5)


def test_rows_between_begin_and_end_with_digits_and_their_reconstructions(run):
    digits = np.arange(6 * 784, dtype=np.uint32).reshape(6, 28, 28, 1).astype(np.uint8)
    subject, encoder = measure.subject_of(run, 0), run.view("encoder")
    rows = measure.rows_between(subject, encoder, digits)
    assert rows.shape == (3, 12, 28, 28, 1)
    again = subject.make(measure.features_of(encoder, digits)[CODES]).astype(int)
    for index in range(3):
        np.testing.assert_array_equal(rows[index, 0], digits[index])
        np.testing.assert_array_equal(rows[index, -1], digits[index + 3])
        np.testing.assert_allclose(rows[index, 1], again[index], atol=1)
        np.testing.assert_allclose(rows[index, -2], again[index + 3], atol=1)


def _finished(share, pooled=False):
    names = (CODES, POOLED, CRELU) if pooled else (CODES,)
    scores = {}
    for place, encoder in enumerate(ENCODERS):
        less = share - 0.1 * place
        read = {name: Read(50 + i, less + 0.01 * i, less) for i, name in enumerate(names)}
        scores[encoder] = measure.Scores(read, less / 2.0, 0.25, 0.5)
    return Finished(scores, 12.0, 3.0)


def test_measurements_are_kept(tmp_path):
    pictures = measure.Pictures(*(np.full((1, 2), i, np.uint8) for i in range(3)))
    made = []

    def make():
        made.append(1)
        return _finished(0.9, pooled=True), pictures

    for _ in range(2):
        finished, shown = measure.kept(tmp_path, make)
        assert finished == _finished(0.9, pooled=True)
        np.testing.assert_array_equal(shown.between, [[2, 2]])
    assert len(made) == 1


def test_page_tells_what_was_measured():
    found = {
        name: [_finished(0.8 + 0.05 * i, name == "bigbigan") for i in (-1, 0, 1)]
        for name in METHODS
    }
    baselines = page.Baselines(Read(784, 0.9, 0.95), 4.0, 0.988)
    text = " ".join(page.page(found, baselines).split())
    assert len(SEEDS) == 3
    shares = "80.0% (75.0% to 85.0%) | 80.0% (75.0% to 85.0%) | 40.0% (37.5% to 42.5%)"
    row = f"{shares} | 0.250 (0.250 to 0.250) | 0.50 (0.50 to 0.50) |"
    assert f"| BiGAN, the game's | 50 | {row}" in text
    assert "| pixels | 784 | 90.0% | 95.0% | 98.8% | 0 | |" in text
    assert (
        "- ALI: linear probe 80.0%, +10.0 points from latent regression, +20.0 from the "
        "untrained encoder and -10.0 from pixels; nearest digit 80.0%" in text
    )
    assert "class kept 40.0%, +5.0 points from latent regression, +10.0 from" in text
    assert f"| BigBiGAN, untrained | {CRELU} | 52 | 62.0% (57.0% to 67.0%)" in text
    assert "| BigBiGAN | 12.0 (12.0 to 12.0) | 3.0 (3.0 to 3.0) |" in text
    assert "| test digits | 4.0 | |" in text
