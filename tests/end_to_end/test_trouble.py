"""Training that goes wrong, data that end, disks that are full: nothing is lost."""

from __future__ import annotations

import errno
import math
import shutil

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
from PIL import Image

from gan_jax import cli, parallel, registry, session
from gan_jax.checkpoint import load, saved_steps, state_digest
from gan_jax.config import set_guards, set_optimizer
from gan_jax.data import DataError
from gan_jax.data.order import source_index
from gan_jax.errors import UserError
from gan_jax.guards import Rule
from gan_jax.loop import train
from gan_jax.session import open_session
from gan_jax.writers import JsonlWriter

RULE = "stopped by the rule 'non_finite' at step"


@pytest.fixture(scope="module")
def exploding(ring):
    """A run that leaves the floats in its fourth step; saved after every step."""

    def make(action, g_rate=1.0):
        config = ring(steps=8)
        config.recipe.loss = "wasserstein"
        set_optimizer(config, "d", "sgd", learning_rate=1.0)
        set_optimizer(config, "g", "sgd", learning_rate=g_rate)
        config.checkpoint.every, config.samples.every = 1, 8
        set_guards(config, action, non_finite={})
        return config

    return make


@pytest.fixture(scope="module")
def three_steps(exploding, tmp_path_factory):
    """Its digest before that."""
    config = exploding("report")
    config.train.steps, config.score.every = 3, 0
    return train(config, tmp_path_factory.mktemp("three")).digest


def newest(config, workdir):
    return state_digest(load(workdir / "checkpoints", open_session(config).abstract).state)


