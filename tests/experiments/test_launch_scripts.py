"""The start-up scripts: the local one for real, the others with stand-ins for clusters."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "experiments" / "launch"
TRAIN = ["configs/ring.py:smoke", "RUNS/ring", "--config.seed=3"]


@pytest.fixture
def stand_in(tmp_path):
    """`stand_in(name, body)`: a command that notes its arguments, then runs `body`."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def make(name, body="exit 0"):
        file = folder / name
        note = f'printf "%s\\n" "$*" >> "{tmp_path}/{name}.log"'
        file.write_text(f"#!/bin/bash\n{note}\n{body}\n")
        file.chmod(0o755)

    make.notes = lambda name: (tmp_path / f"{name}.log").read_text().splitlines()
    make.env = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}
    return make


def run(script, *arguments, env, **changes):
    command = ["bash", str(SCRIPTS / script), *arguments]
    return subprocess.run(
        command, env=env | changes, capture_output=True, text=True, timeout=300
    )


def test_two_local_processes_train(tmp_path):
    # The entry point of the environment under test, whatever is first in the path.
    launcher = tmp_path / "gan-jax"
    launcher.write_text(f'#!/bin/bash\nexec "{sys.executable}" -m gan_jax "$@"\n')
    launcher.chmod(0o755)
    done = run(
        "local.sh", str(ROOT / "configs/ring.py:smoke"), str(tmp_path / "run"),
        env=os.environ | {"GAN_JAX": str(launcher), "JAX_PLATFORMS": "cpu"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert max(json.loads(line)["step"] for line in lines) == 100
    record = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert [start["processes"] for start in record["starts"]] == [2]


def test_a_pod_gets_one_command_and_is_tried_again(stand_in, tmp_path):
    flag = tmp_path / "once"
    # The first call installs, the second trains and fails, the third trains.
    fail_once = f"test -e {flag} || {{ touch {flag}; exit 1; }}"
    body = f'case "$*" in *"gan-jax train"*) {fail_once};; esac'
    stand_in("gcloud", body)
    done = run(
        "tpu_pod.sh", *TRAIN,
        env=stand_in.env, NAME="slice", ZONE="zone", REPOSITORY="url", PAUSE="0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    notes = [line for line in stand_in.notes("gcloud") if "gan-jax train" in line]
    prefix = "compute tpus tpu-vm ssh slice --zone zone --worker=all --command "
    command = "cd gan_jax && .venv/bin/gan-jax train --config configs/ring.py:smoke "
    command += "--workdir RUNS/ring --config.seed=3 "
    assert notes == [prefix + command] * 2
    assert "try 1 ended in an error" in done.stderr


@pytest.mark.parametrize(("status", "again"), [(0, False), (2, False), (1, True)])
def test_a_slurm_job_is_queued_again_after_errors(stand_in, status, again, tmp_path):
    stand_in("srun", f"exit {status}")
    stand_in("scontrol")
    done = run("slurm.sbatch", *TRAIN, env=stand_in.env, SLURM_JOB_ID="7")
    assert done.returncode == status
    train = "--config configs/ring.py:smoke --workdir RUNS/ring --config.seed=3"
    assert stand_in.notes("srun") == [
        f"--kill-on-bad-exit=1 .venv/bin/gan-jax train {train}"
    ]
    assert (tmp_path / "scontrol.log").exists() == again
    if again:
        assert stand_in.notes("scontrol") == ["requeue 7"]


def test_a_slurm_job_saves_and_asks_for_another_turn(stand_in, tmp_path):
    ready = tmp_path / "ready"
    stand_in("srun", f"trap 'echo saved > {tmp_path}/saved; exit 0' TERM; touch {ready}\n"
             "while true; do sleep 0.05; done")  # fmt: skip
    stand_in("scontrol")
    job = subprocess.Popen(
        ["bash", str(SCRIPTS / "slurm.sbatch"), *TRAIN],
        env=stand_in.env | {"SLURM_JOB_ID": "7"},
    )
    while not ready.exists():
        time.sleep(0.02)
    job.send_signal(signal.SIGTERM)
    assert job.wait(timeout=60) == 0
    assert (tmp_path / "saved").read_text() == "saved\n"
    assert stand_in.notes("scontrol") == ["requeue 7"]


@pytest.mark.parametrize("script", ["local.sh", "tpu_pod.sh", "slurm.sbatch"])
def test_scripts_say_how_they_are_called(script):
    done = run(script, env=os.environ)
    assert done.returncode != 0
    assert "CONFIG WORKDIR" in done.stderr
