"""The BigGAN study: its runs are what it says, and its page tells what was measured."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from experiments import logs
from experiments.biggan import measure, page
from experiments.biggan.runs import ROWS, RUNS, Run, paper_parameters, row_config
from gan_jax.game import View
from gan_jax.metrics.features import FeatureNet, Features
from gan_jax.nn import BatchNorm
from gan_jax.nn.adapter import from_linen


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_full_size_parameters_are_the_papers(row):
    assert round(paper_parameters(row) / 1e6, 1) == row.paper[2]


def test_rows_are_the_papers_scaled():
    first, last = row_config(ROWS[0]), row_config(ROWS[-1])
    assert (first.train.batch_size, first.model.g_width, first.model.d_width) == (4, 4, 4)
    assert (first.model.embedding, first.model.hierarchical) == (None, False)
    assert first.recipe.g_terms.ortho.weight == 0.0
    assert (last.train.batch_size, last.model.g_width, last.model.d_width) == (32, 4, 4)
    assert (last.model.embedding, last.model.hierarchical) == (32, True)
    assert last.recipe.g_terms.ortho.weight == 1e-4
    # 0.99 a step, in images of the row's own batch.
    for config in (first, last):
        share = 0.5 ** (config.train.batch_size / config.recipe.ema.half_life)
        assert share == pytest.approx(0.99)
    wide = [row_config(row) for row in ROWS[4:8]]
    assert {config.model.g_width for config in wide} == {6}
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_parameters_at_small_scale_by_hand():
    # A generator of width w at 32 pixels, 4w = c channels everywhere: the projection, three
    # blocks of two 3 x 3 convolutions and a shortcut, norms, and the image.
    def pair(c, latent, modulation):
        projected = latent * 16 * c + 16 * c
        block = 2 * (9 * c * c + c) + c * c + c + modulation(c)
        generator = projected + 3 * block + 2 * c + 27 * c + 3
        first = 27 * c + c + 9 * c * c + c + 3 * c + c
        second = 2 * (9 * c * c + c) + c * c + c
        others = 2 * 2 * (9 * c * c + c)
        return generator + first + second + others + c + 1 + 10 * c

    by_class = pair(16, 80, lambda c: 2 * 2 * 10 * c)
    assert measure.parameters(row_config(ROWS[0])) == by_class
    style = 32 + 20
    split = pair(16, 20, lambda c: 2 * 2 * style * c) + 10 * 32
    assert measure.parameters(row_config(ROWS[-1])) == split


def test_flags_are_those_of_the_command_line():
    run = Run("configs/a.py:b", {"data.image_shape": (8, 8, 3), "train.steps": 7})
    assert run.flags("w") == [
        "--config=configs/a.py:b",
        "--workdir=w",
        "--config.data.image_shape=(8,8,3)",
        "--config.train.steps=7",
    ]
    assert run.flags("w", 3)[-1] == "--config.train.steps=3"


class Normed(linen.Module):
    """A batch norm of latents made a 1 x 1 image, which labels shift."""

    @linen.compact
    def __call__(self, z, y=None, *, train=False):
        h = BatchNorm(name="norm")(z, train=train)
        shift = 0.1 * y.astype(h.dtype)
        return jnp.tanh((h[:, :3] + shift[:, None])[:, None, None])


def _trained():
    net = from_linen(Normed(), (4,), jax.ShapeDtypeStruct((2,), jnp.int32))
    params, stats = net.init(jax.random.key(0))
    return measure.trained(View(net, params, params, stats), 4)


def test_truncated_latents_and_their_standing_moments():
    run = _trained()
    z = measure.latents(run, 500, 0.5, "any")
    assert float(jnp.abs(z).max()) <= 0.5
    np.testing.assert_allclose(jnp.std(z), 0.2837, atol=0.01)
    np.testing.assert_allclose(
        jnp.std(measure.latents(run, 500, None, "any")), 1.0, atol=0.05
    )
    stats = measure.standing(run, 0.5)["batch_stats"]["norm"]
    np.testing.assert_allclose(stats["var"], 0.2837**2, rtol=0.1)


def test_samples_are_by_class_and_do_not_depend_on_batches(monkeypatch):
    run = _trained()
    whole = measure.by_class(run, 12)
    assert whole.shape == (120, 1, 1, 3)
    monkeypatch.setattr(measure, "PASS_BATCH", 7)
    np.testing.assert_array_equal(measure.by_class(run, 12), whole)
    # The label of the last category shifts the image by 0.9 before the tanh.
    z = measure.latents(run, 120, None, "by class")
    expected = np.tanh(np.asarray(z)[-1, :3] / np.sqrt(1.0 + 1e-5) + 0.9)
    np.testing.assert_allclose(
        whole[-1, 0, 0].astype(float), (expected + 1.0) * 127.5, atol=0.51
    )


def test_scores_are_those_of_the_classifier():
    def outputs(images):
        flat = images.reshape(len(images), -1).astype(np.float64) / 255.0
        logits = np.stack([3.0 * flat[:, 0], 3.0 * (1.0 - flat[:, 0])], 1)
        return Features(flat, logits)

    net = FeatureNet("toy", outputs, "fingerprint", "none", 2)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 1, 1, 3), np.uint8)
    labels = np.zeros(40, np.int32)
    scores = measure.score_in(net, images)(measure.Labelled(images, labels))
    assert scores.distance == pytest.approx(0.0, abs=1e-9)
    assert (scores.precision, scores.recall) == (1.0, 1.0)
    first = images[:, 0, 0, 0] / 255.0
    assert scores.accuracy == np.mean(first >= 0.5)
    sure = 1.0 / (1.0 + np.exp(-3.0 * np.abs(2.0 * first - 1.0))) >= 0.9
    assert scores.recognised == np.mean(sure)


def _line(step, loss):
    return {"step": step, "disc/loss": loss, "images_per_second": float(step)}


def test_what_a_killed_run_did_again(tmp_path):
    before = [_line(20, 1.0), _line(40, 0.5), _line(60, 0.25)]
    after = [_line(20, 1.0), _line(40, 0.5) | {"images_per_second": 9.0}, _line(60, 0.26)]
    file = tmp_path / "metrics_60.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in before) + '{"step": 8')
    (tmp_path / "metrics.jsonl").write_text(
        "".join(f"{json.dumps(line)}\n" for line in after)
    )
    (tmp_path / "environment.json").write_text('{"starts": [{}, {}]}')
    assert logs.starts(tmp_path) == 2
    (tmp_path / "log").write_text("gan-jax: resuming from step 20\nstep 60\n")
    assert logs.read_lines(file) == before
    found = logs.resumptions(tmp_path, tmp_path / "log", (60,))
    assert found == [logs.Resumed(killed=60, resumed=20, lines=2, equal=1)]


def test_minutes_are_of_images_over_their_speed():
    lines = [
        {"step": 5, "images_seen": 600, "images_per_second": 10.0},
        {"step": 5, "images_seen": 600, "spectrum/g/a": 1.0},
        {"step": 10, "images_seen": 1200, "images_per_second": 5.0},
    ]
    assert logs.training_minutes(lines) == pytest.approx(3.0)


def test_traces_of_kernels():
    lines = [
        {"step": 10, "spectrum/g/a/kernel": 2.0, "spectrum_2/g/a/kernel": 1.0},
        {"step": 15, "disc/loss": 1.0},
        {"step": 20, "spectrum/g/a/kernel": 3.0, "spectrum_2/g/a/kernel": 1.5},
    ]
    traced = logs.traces(lines, "g")
    np.testing.assert_array_equal(traced.steps, [10, 20])
    np.testing.assert_array_equal(
        traced.values["a/kernel"], [[2.0, 1.0, np.nan], [3.0, 1.5, np.nan]]
    )
    assert logs.growth(traced) == {"a/kernel": 1.5}


def _scores(distance):
    return measure.Scores(distance, 0.5, 0.25, 0.125, 0.75)


def test_the_page_tells_what_was_measured():
    curve = {None: (_scores(9.0), _scores(8.0)), 0.5: (_scores(7.0), _scores(7.5))}
    study = page.Study(
        done={m: measure.Finished(_scores(5.0), [], 1234, 100, 2, 4, 3.0) for m in RUNS},
        curve=curve,
        traced={"g": logs.Traces(np.array([1, 9]), {"a": np.array([[1.0], [2.5]])})},
        again=[logs.Resumed(60, 20, 4, 4)],
        digests={"twin": "ab" * 32, "BigGAN": "ab" * 32},
        cells={
            row: measure.Cell(_scores(row.paper[0]), 10 + i) for i, row in enumerate(ROWS)
        },
        known={"held-out images": _scores(1.0)},
        accuracy=0.7,
    )
    text = page.page(study)
    assert (
        "| SAGAN | 1,234 | 100 (2) | 1,600 | 4 | 3 | 5.0 | 50% | 25% | 12% | 75% |" in text
    )
    assert "| none | 9.0 / 8.0 | 50% / 50% |" in text
    assert "at 1 of 2 thresholds (none)" in text
    assert "smallest, 7.0, at the threshold 0.5" in " ".join(text.split())
    assert "a factor of 2.50 in the median" in " ".join(text.split())
    assert "4 of the 4 lines" in " ".join(text.split())
    assert "is the same as" in " ".join(text.split())
    last = "| 32 (2,048) | 4 (64) | yes | yes | yes | 10.5 | 50% | 25% | 18 | 71.3 | 71.3 |"
    assert last in text
    assert "The sign is the paper's in 6 of 6." in " ".join(text.split())
    assert "gan-jax train --config=configs/sagan.py:emoji --workdir=FOLDER/SAGAN" in text
    assert "'--config.data.image_shape=(32,32,3)'" in text