@pytest.mark.parametrize("log_every", [1, 4, 8])
def test_stop_keeps_the_last_good_checkpoint(
    exploding, three_steps, tmp_path, lines, log_every
):
    config = exploding("stop")
    config.log.every = log_every
    with pytest.raises(UserError) as caught:
        train(config, tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{RULE} 4: not finite: disc/grad_norm = ")
    assert "\n" not in message
    assert saved_steps(tmp_path / "checkpoints") == [2, 3]
    assert newest(config, tmp_path) == three_steps
    assert not math.isfinite(lines(tmp_path)[-1]["disc/grad_norm"])


def test_a_state_that_is_not_finite_is_never_saved(exploding, tmp_path):
    config = exploding("stop", g_rate=1e30)
    with pytest.raises(UserError) as caught:
        train(config, tmp_path)
    # The losses of the first step are finite, what it leaves behind is not.
    assert str(caught.value).startswith(f"{RULE} 1: not finite: param_norm/generator = ")
    assert saved_steps(tmp_path / "checkpoints") == []


def test_report_goes_on(exploding, tmp_path, caplog, lines):
    done = train(exploding("report"), tmp_path)
    assert (done.exit_code, done.scores) == (0, {})
    assert saved_steps(tmp_path / "checkpoints") == [7, 8]
    warned = [m for m in caplog.messages if ": not finite: disc/" in m]
    assert [m.split(":")[0] for m in warned] == ["step 4", "step 8"]
    told = "step 8: samples are not finite, the first is sample 0; they get no score"
    assert told in caplog.messages
    losses = {x["step"]: x["gen/loss"] for x in lines(tmp_path) if "gen/loss" in x}
    assert losses.keys() == {4, 8}
    assert not any(map(math.isfinite, losses.values()))


def test_rollbacks_go_further_back_and_end(exploding, tmp_path, caplog):
    config = exploding("rollback")
    config.log.every, config.guards.max_rollbacks = 1, 3
    with pytest.raises(UserError) as caught:
        train(config, tmp_path)
    message = str(caught.value)
    assert message.startswith("step 4: not finite: ")
    assert message.endswith("; gave up after 3 rollbacks")
    told = [m.rpartition("; ")[2] for m in caplog.messages if "; back to step " in m]
    # From 3 trouble came at once, so that 2 is next; 3 is then another state.
    assert told == [f"back to step {step} with a new key" for step in (3, 2, 3)]
    assert saved_steps(tmp_path / "checkpoints")[-1] == 3


@pytest.fixture
def alarm(monkeypatch):
    """A rule that speaks once, when it first sees the given step's loss line."""

    def install(looks):
        seen = []

        def check(metrics, memory):
            seen.append(metrics)
            return memory, "alarm" if len(seen) == looks else None

        rule = Rule("alarm", ("disc/loss",), check)
        monkeypatch.setattr(registry, "RULES", registry.RULES | {"alarm": lambda: rule})

    return install


def test_a_rollback_plays_again_with_a_new_key(ring, tmp_path, alarm, lines, caplog):
    alarm(looks=2)
    config = ring(steps=8)
    config.samples.every = 4
    set_guards(config, "rollback", alarm={})
    done = train(config, tmp_path / "run")
    assert "step 8: alarm; back to step 4 with a new key" in caplog.messages

    plain = ring(steps=4)
    train(plain, tmp_path / "plain")
    opened = open_session(plain)
    state = load(tmp_path / "plain" / "checkpoints", opened.abstract).state
    state = state.replace(key=jax.random.fold_in(state.key, 1))
    state = parallel.global_from_host(opened.mesh, state)
    for step in range(4, 8):
        batch = parallel.shard_batch(opened.mesh, opened.pipeline.rounds(step, 1))
        state, _ = opened.steps[0](state, batch)
    assert done.digest == state_digest(state)
    told = [line["step"] for line in lines(tmp_path / "run") if "disc/loss" in line]
    assert told == [4, 8]
    saved = load(tmp_path / "run" / "checkpoints", opened.abstract)
    assert (saved.step, saved.meta["rollbacks"]) == (8, 1)


def test_untrained_samples_are_not_judged(ring, tmp_path):
    config = ring(steps=6)
    set_guards(config, "rollback", sample_diversity={"minimum": 9.0, "patience": 1})
    config.guards.max_rollbacks = 0
    with pytest.raises(UserError, match=r"step 6: sample_diversity is .* \(minimum 9\)"):
        train(config, tmp_path)


def test_rules_that_watch_nothing_are_named(ring, tmp_path, caplog):
    config = ring(steps=4)
    config.log.spectrum_every = config.score.every = 0
    rules = {"spectrum_growth": {}, "logit_margin": {}, "sample_diversity": {}}
    set_guards(config, "report", **rules, non_finite={"watches": ("no/such",)})
    train(config, tmp_path)
    told = [m for m in caplog.messages if "watches nothing" in m]
    assert told == [
        f"the guard rule {name!r} watches nothing that this run measures"
        for name in ("non_finite", "spectrum_growth")
    ]


# Data.


@pytest.fixture
def folder(tmp_path):
    """Twelve pictures, one of them cut short."""
    place = tmp_path / "pictures"
    place.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(place / f"{number:02d}.png")
    (ninth,) = source_index(np.array([9]), 12, seed=0)  # of the fifth batch of two
    file = place / f"{ninth:02d}.png"
    file.write_bytes(file.read_bytes()[:60])
    return place, file.name


@pytest.fixture
def few_pictures(ring, folder):
    config = ring(steps=6)
    config.data.source, config.train.batch_size = f"folder:{folder[0]}", 2
    config.score.every = config.log.spectrum_every = 0
    return config


def test_unreadable_images_are_refused_before_training(few_pictures, folder, tmp_path):
    with pytest.raises(UserError, match=folder[1]):
        train(few_pictures, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_data_that_end_lose_nothing(few_pictures, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "check", lambda *args, **options: None)
    few_pictures.checkpoint.every = 0
    with pytest.raises(DataError, match="stopped after 1 unreadable") as caught:
        train(few_pictures, tmp_path / "run")
    assert folder[1] in str(caught.value)
    assert "\n" not in str(caught.value)
    (step,) = saved_steps(tmp_path / "run" / "checkpoints")
    assert 0 < step < 5
    few_pictures.data.max_corrupt = 1
    done = train(few_pictures, tmp_path / "run")
    assert done.digest == train(few_pictures, tmp_path / "whole").digest
    assert "unreadable:  1 images left out, such as " in done.report


# Disks.


def test_a_save_that_fails_leaves_the_ones_before(ring, tmp_path, monkeypatch):
    config, save = ring(), ocp.CheckpointManager.save

    def full(self, step, *args, **options):
        if step == 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        return save(self, step, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(ocp.CheckpointManager, "save", full)
        with pytest.raises(UserError) as caught:
            train(config, tmp_path / "run")
    assert str(caught.value) == (
        f"checkpoint 8 in {tmp_path}/run/checkpoints could not be written: No space left "
        "on device. The newest is 4."
    )
    assert saved_steps(tmp_path / "run" / "checkpoints") == [4]
    done = train(config, tmp_path / "run")
    assert done.digest == train(config, tmp_path / "whole").digest


def test_a_full_disk_is_told_in_one_line(ring, tmp_path, monkeypatch, capsys):
    def full(self, line):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(JsonlWriter, "_append", full)
    file = tmp_path / "config.py"
    file.write_text("from gan_jax.config import default_config as get_config\n")
    argv = ["gan-jax", "train", f"--config={file}", f"--workdir={tmp_path}/run"]
    changed = {"method": "ns_gan", "data.source": "synthetic:ring", "train.batch_size": 8}
    argv += [f"--config.{name}={value}" for name, value in changed.items()]
    assert cli.main(argv) == 2
    told = capsys.readouterr().err
    assert told == "gan-jax: No space left on device; make room and start again\n"


# Work directories.


def test_another_config_is_refused_with_the_fields(ring, tmp_path):
    train(ring(steps=2), tmp_path)
    config = ring(steps=2)
    config.seed, config.recipe.d_steps, config.log.every = 1, 2, 7
    with pytest.raises(UserError) as caught:
        train(config, tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} was made by another config: recipe.d_steps: 2 here, null in the work "
        "directory; seed: 1 here, 0 in the work directory. Use that config, or another "
        "work directory."
    )


def test_a_checkpoint_of_another_game_is_refused(ring, tmp_path):
    train(ring(steps=2), tmp_path / "a")
    config = ring(steps=2)
    config.model.g_features = (5,)
    (tmp_path / "b").mkdir()
    shutil.copytree(tmp_path / "a" / "checkpoints", tmp_path / "b" / "checkpoints")
    with pytest.raises(UserError) as caught:
        train(config, tmp_path / "b")
    message = str(caught.value)
    assert message.startswith(
        f"checkpoint 2 in {tmp_path}/b/checkpoints was made by another game: players/"
    )
    assert "float32[2,5] here, float32[2,4] there" in message
    assert "\n" not in message
