"""The study of super-resolution: its pictures and numbers are what its page says."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from experiments.super_resolution import measure, page, run
from experiments.super_resolution.measure import (
    BICUBIC,
    GAME,
    PIXELS,
    Finished,
    Judge,
    Scores,
)
from experiments.super_resolution.page import Found
from experiments.super_resolution.runs import METHODS, SEEDS, make_config, pixel_steps
from gan_jax import loop
from gan_jax.config import flatten
from gan_jax.nn.resize import downscale, upscale
from gan_jax.numerics import to_uint8, to_unit
from gan_jax.trained import open_run

DRAWS = np.random.default_rng(0)
IMAGES = DRAWS.integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)


def test_runs_differ_in_their_data():
    ours, others = (flatten(make_config(name, 1)) for name in METHODS)
    unlike = {k for k in {**ours, **others} if ours.get(k) != others.get(k)}
    assert unlike == {"data.source"}
    config = make_config("photos", 2)
    assert config.seed == 2
    assert pixel_steps(config) % config.checkpoint.every == 0
    assert config.train.steps == pixel_steps(config) + config.checkpoint.every


def test_small_images_and_their_bicubic_enlargement():
    given = measure.small(IMAGES, 4)
    smooth = downscale(to_unit(jnp.asarray(IMAGES)), 4)
    np.testing.assert_array_equal(given, to_uint8(smooth))
    plain = measure.bicubic(4)(given)
    expected = to_uint8(upscale(to_unit(jnp.asarray(given)), 4))
    np.testing.assert_allclose(plain.astype(int), expected.astype(int), atol=1)
    assert plain.shape == IMAGES.shape


def _square(first, second):
    return np.mean((first.astype(float) - second) ** 2, axis=(1, 2, 3))


def _corner(images):
    return images[:, 0, 0, :2].astype(np.float64)


def test_scores_by_hand():
    truth = (IMAGES // 2).astype(np.uint8)
    by = Judge(truth, _corner(truth), _corner, _square)
    scores = measure.score(truth + np.uint8(3), by)
    assert scores.psnr == pytest.approx(10.0 * np.log10(255.0**2 / 9.0), rel=1e-5)
    assert scores.perceptual == pytest.approx(9.0)
    assert scores.features == pytest.approx(3.0 * np.sqrt(2.0))
    assert 0.9 < scores.ssim < 1.0
    assert measure.score(truth, by).ssim == pytest.approx(1.0)


def test_a_run_is_measured_at_the_ends_of_both_stages(tmp_path):
    config = make_config("emoji", 0)
    # Both stages on pixels: a discriminator would take long to compile.
    config.update_from_flattened_dict(
        {"train.steps": 4, "train.batch_size": 8, "parallel.devices": 1,
         "model.blocks": 1, "model.width": 2, "model.d_width": 2, "model.d_hidden": 4,
         "model.content": "pixels", "model.adversarial": False,
         "data.image_shape": (16, 16, 3),
         "samples.every": 0, "checkpoint.every": 2}
    )  # fmt: skip
    (stage,) = config.stages
    config.stages = ({**stage, "until": 2},)
    workdir = tmp_path / "run"
    loop.train(config, workdir)
    truth = measure.held_out(workdir)
    assert truth.shape == (209, 64, 64, 3)
    truth = truth[:3]
    by = Judge(truth, _corner(truth), _corner, _square)
    found = measure.measure(workdir, by)
    given = to_unit(jnp.asarray(measure.small(truth, 4)))
    for way, step in ((PIXELS, 2), (GAME, 4)):
        trained = open_run(workdir, step=step)
        made = trained.algorithm.translate(
            trained.state, jax.random.key(0), given, "upscale"
        )
        expected = np.asarray(to_uint8(made)).astype(int)
        np.testing.assert_allclose(found.images[way].astype(int), expected, atol=1)
        assert found.scores[way] == measure.score(found.images[way], by)
    assert np.any(found.images[PIXELS] != found.images[GAME])


def test_pictures_stand_in_the_order_that_the_page_says(tmp_path):
    n = 24
    colours = {"given": 10, BICUBIC: 50, PIXELS: 90, GAME: 130, "truth": 170}
    flat = {k: np.full((n, 8, 8, 3), v, np.uint8) for k, v in colours.items()}
    # Each image is a little lighter than the one before it.
    for images in flat.values():
        images += np.arange(n, dtype=np.uint8)[:, None, None, None]
    done = Finished({PIXELS: flat[PIXELS], GAME: flat[GAME]}, {}, 1.0)
    output = tmp_path / "picture.png"
    given = flat["given"][:, ::4, ::4]
    run.draw(flat["truth"], given, flat[BICUBIC], done, output)
    picture = np.asarray(Image.open(output))
    centres = picture[6::10, 6::10, 0][: run.ROWS]
    assert picture.shape == (62, 102, 3)
    np.testing.assert_array_equal(centres[0, :5], [10, 50, 90, 130, 170])
    shown = np.linspace(0, n - 1, 12).round().astype(int)
    np.testing.assert_array_equal(centres[:, 0], 10 + shown[::2])
    np.testing.assert_array_equal(centres[:, 9], 170 + shown[1::2])


def test_page_tells_what_was_measured():
    assert len(SEEDS) == 3

    def found(scale):
        runs = [
            Finished(
                {},
                {
                    PIXELS: Scores(25.0 + i, 0.8, 2.0 * scale, 8.0),
                    GAME: Scores(24.0 + i, 0.75, 1.0 * scale, 6.0),
                },
                3.0,
            )
            for i in (-1, 0, 1)
        ]
        return Found(209, 64, Scores(22.0, 0.7, 4.0 * scale, 12.0), runs)

    text = page.page({"emoji": found(1.0), "photos": found(0.5)})
    assert "| emoji | bicubic | 22.00 | 0.700 | 4.000 | 12.00 |" in text
    cells = "25.00 (24.00 to 26.00) | 0.800 (0.800 to 0.800) | 1.000 (1.000 to 1.000)"
    assert f"| photos | pixels alone | {cells} | 8.00 (8.00 to 8.00) |" in text
    words = " ".join(text.split())
    assert "+3.00 decibels against bicubic enlargement, and SRGAN -1.00 against" in words
    assert "is 50% of the network's and 25% of bicubic enlargement's" in words
    assert "its distance in EfficientNet 75% and 50%." in words
    assert "(209 emoji of 64 x 64, 209 photos of 64 x 64)" in words
    assert "for 1,000 steps at 0.001 on the squared error" in words
    assert "then the game for 500 steps at 0.0002" in words
    assert (
        "SRGAN (1609.04802; `configs/srgan.py:emoji` and `configs/srgan.py:photos`)"
        in words
    )
