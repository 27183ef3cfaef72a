"""What a run leaves behind, and that it computes what the engine does."""

from __future__ import annotations

import json
import math
from functools import partial

import jax
import numpy as np
import pytest
from PIL import Image

from gan_jax import cli, parallel, prng
from gan_jax.checkpoint import latest_digest, load, saved_steps, state_digest
from gan_jax.config import default_config
from gan_jax.data import balanced, open_source
from gan_jax.errors import UserError
from gan_jax.loop import train
from gan_jax.metrics.features import thumbnails
from gan_jax.metrics.frechet import frechet_distance
from gan_jax.pictures import grid
from gan_jax.sampling import standing_state
from gan_jax.session import open_session
from gan_jax.workdir import config_dict


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    """A run of 12 steps: its config, its work directory, its summary."""
    config, workdir = pictures(), tmp_path_factory.mktemp("run")
    return config, workdir, train(config, workdir)


@pytest.fixture(scope="module")
def by_hand(run):
    """The same 12 steps without the loop: states after steps 4 and 12, all metrics."""
    session = open_session(run[0])
    shardings = jax.tree.map(lambda leaf: leaf.sharding, session.abstract)
    state = parallel.init_state(
        session.algorithms[0], jax.random.key(0), session.mesh, shardings
    )
    metrics, states = [], {}
    for step in range(12):
        batch = parallel.shard_batch(session.mesh, session.pipeline.rounds(step, 1))
        state, values = session.steps[0](state, batch)
        metrics.append(jax.device_get(values))
        if step + 1 in (4, 12):
            states[step + 1] = parallel.to_host(state)
    return states, metrics


def with_metric(found, name):
    return {line["step"]: line[name] for line in found if name in line}


# Data.


def test_labelled_examples_lie_beside_all_others():
    config = default_config()
    config.data.source, config.data.labelled = "builtin:mnist", 20
    config.train.batch_size, config.parallel.devices = 20, 1
    session = open_session(config)
    batch = session.pipeline.rounds(3, 4)
    labelled = batch["labelled"]
    assert labelled["image"].shape == batch["image"].shape == (4, 20, 28, 28, 1)
    digits = np.sort(labelled["label"], axis=1)
    np.testing.assert_array_equal(digits, np.tile(np.repeat(np.arange(10), 2), (4, 1)))
    # The same twenty in every round, which are of the data and have the labels they have.
    pixels = session.source.arrays["image"].reshape(-1, 784)
    for rows, labels in zip(labelled["image"], labelled["label"], strict=True):
        chosen = balanced(session.source, 20, config.seed).indices
        order = [int((pixels[chosen] == row.ravel()).all(1).argmax()) for row in rows]
        assert sorted(order) == list(range(20))
        np.testing.assert_array_equal(session.source.labels[chosen[order]], labels)
    config.data.labelled = None
    alone = open_session(config).pipeline.rounds(3, 4)
    assert set(alone) == set(batch) - {"labelled"}
    np.testing.assert_array_equal(alone["image"], batch["image"])


def test_labelled_examples_are_augmented_as_all_are(pictures):
    config = pictures()
    config.data.labelled, config.train.batch_size = 4, 8
    session = open_session(config)
    found = session.pipeline.rounds(0, 40)["labelled"]["image"].reshape(320, 64)
    own = session.source.arrays["image"][balanced(session.source, 4, config.seed).indices]
    both = np.concatenate([own, own[:, :, ::-1]]).reshape(8, 64)
    np.testing.assert_array_equal(np.unique(found, axis=0), np.unique(both, axis=0))


def test_a_run_whose_game_has_no_use_for_labelled_examples_is_the_same(ring, tmp_path):
    config = ring(steps=4)
    config.score.every, config.log.spectrum_every, config.data.labelled = 0, 0, 16
    with_them = train(config, tmp_path / "with")
    config.data.labelled = None
    assert train(config, tmp_path / "without").digest == with_them.digest


def test_labelled_examples_that_cannot_be_had(ring, tmp_path):
    config = ring()
    config.data.labelled = 12
    with pytest.raises(UserError) as error:
        train(config, tmp_path)
    assert str(error.value) == (
        "12 labelled examples of synthetic:ring:train cannot be as many of each of its 8 "
        "classes; choose a multiple of 8"
    )


# Files.


def test_the_state_is_that_of_the_engine(run, by_hand):
    assert run[2].digest == state_digest(by_hand[0][12])
    assert latest_digest(run[1] / "checkpoints") == (12, run[2].digest)


