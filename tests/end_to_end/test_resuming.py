"""A run that was interrupted ends, bit for bit, where the uninterrupted run ends."""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import jax
import numpy as np
import pytest

from gan_jax import parallel
from gan_jax.checkpoint import load, saved_steps, state_digest
from gan_jax.loop import train
from gan_jax.session import open_session
from gan_jax.workdir import config_dict

ROOT = Path(__file__).parents[2]
TIMES = ("images_per_second", "wall_seconds")


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory):
    """The uninterrupted run of 12 steps."""
    workdir = tmp_path_factory.mktemp("whole")
    return workdir, train(pictures(), workdir)


@pytest.fixture(scope="module")
def toy(ring, tmp_path_factory):
    """The same of perceptrons."""
    workdir = tmp_path_factory.mktemp("toy")
    return workdir, train(ring(), workdir)


def told(found):
    """Metrics but for the clock, and for what is told at a save, wherever that was."""
    kept = [{k: v for k, v in line.items() if k not in TIMES} for line in found]
    return [line for line in kept if not any(k.startswith("param_norm") for k in line)]


def state_of(config, workdir):
    return load(workdir / "checkpoints", open_session(config).abstract).state


def assert_close(a, b, atol):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if not jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key):
            np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=0, atol=atol)


@pytest.mark.parametrize("step", [1, 4, 6, 11])
def test_stopped_and_resumed(whole, pictures, tmp_path, stop_at, lines, step):
    stop_at(step)
    stopped = train(pictures(), tmp_path)
    assert stopped.exit_code == 0
    assert f"stopped at step {step} ({8 * step} images seen)" in stopped.report
    assert stopped.report.endswith("the same command goes on from here")
    assert saved_steps(tmp_path / "checkpoints")[-1] == step
    stop_at(None)
    done = train(pictures(), tmp_path)
    assert done.digest == whole[1].digest != stopped.digest
    assert done.scores == whole[1].scores
    assert told(lines(tmp_path)) == told(lines(whole[0]))


def test_extended(whole, pictures, tmp_path):
    short = train(pictures(steps=5), tmp_path)
    assert "done at step 5 " in short.report
    assert train(pictures(), tmp_path).digest == whole[1].digest != short.digest


def test_a_finished_run_stays_as_it_is(whole, pictures, tmp_path, lines):
    workdir = shutil.copytree(whole[0], tmp_path / "run")
    before = lines(workdir)
    again = train(pictures(), workdir)
    assert (again.digest, again.scores) == (whole[1].digest, whole[1].scores)
    assert again.report == whole[1].report.replace(str(whole[0]), str(workdir))
    assert lines(workdir) == before


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(
    whole, pictures, tmp_path, caplog
):
    workdir = shutil.copytree(whole[0], tmp_path / "run")
    assert saved_steps(workdir / "checkpoints") == [8, 12]
    arrays = (workdir / "checkpoints" / "12" / "state").rglob("d/*")
    file = max(arrays, key=lambda f: f.stat().st_size)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    caplog.set_level(logging.INFO, logger="gan_jax")
    assert train(pictures(), workdir).digest == whole[1].digest
    assert caplog.messages[0].startswith(
        f"checkpoint 12 in {workdir}/checkpoints is damaged: "
    )
    assert "resuming from step 8" in caplog.messages
    assert (workdir / "checkpoints" / "12.damaged").is_dir()


def test_several_steps_per_dispatch(toy, ring, tmp_path, stop_at):
    config = ring()
    config.train.steps_per_dispatch = 4
    config.samples.every = 4
    done = train(config, tmp_path / "whole")
    # As one by one, but for the order of operations in another program.
    assert_close(state_of(config, tmp_path / "whole"), state_of(ring(), toy[0]), atol=1e-5)
    stop_at(2)
    assert "stopped at step 8 " in train(config, tmp_path / "run").report
    stop_at(None)
    assert train(config, tmp_path / "run").digest == done.digest


@pytest.fixture(scope="module")
def staged(ring, tmp_path_factory):
    """Four steps with three critic rounds each, then four steps with one."""
    config = ring(steps=8)
    config.stages = ({"until": 4, "d_steps": 3},)
    workdir = tmp_path_factory.mktemp("staged")
    return config, workdir, train(config, workdir)


def test_a_program_reads_the_data_of_its_stages(staged):
    config, workdir, done = staged
    session = open_session(config)
    shardings = jax.tree.map(lambda leaf: leaf.sharding, session.abstract)
    state = parallel.init_state(
        session.algorithms[0], jax.random.key(config.seed), session.mesh, shardings
    )
    begins = [0, 3, 6, 9, 12, 13, 14, 15, 16]
    for step, (begin, end) in enumerate(pairwise(begins)):
        batch = session.pipeline.rounds(begin, end - begin)
        batch = parallel.shard_batch(session.mesh, batch)
        state, _ = session.steps[step >= 4](state, batch)
    assert state_digest(state) == done.digest
    saved = load(workdir / "checkpoints", session.abstract)
    assert (saved.step, saved.position) == (8, 16)


@pytest.mark.parametrize("step", [2, 4, 6])
def test_a_program_resumes_in_every_stage(staged, tmp_path, stop_at, step):
    config, _, done = staged
    stop_at(step)
    assert f"stopped at step {step} " in train(config, tmp_path).report
    stop_at(None)
    assert train(config, tmp_path).digest == done.digest


