"""`gan-jax evaluate`: the numbers of training again, by command, to the last bit."""

from __future__ import annotations

import json
from dataclasses import replace

import jax
import numpy as np
import pytest

from gan_jax import cli, evaluation, parallel, prng
from gan_jax.checkpoint import load, saved_steps
from gan_jax.data import open_source
from gan_jax.evaluation import Spec, command
from gan_jax.evaluation.gather import BLOCK
from gan_jax.loop import train
from gan_jax.metrics.features import thumbnails
from gan_jax.metrics.frechet import frechet_distance
from gan_jax.metrics.prdc import precision_recall_density_coverage
from gan_jax.sampling import standing_state
from gan_jax.session import open_session
from gan_jax.trained import open_run

TITLE = "frechet_distance/pixels_8x8"


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    """A run of 12 steps, scored at steps 4, 8 and 12."""
    config, workdir = pictures(), tmp_path_factory.mktemp("run")
    config.score.every, config.checkpoint.keep_last = 4, 3
    return config, workdir, train(config, workdir)


def told(capsys, *words):
    assert cli.main(["gan-jax", "evaluate", "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def samples_of(algorithm, state, rows, seed=0):
    keys = prng.fold_rows(prng.fold_name(jax.random.key(seed), "samples"), rows)
    images = jax.jit(algorithm.sample, static_argnums=2)(state, keys, len(rows), rows % 4)
    return np.round((np.asarray(images) + 1.0) * 127.5).astype(np.uint8)


def test_training_keeps_every_number_with_its_manifest(run):
    config, workdir, summary = run
    entries = evaluation.read(workdir)
    assert [entry.step for entry in entries] == [4, 8, 12]
    assert [entry.images_seen for entry in entries] == [32, 64, 96]
    walls = [entry.wall_seconds for entry in entries]
    assert 0.0 < walls[0] < walls[1] < walls[2]
    assert entries[-1].digest == summary.digest
    assert summary.scores == {TITLE: entries[-1].measurement.value}
    manifest = entries[-1].measurement.manifest
    assert (manifest.samples, manifest.reference_count, manifest.seed) == (64, 40, 0)
    assert (manifest.labels, manifest.batch_norm) == ("in turn", "running")
    assert manifest.reference == open_source(config.data.source).name
    assert manifest.title == TITLE


def test_the_spec_is_in_the_checkpoint(run):
    restored = load(run[1] / "checkpoints", open_session(run[0]).abstract)
    spec = Spec.from_dict(restored.meta["evaluation"])
    assert (spec.samples, spec.reference, spec.features) == (64, 64, "pixels_8x8")
    assert spec.measures == ("frechet_distance",)


def test_the_same_number_again_to_the_last_bit(run, capsys):
    workdir = run[1]
    before = len(evaluation.read(workdir))
    first, second = (told(capsys, f"--workdir={workdir}") for _ in range(2))
    assert first[0]["value"] == second[0]["value"] == run[2].scores[TITLE]
    manifest = evaluation.read(workdir)[0].measurement.manifest
    assert first[0]["manifest"] == manifest.to_dict()
    assert [entry.step for entry in evaluation.read(workdir)[before:]] == [12, 12]
    assert not list((workdir / "evaluations").iterdir())


def test_all_checkpoints_and_the_best(run, capsys):
    workdir = run[1]
    values = {entry.step: entry.measurement.value for entry in evaluation.read(workdir)}
    everyone = told(capsys, f"--workdir={workdir}", "--step=all")
    assert {each["step"]: each["value"] for each in everyone} == values
    assert saved_steps(workdir / "checkpoints") == [4, 8, 12]
    (best,) = told(capsys, f"--workdir={workdir}", "--step=best")
    assert best["step"] == min(values, key=lambda step: (values[step], -step))


def test_other_measures_other_latents(run, capsys):
    config, workdir, _ = run
    found = told(
        capsys,
        f"--workdir={workdir}",
        "--measures=frechet_distance,precision_recall",
        "--samples=50",
        "--reference=0",
        "--seed=3",
        "--step=8",
    )
    session = open_session(config)
    state = load(workdir / "checkpoints", session.abstract, step=8).state
    rows = np.arange(50, dtype=np.int32)
    fake = thumbnails().features(samples_of(session.algorithms[0], state, rows, seed=3))
    real = thumbnails().features(open_source(config.data.source).arrays["image"])
    values = {each["manifest"]["measure"]: each["value"] for each in found}
    expected = frechet_distance(real, fake)
    assert values.pop("frechet_distance") == pytest.approx(expected, rel=1e-6)
    assert values == precision_recall_density_coverage(real, fake)._asdict()
    assert found[1]["manifest"]["options"] == {"neighbours": 5}


def test_truncation_standing_statistics_and_the_live_generator(run, capsys):
    config, workdir, _ = run
    found = told(
        capsys,
        f"--workdir={workdir}",
        "--truncation=0.5",
        "--truncation=1.5",
        "--standing=3",
    )
    assert [each["manifest"]["truncation"] for each in found] == [0.5, 1.5]
    assert found[0]["manifest"]["batch_norm"] == "standing 3 x 8"
    config = config.copy_and_resolve_references()
    config.recipe.truncation = 0.5
    session = open_session(config)
    key = prng.fold_name(prng.fold_name(jax.random.key(0), "samples"), "standing")
    state = open_run(workdir).state
    keys = jax.random.split(key, (3, 8))
    standing = standing_state(session.program[0].game, state, keys)
    rows = np.arange(64, dtype=np.int32)
    fake = samples_of(session.algorithms[0], standing, rows)
    real = open_source(config.data.source).arrays["image"]
    expected = frechet_distance(*(thumbnails().features(x) for x in (real, fake)))
    assert found[0]["value"] == pytest.approx(expected, rel=1e-4)
    (live,) = told(capsys, f"--workdir={workdir}", "--noaverage")
    assert live["manifest"]["average"] is False
    assert live["value"] != pytest.approx(run[2].scores[TITLE], rel=1e-3)


def test_one_number_for_any_number_of_devices(run):
    config, workdir, _ = run
    state = parallel.to_host(open_run(workdir).state)
    values = []
    for count in (1, 2, 8):
        mesh = parallel.make_mesh(jax.devices()[:count])
        made = evaluation.make_evaluator(evaluation.spec_of(config), config, mesh)
        (found,) = evaluation.evaluate(made, parallel.global_from_host(mesh, state))
        values.append(found.value)
    assert values[0] == run[2].scores[TITLE]
    assert values == [values[0]] * 3


def test_an_evaluation_that_was_stopped_goes_on(run, tmp_path):
    config, workdir, _ = run
    spec = replace(evaluation.spec_of(config), samples=2 * BLOCK + 100)
    made = evaluation.make_evaluator(spec, config)
    state = open_run(workdir).state
    whole = evaluation.evaluate(made, state)

    def stop(done, total):
        assert total == 2 * BLOCK + 100
        if done > BLOCK:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluation.evaluate(made, state, kept=tmp_path, progress=stop)
    assert len(list(tmp_path.iterdir())) == 2
    drawn = []

    def draw(state, n, offset):
        drawn.append((offset, n))
        return made.sampler.draw(state, n, offset)

    again = made._replace(sampler=made.sampler._replace(draw=draw))
    assert evaluation.evaluate(again, state, kept=tmp_path) == whole
    assert drawn == [(2 * BLOCK, 100)]


def test_labels_as_the_data(run):
    config, _, _ = run
    spec = replace(evaluation.spec_of(config), labels="as the data")
    made = evaluation.make_evaluator(spec, config)
    blocks = list(made.plan.reference.blocks())
    expected = np.concatenate([block["labels"] for block in blocks])
    state = open_run(run[1]).state
    _, labels = made.sampler.draw(state, 50, 0)
    np.testing.assert_array_equal(labels, np.concatenate([expected, expected[:10]]))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--step=3"], "checkpoint 3 in"),
        (["--step=first"], "--step is a number, best or all; got 'first'"),
        (["--measures=fid"], "no measure is named 'fid'"),
        (["--measures=modes"], "measure 'modes' has no meaning for images"),
        (["--measures=recognition"], "measure 'recognition' needs class logits"),
        (["--measures=path_length_w"], "measure 'path_length_w' needs a generator with st"),
        (["--split=test"], "examples to measure against: npz:"),
        (["--labels=random"], "no choice of labels is named 'random'"),
        (["--samples=1"], "score.samples must be at least 2, got 1"),
    ],
)
def test_mistakes_are_told_in_a_line(run, capsys, words, message):
    assert cli.main(["gan-jax", "evaluate", f"--workdir={run[1]}", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"gan-jax: {message}")
    assert error.count("\n") == 1


def test_no_run_no_number(tmp_path, capsys):
    assert cli.main(["gan-jax", "evaluate", f"--workdir={tmp_path}"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert cli.main(["gan-jax", "evaluate"]) == 2
    assert capsys.readouterr().err == "gan-jax: --workdir is missing\n"


def test_points(ring, tmp_path):
    config = ring(steps=4)
    config.score.every = 4
    done = train(config, tmp_path)
    assert done.scores.keys() == {
        "frechet_distance/coordinates",
        "modes_found/coordinates",
        "high_quality_share/coordinates",
    }
    (first, *_) = command.evaluate_run(tmp_path)
    assert first.measurement.value == done.scores["frechet_distance/coordinates"]
    assert first.measurement.manifest.quantisation == "none"


def test_a_run_that_goes_back_forgets_later_numbers(pictures, tmp_path):
    config = pictures(steps=8)
    config.score.every = 4
    train(config, tmp_path)
    entries = evaluation.read(tmp_path)
    evaluation.truncate_after(tmp_path, 4)
    assert evaluation.read(tmp_path) == entries[:1]


def test_the_best_by_another_number(ring, tmp_path):
    config = ring(steps=4)
    config.score.every, config.score.best = 2, "modes_found/coordinates"
    config.checkpoint.every = 2
    train(config, tmp_path)
    found = [entry.measurement for entry in evaluation.read(tmp_path)]
    found = [each for each in found if each.manifest.measure == "modes_found"]
    record = load(tmp_path / "checkpoints", open_session(config).abstract).record
    assert record.score == found[-1].value