def test_the_work_directory(run):
    config, workdir, _ = run
    assert json.loads((workdir / "config.json").read_text()) == config_dict(config)
    (start,) = json.loads((workdir / "environment.json").read_text())["starts"]
    assert start["packages"]["jax"] == jax.__version__
    source = open_source(config.data.source)
    assert start["data_fingerprint"] == source.fingerprint()
    assert {"command", "git_revision", "python", "devices"} <= start.keys()
    assert saved_steps(workdir / "checkpoints") == [8, 12]
    events = b"".join(f.read_bytes() for f in (workdir / "tensorboard").glob("*tfevents*"))
    for tag in (b"disc/loss", b"images_per_second", b"spectrum/", b"score/", b"samples"):
        assert tag in events


def test_metrics_are_means_over_the_steps_of_a_line(run, by_hand, lines):
    found = lines(run[1])
    assert all(line["images_seen"] == 8 * line["step"] for line in found)
    told = [line for line in found if "disc/loss" in line]
    assert [line["step"] for line in told] == [4, 8, 12]
    ran = [step % 3 == 0 for step in range(12)]  # the lazy phase
    for line, begin in zip(told, (0, 4, 8), strict=True):
        window = by_hand[1][begin : begin + 4]
        expected = {k: np.mean([float(m[k]) for m in window]) for k in window[0]}
        share = np.mean(ran[begin : begin + 4])
        assert expected.pop("disc_ortho/ran") == share
        for name in expected:
            expected[name] /= share if name.startswith("disc_ortho/") else 1.0
        clock = {"step", "images_seen", "wall_seconds", "images_per_second"}
        assert expected.keys() | clock == line.keys()
        for name, value in expected.items():
            assert line[name] == pytest.approx(value, rel=1e-6), name
        assert line["images_per_second"] > 0
    needed = {"loss", "grad_norm", "fake_logits"}
    assert {f"{phase}/{name}" for phase in ("disc", "gen") for name in needed} <= told[
        0
    ].keys()
    assert {"disc/real_logits", "disc_ortho/loss"} <= told[0].keys()


def test_top_singular_values_and_norms(run, by_hand, lines):
    found = lines(run[1])
    (spectrum,) = [line for line in found if any(k.startswith("spectrum/") for k in line)]
    assert spectrum.pop("step") == 12
    del spectrum["images_seen"], spectrum["wall_seconds"]
    leaves, squares = {}, {"generator": 0.0, "discriminator": 0.0}
    for player in by_hand[0][12].players.values():
        for path, leaf in jax.tree_util.tree_leaves_with_path(player.params):
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            squares[name.split("/")[0]] += float(np.sum(np.asarray(leaf, np.float64) ** 2))
            if leaf.ndim >= 2:
                leaves[name] = np.reshape(leaf, (-1, leaf.shape[-1]))
    for name, matrix in leaves.items():
        values = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)[:3]
        tags = [f"{tag}/{name}" for tag in ("spectrum", "spectrum_2", "spectrum_3")]
        logged = [spectrum.pop(tag) for tag in tags[: len(values)]]
        np.testing.assert_allclose(logged, values, rtol=1e-4, atol=1e-6, err_msg=name)
    assert not spectrum
    for net, total in squares.items():
        norm = with_metric(found, f"param_norm/{net}")
        assert norm.keys() == {4, 8, 12}
        assert norm[12] == pytest.approx(math.sqrt(total), rel=1e-5)


def samples_of(config, state, rows, key="samples"):
    """Samples by the engine alone, the row's class being its number modulo 4."""
    algorithm = open_session(config).algorithms[0]
    keys = prng.fold_rows(prng.fold_name(jax.random.key(0), key), rows)
    return np.asarray(algorithm.sample(state, keys, len(rows), rows % 4))


def test_sample_grids_are_of_fixed_latents(run, by_hand):
    config, workdir, _ = run
    names = [path.name for path in sorted((workdir / "samples").iterdir())]
    assert names == [f"samples_{step:09d}.png" for step in (0, 6, 12)]
    images = samples_of(config, by_hand[0][12], np.arange(6, dtype=np.int32))
    expected = grid(images, columns=3)[..., 0].astype(int)
    shown = np.asarray(Image.open(workdir / "samples" / names[-1])).astype(int)
    assert shown.shape == expected.shape == (2 * 8 + 3 * 2, 3 * 8 + 4 * 2)
    assert np.abs(shown - expected).max() <= 1  # of 255: another program rounds otherwise
    first = np.asarray(Image.open(workdir / "samples" / names[0])).astype(int)
    assert np.abs(first - shown).max() > 10
    assert np.ptp(shown[2:10, 2:10]) > 10