@pytest.mark.parametrize(("mode", "count"), [("jit", 8), ("shard_map", 2), ("pmap", 2)])
def test_other_devices(toy, ring, tmp_path, mode, count):
    config = ring(steps=4)
    first = train(config, tmp_path)
    config.parallel.devices, config.parallel.mode = count, mode
    assert train(config, tmp_path).digest == first.digest
    config.train.steps = 12
    train(config, tmp_path)
    moved, alone = state_of(config, tmp_path), state_of(ring(), toy[0])
    (kernel, *_) = jax.tree.leaves(moved.players["generator"].params)
    assert len(kernel.devices()) == count
    assert_close(jax.device_get(moved.players), jax.device_get(alone.players), atol=1e-5)
    assert int(moved.step) == 12


# Killed and stopped from outside.


def start(file, workdir, *, launch=(), **changed):
    """The command line, in a process of its own."""
    overrides = [f"--config.{name}={value}" for name, value in changed.items()]
    command = [sys.executable, "-m", "gan_jax", *launch, "train", f"--config={file}"]
    return subprocess.Popen(
        [*command, *overrides, f"--workdir={workdir}"],
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, child, seconds=200.0):
    end = time.monotonic() + seconds
    while not condition():
        if child.poll() is not None:
            pytest.fail("\n".join(child.communicate()))
        assert time.monotonic() < end, "the run did not come so far"
        time.sleep(0.002)


@pytest.fixture(scope="module")
def endless(ring, tmp_path_factory):
    """A config file of a run without end that saves all the time, and the config."""
    config = ring(steps=10_000_000)
    config.log.every = 50
    config.samples.every = config.log.spectrum_every = config.score.every = 0
    config.checkpoint.every = 5
    file = tmp_path_factory.mktemp("configs") / "endless.py"
    file.write_text(
        "import json\nfrom ml_collections import ConfigDict\n"
        "from gan_jax.config import default_config\n\n\n"
        "def get_config():\n    config = default_config().unlock()\n"
        f"    config.update(json.loads({json.dumps(json.dumps(config_dict(config)))}))\n"
        "    return config.lock()\n"
    )
    return file, config


def finish(config, steps, workdir):
    config = config.copy_and_resolve_references()
    config.train.steps = steps
    return train(config, workdir)


def test_killed_at_any_moment(endless, tmp_path):
    file, config = endless
    checkpoints = tmp_path / "run" / "checkpoints"

    def newest():
        return max(saved_steps(checkpoints), default=0)

    def inside_a_save():
        return any("orbax-checkpoint-tmp" in path.name for path in checkpoints.glob("*"))

    for moment in (lambda: True, inside_a_save):
        begin = newest()
        with start(file, tmp_path / "run") as child:
            wait_for(lambda begin=begin: newest() >= begin + 10, child)
            time.sleep(random.Random(begin).uniform(0.0, 0.05))
            wait_for(moment, child)
            child.kill()
            assert child.wait() == -signal.SIGKILL
    steps = newest() + 12
    done = finish(config, steps, tmp_path / "run")
    assert done.digest == finish(config, steps, tmp_path / "whole").digest
    assert f"done at step {steps:,} " in done.report


def test_sigterm_saves_and_ends_well(endless, tmp_path):
    file, config = endless
    metrics = tmp_path / "run" / "metrics.jsonl"
    with start(file, tmp_path / "run") as child:
        wait_for(lambda: metrics.exists() and '"step": 50' in metrics.read_text(), child)
        child.terminate()
        out, error = child.communicate(timeout=60)
    assert child.returncode == 0, error
    step = saved_steps(tmp_path / "run" / "checkpoints")[-1]
    assert out.startswith(f"stopped at step {step:,} ")
    assert finish(config, step, tmp_path / "whole").digest in out


def member(launcher, index):
    """Number of a process of a gang."""
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children")
    wanted = f"GAN_JAX_PROCESS_ID={index}".encode()
    for pid in children.read_text().split():
        if wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            return int(pid)
    raise AssertionError(f"the launcher has no process {index}")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_gang_of_two_processes(endless, tmp_path):
    file, _ = endless
    checkpoints = tmp_path / "run" / "checkpoints"

    def gang(workdir):
        launch = ("launch", "--processes=2", "--grace-seconds=1", "--")
        changed = {
            "train.steps": 300,
            "train.steps_per_dispatch": 2,
            "checkpoint.every": 20,
            "parallel.devices": 2,
        }
        return start(file, workdir, launch=launch, **changed)

    def reached(step):
        return lambda: step in saved_steps(checkpoints)

    with gang(tmp_path / "whole") as child:
        out, error = child.communicate(timeout=200)
    assert child.returncode == 0, error
    digest = out.split("digest: ")[1].split()[0]

    with gang(tmp_path / "run") as child:
        wait_for(reached(20), child)
        os.kill(member(child, 1), signal.SIGKILL)
        wait_for(reached(60), child)
        child.terminate()
        out, error = child.communicate(timeout=100)
    assert child.returncode == 0, error
    assert "starting all again (1 of 3 restarts)" in error
    assert "resuming from step " in error
    step = saved_steps(checkpoints)[-1]
    assert 60 <= step < 300
    assert f"stopped at step {step} " in out

    with gang(tmp_path / "run") as child:
        out, error = child.communicate(timeout=200)
    assert child.returncode == 0, error
    assert out.split("digest: ")[1].split()[0] == digest
