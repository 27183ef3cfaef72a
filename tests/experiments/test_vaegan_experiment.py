"""The study of VAE/GAN: its numbers and its arithmetic are what its page says."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.vaegan import attributes, measure, page
from experiments.vaegan.attributes import COLOURS, SHAPES, Right
from experiments.vaegan.measure import Finished, Judge, Scores
from experiments.vaegan.runs import METHODS, SEEDS, make_config
from gan_jax.config import flatten
from gan_jax.metrics.features import FeatureNet, Features
from gan_jax.metrics.frechet import statistics

NAMES = [name for names in SHAPES.values() for name in names]


def test_runs_differ_in_what_errors_are_of():
    ours, plain = (flatten(make_config(name, 1)) for name in ("vaegan", "vae"))
    unlike = {k for k in {**ours, **plain} if ours.get(k) != plain.get(k)}
    assert unlike == {"model.adversarial", "model.gamma", "recipe.loss"}
    assert (ours["model.adversarial"], plain["model.adversarial"]) == (True, False)
    assert (plain["seed"], ours["seed"]) == (1, 1)


def test_sharpness_is_the_variance_of_the_laplacian():
    board = np.indices((4, 4)).sum(axis=0) % 2 * np.uint8(255)
    images = np.stack([board, np.full((4, 4), 9)]).astype(np.uint8)[..., None]
    # A chequered image has 4 and -4 inside, a grey one 0.
    np.testing.assert_allclose(measure.sharpness(images), [16_000.0, 0.0], atol=1e-9)


def _square(first, second):
    return np.mean((first.astype(float) - second) ** 2, axis=(1, 2, 3))


def test_scores_by_hand():
    def outputs(images):
        return Features(images.reshape(len(images), -1)[:, :2].astype(np.float32))

    net = FeatureNet("toy", outputs, "fingerprint", "none")
    real = np.arange(4 * 9, dtype=np.uint8).reshape(4, 3, 3, 1)
    by = Judge(net, _square, real, statistics(net.features(real)))
    moved = real + np.uint8(3)
    scores = measure.score(moved, moved, by)
    assert scores.features == pytest.approx(3.0 * np.sqrt(2.0))
    assert scores.perceptual == pytest.approx(9.0)
    assert scores.psnr == pytest.approx(10.0 * np.log10(255.0**2 / 9.0), rel=1e-5)
    assert scores.sharpness == scores.sample_sharpness == 0.0
    # Two features are moved by 3 each.
    assert scores.distance == pytest.approx(18.0, rel=1e-4)


def test_named_emoji_are_of_their_colours():
    images = attributes.named_emoji(NAMES, (32, 32, 3))
    assert images.shape == (27, 32, 32, 3)
    middle = images[:, 14:18, 14:18].reshape(27, -1, 3).mean(axis=1).reshape(3, 9, 3)
    red, green, blue = (COLOURS.index(name) for name in ("red", "green", "blue"))
    for form in middle:
        assert [form[i].argmax() for i in (red, green, blue)] == [0, 1, 2]
        assert form[COLOURS.index("black")].max() < form[COLOURS.index("white")].min()


def test_recolourings_are_all_of_them():
    asked = attributes.recolourings()
    assert asked.terms.shape == (6 * 72, 3)
    forms, colours = np.divmod(asked.terms, 9)
    np.testing.assert_array_equal(forms[:, 0], forms[:, 1])
    np.testing.assert_array_equal(colours[:, 1], colours[:, 2])
    np.testing.assert_array_equal(asked.wanted, 9 * forms[:, 2] + colours[:, 0])
    assert len({tuple(row) for row in asked.terms.tolist()}) == 432


def _painted():
    """Shapes of one channel, colours of another: pixels that add up."""
    images = np.zeros((27, 1, 1, 2), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = np.divmod(np.arange(27), 9)
    return images


def test_arithmetic_is_right_on_codes_that_are_linear():
    def encode(images):
        return jnp.asarray(images.reshape(-1, 2), jnp.float32)

    def decode(codes):
        return np.asarray(codes).round().astype(np.uint8).reshape(-1, 1, 1, 2)

    right = attributes.rate(encode, decode, _painted())
    assert right == Right(sums=1.0, colours=1.0, unmoved=0.0, ceiling=1.0)

    def deaf(codes):
        """The same image whatever the codes: the first."""
        return np.zeros((len(codes), 1, 1, 2), np.uint8)

    found = attributes.rate(encode, deaf, _painted())
    # Of 432 answers 2 * 8 are the first emoji, 6 * 8 are of its colour; 16 have it as C.
    assert found.sums == pytest.approx(16 / 432)
    assert found.colours == pytest.approx(48 / 432)
    assert found.unmoved == pytest.approx(16 / 432)
    assert found.ceiling == pytest.approx(1 / 27)


def test_codes_are_means_and_decodings_the_runs(tmp_path):
    from gan_jax import loop
    from gan_jax.numerics import to_uint8, to_unit
    from gan_jax.trained import open_run

    config = make_config("vae", 0)
    config.update_from_flattened_dict(
        {"train.steps": 1, "train.batch_size": 8,
         "parallel.devices": 1, "model.width": 2, "samples.every": 0,
         "checkpoint.every": 1, "data.image_shape": (8, 8, 3)}
    )  # fmt: skip
    loop.train(config, tmp_path / "run")
    run = open_run(tmp_path / "run")
    images, _ = run.real_images(5, "test")
    codes = measure.encoder(run)(images)
    found = run.view("encoder")(to_unit(jnp.asarray(images)), train=False)
    np.testing.assert_allclose(codes, found.mean, atol=1e-5)
    decoded = measure.decoder(run)(codes)
    expected = np.asarray(to_uint8(run.generate(found.mean)))
    np.testing.assert_allclose(decoded.astype(int), expected.astype(int), atol=1)


def test_page_tells_what_was_measured():
    def finished(scale, i):
        scores = Scores(4.0 * scale + i, 2.0 * scale, 15.0, 20.0 * scale, 18.0, 90.0)
        return Finished(scores, np.zeros(0), np.zeros(0), 2.5)

    scales = {"vae": 1.0, "vaegan": 0.5}
    runs = {n: [finished(scales[n], i) for i in (-1, 0, 1)] for n in METHODS}
    assert len(SEEDS) == 3
    rights = {name: [Right(0.25, 0.5, 0.125, 1.0)] * 3 for name in METHODS}
    text = page.page(runs, rights, page.Real(40.0, 30.0, 209, (9.5, 3.0)))
    row = "4.00 (3.00 to 5.00) | 2.000 (2.000 to 2.000) | 15.0 (15.0 to 15.0)"
    assert f"| VAE | {row} | 20.0 (20.0 to 20.0) |" in text
    assert "| emoji | 0 | 0 |  | 40.0 | 40.0 | 30.0 |  |" in text
    assert "| VAE/GAN | 25% (25% to 25%) | 50% (50% to 50%) | 12% (12% to 12%) |" in text
    words = " ".join(text.split())
    assert "feature error 0.50, perceptual error 0.50, Fréchet distance 1.00" in words
    assert "reconstructions have: VAE 50%, VAE/GAN 25%." in words