def test_diversity_is_that_of_the_samples(run, by_hand, lines):
    images = samples_of(run[0], by_hand[0][12], np.arange(6, dtype=np.int32))
    pairs = [(i, j) for i in range(6) for j in range(6) if i != j]
    distances = [np.sqrt(np.mean((images[i] - images[j]) ** 2)) for i, j in pairs]
    told = with_metric(lines(run[1]), "sample_diversity")
    assert told.keys() == {0, 6, 12}
    assert told[12] == pytest.approx(np.mean(distances), rel=1e-4)


def test_scores_compare_fresh_samples_with_all_real_images(run, by_hand, lines):
    config, workdir, summary = run
    # 64 are asked for as reference, but there are only 40.
    real = open_source(config.data.source).arrays["image"]
    images = samples_of(config, by_hand[0][12], np.arange(64, dtype=np.int32))
    pixels = np.round((images + 1.0) * 127.5).astype(np.uint8)
    expected = frechet_distance(*(thumbnails().features(x) for x in (real, pixels)))
    name = "frechet_distance/pixels_8x8"
    assert summary.scores == {name: pytest.approx(expected, rel=1e-3)}
    assert with_metric(lines(workdir), f"score/{name}") == {12: summary.scores[name]}
    assert (
        load(workdir / "checkpoints", open_session(config).abstract).record.score
        == (summary.scores[name])
    )


def test_the_report(run):
    _, workdir, summary = run
    (score,) = summary.scores.values()
    assert summary.exit_code == 0
    assert summary.report.splitlines() == [
        "done at step 12 (96 images seen)",
        f"  frechet_distance/pixels_8x8: {score:.4g}",
        f"samples:     {workdir}/samples/samples_000000012.png",
        f"metrics:     {workdir}/metrics.jsonl",
        f"checkpoints: {workdir}/checkpoints",
        f"digest:      {summary.digest}",
    ]


# Edges.


def test_metrics_after_the_last_full_line_are_told(run, by_hand, tmp_path, lines):
    config = run[0].copy_and_resolve_references()
    config.log.every, config.checkpoint.every = 5, 3
    assert train(config, tmp_path).digest == run[2].digest
    told = with_metric(lines(tmp_path), "disc/loss")
    losses = [float(values["disc/loss"]) for values in by_hand[1]]
    expected = {5: losses[:5], 10: losses[5:10], 12: losses[10:]}
    assert told == {k: pytest.approx(np.mean(v), rel=1e-6) for k, v in expected.items()}


def test_points_outside_the_plane_have_no_picture(ring, tmp_path):
    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    np.savez(tmp_path / "points.npz", image=points)
    config = ring(steps=2)
    config.data.source = f"npz:{tmp_path}/points.npz"
    config.log.spectrum_every = config.samples.every = 2
    done = train(config, tmp_path / "run")
    assert done.scores.keys() == {"frechet_distance/coordinates"}
    assert list((tmp_path / "run" / "samples").iterdir()) == []
    assert "samples:" not in done.report


def test_microbatches(ring, tmp_path):
    config = ring(steps=4)
    alone = train(config, tmp_path / "alone")
    config.train.microbatches = 2
    done = train(config, tmp_path / "run")
    assert done.digest != alone.digest
    for name, value in alone.scores.items():
        assert done.scores[name] == pytest.approx(value, abs=1e-4)


def test_samples_with_standing_statistics(run, by_hand, tmp_path):
    """By the command, as by hand from the state that the engine reached."""
    config, workdir, _ = run
    words = ["--truncation=0.5", "--n=5", "--columns=3", f"--output={tmp_path}/s.png"]
    command = ["gan-jax", "sample", f"--workdir={workdir}", "--standing=3", *words]
    assert cli.main(command) == 0
    config = config.copy_and_resolve_references()
    config.recipe.truncation = 0.5
    session = open_session(config)
    keys = jax.random.split(prng.fold_name(jax.random.key(0), "standing"), (3, 8))
    state = by_hand[0][12]
    standing = jax.jit(partial(standing_state, session.program[0].game))(state, keys)
    rows = prng.fold_rows(jax.random.key(0), np.arange(5, dtype=np.int32))
    labels = np.arange(5, dtype=np.int32) % 4
    sample = jax.jit(lambda state: session.algorithms[0].sample(state, rows, 5, labels))
    found = np.asarray(Image.open(tmp_path / "s.png")).astype(int)
    known, plain = (
        grid(np.asarray(sample(x)), columns=3)[..., 0].astype(int)
        for x in (standing, state)
    )
    assert np.abs(found - known).max() <= 1
    assert np.abs(found - plain).max() > 10
