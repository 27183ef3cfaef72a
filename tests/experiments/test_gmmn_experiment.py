"""The study of moments: its discrepancies and windows are what its page says."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.gmmn import measure, page
from experiments.gmmn.measure import Curve, Digits, Finished
from experiments.gmmn.run import band
from experiments.gmmn.runs import AUTOENCODER_STEPS, EVERY, METHODS, SEEDS, make_config
from gan_jax import loop
from gan_jax.methods.gmmn import half
from gan_jax.metrics.parzen import ParzenScore
from gan_jax.networks.mlp import MLPGenerator
from gan_jax.nn.adapter import from_linen
from gan_jax.trained import open_run


def test_runs_are_of_the_methods():
    for name, method in METHODS.items():
        config = make_config(name, 2)
        assert (config.seed, config.train.steps) == (2, method.steps)
        assert method.steps % EVERY == method.first % EVERY == 0
        # Every checkpoint is there to be measured.
        assert config.checkpoint.keep_last * config.checkpoint.every == method.steps
    assert make_config("gmmn", 0).model.squared_bandwidths == measure.PIXELS
    coded = make_config("gmmn_ae", 0)
    assert coded.model.squared_bandwidths == measure.CODES
    assert [stage["until"] for stage in coded.stages] == [AUTOENCODER_STEPS]


def test_pixels_are_in_the_range_of_the_papers():
    images = np.array([0, 51, 255], np.uint8).reshape(3, 1, 1, 1)
    np.testing.assert_allclose(measure.rows(images)[:, 0], [0.0, 0.2, 1.0], rtol=1e-6)
    digits = np.array([[0.0] * 392 + [1.0] * 392])
    drawn = measure.pictures_of(digits)
    assert drawn.shape == (1, 28, 28, 1)
    np.testing.assert_array_equal(drawn[0, :, 0, 0], [-1.0] * 14 + [1.0] * 14)


def test_the_discrepancy_by_hand():
    real, fake = np.array([[0.0], [1.0]]), np.array([[0.0], [2.0]])

    def kernel(gap):
        return np.exp(-(gap**2) / 4.0) + np.exp(-(gap**2) / 10.0)

    across = (kernel(0) + kernel(2) + kernel(1) + kernel(1)) / 4.0
    expected = kernel(1) + kernel(2) - 2.0 * across
    found = measure.discrepancy(real, fake, (2.0, 5.0))
    assert found == pytest.approx(expected)


def test_windows_choose_their_width_by_validation_digits():
    # All 0.3 from the only centre: the likeliest s is 0.3, the distance per dimension.
    away = np.full((4, 3), 0.3)
    score = measure.windows(np.zeros((1, 3)), Digits(away, away, away))
    assert score.bandwidth == 0.3
    expected = -1.5 * np.log(2.0 * np.pi * 0.09) - 1.5
    assert score.mean == pytest.approx(expected)
    assert score.error == pytest.approx(0.0, abs=1e-12)


def test_centroids_of_two_heaps_are_their_means(tmp_path):
    heaps = np.array([[0.0, 0.1], [0.0, -0.1], [5.0, 1.0], [5.0, 3.0]], np.float32)
    found = measure.centroids(np.tile(heaps, (50, 1)), 2, tmp_path)
    found = found[found[:, 0].argsort()]
    np.testing.assert_allclose(found, [[0.0, 0.0], [5.0, 2.0]], atol=0.15)
    stored = np.load(tmp_path / "kmeans_2.npy")
    np.testing.assert_allclose(stored[stored[:, 0].argsort()], found)


def test_samples_and_codes_are_those_of_the_run(tmp_path, monkeypatch):
    config = make_config("gmmn_ae", 0)
    config.update_from_flattened_dict(
        {"train.steps": 4, "train.batch_size": 8,
         "parallel.devices": 1, "checkpoint.every": 2, "log.every": 1,
         "samples.every": 0}
    )  # fmt: skip
    config.stages = ({**config.stages[0], "until": 2},)
    with config.unlocked():
        config.model.update({"features": (8,), "ae_features": (8,), "code_dim": 3})
    loop.train(config, tmp_path / "run")
    monkeypatch.setattr(measure, "_FEATURES", (8,))
    monkeypatch.setattr(measure, "_CODE", 3)
    run = open_run(tmp_path / "run")
    latents = measure.latents_of(run, 5, 6)
    np.testing.assert_array_equal(
        latents, measure.latents_of(open_run(tmp_path / "run", step=2), 5, 6)
    )
    samples = measure.sampled(run, latents)
    made = np.asarray(run.generate(latents)).reshape(6, 784)
    np.testing.assert_allclose(samples, (made + 1.0) / 2.0, atol=1e-6)
    # Codes, decoded by the generator's second half, are the samples.
    codes = measure.generated_codes(run, latents)
    decoder = from_linen(MLPGenerator((8,), (28, 28, 1)), (3,))
    again = half(run.generator, "decoder", decoder)(jnp.asarray(codes), train=False)
    np.testing.assert_allclose(again.reshape(6, 784), made, atol=1e-5)
    images = 2.0 * jnp.asarray(samples).reshape(6, 28, 28, 1) - 1.0
    found = jax.nn.sigmoid(run.view("encoder")(images, train=False))
    np.testing.assert_allclose(measure.codes_of(run, samples), found, atol=1e-5)


def test_a_band_is_of_roots_and_of_all_seeds():
    curves = [Curve(np.array([0, 1000]), np.array(v)) for v in ([4.0, -1.0], [16.0, 9.0])]
    drawn = band(curves)
    np.testing.assert_allclose(drawn.x, [0.0, 1.0])
    np.testing.assert_allclose(drawn.y, [3.0, 1.5])
    np.testing.assert_allclose(drawn.band, [1.0, 1.5])


def test_page_tells_what_was_measured():
    def finished(score, i):
        curve = Curve(np.array([0, 375_000]), np.array([0.5, 0.01 + 0.001 * i]))
        return Finished(ParzenScore(score + i, 2.0, 0.2), curve, None, np.zeros(0), 1.25)

    means = {"gmmn": 140.0, "gmmn_ae": 250.0, "gan": 150.0}
    runs = {name: [finished(m, i) for i in (-1, 0, 1)] for name, m in means.items()}
    assert len(SEEDS) == 3
    known = {
        page.TRUE: ParzenScore(240.4, 2.0, 0.16),
        page.kmeans_name(1_000): ParzenScore(230.0, 2.0, 0.18),
        page.kmeans_name(10_000): ParzenScore(301.0, 2.0, 0.14),
    }
    text = page.page(runs, known, (0.0004, 0.0001))
    row = "140 (139 to 141) | 0.20 | 10.00 (9.00 to 11.00) | 375,000 | 1.2"
    assert f"| GMMN | {row} |" in text
    assert "| training digits |  |  | 0.40 |  |  |" in text
    lines = [line for line in text.splitlines() if line.endswith("(1511.01844) |")]
    order = [line.split(" | ")[0][2:] for line in lines]
    assert order == ["1,000 centroids of k-means", page.TRUE, "10,000 centroids of k-means"]
    assert "| GMMN+AE | 250 ± 2 | 0.20 | 282 (1502.02761) |" in text
    words = " ".join(text.split())
    assert "10,000 centroids of k-means beat the true distribution, by 61 nats" in words
    assert "models that do: GMMN+AE." in words
    assert "are at 0.010, their pixels at 0.020." in words
