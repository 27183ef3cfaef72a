import fcntl
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict
from ml_collections.config_dict import FieldReference, placeholder

from gan_jax import workdir as workdir_module
from gan_jax.workdir import (
    SameRun,
    WorkdirError,
    config_dict,
    config_differences,
    git_revision,
    open_workdir,
    read_config,
    write_json_atomic,
)


def _config(**changes):
    config = ConfigDict(
        {
            "seed": 0,
            "train": {"batch_size": 128, "steps": 100, "shape": (32, 32, 1)},
            "log": {"every": 10, "grid": {"rows": 8}},
            "loss": "hinge",
            "half_life": placeholder(float),
        }
    )
    config.update_from_flattened_dict({k.replace("__", "."): v for k, v in changes.items()})
    return config


def _read(path):
    return json.loads(path.read_text())


def test_a_first_start(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["gan-jax", "train", "--config=x.py"])
    with open_workdir(tmp_path / "a" / "b", _config(), data_fingerprint="f00d") as work:
        place = tmp_path / "a" / "b"
        assert (work.path, work.resumed) == (place, False)
        folders = [work.samples, work.checkpoints, work.tensorboard]
        assert folders == [place / "samples", place / "checkpoints", place / "tensorboard"]
        assert all(folder.is_dir() for folder in folders)
        assert work.metrics == place / "metrics.jsonl"
        assert (
            place / "lock"
        ).read_text() == f"pid {os.getpid()} on {socket.gethostname()}"
    expected = {
        "seed": 0,
        "train": {"batch_size": 128, "steps": 100, "shape": [32, 32, 1]},
        "log": {"every": 10, "grid": {"rows": 8}},
        "loss": "hinge",
        "half_life": None,
    }
    assert _read(place / "config.json") == read_config(place) == expected
    (start,) = _read(place / "environment.json")["starts"]
    assert start["command"] == ["gan-jax", "train", "--config=x.py"]
    assert start["packages"]["jax"] == jax.__version__
    assert start["python"] == ".".join(map(str, sys.version_info[:3]))
    assert start["data_fingerprint"] == "f00d"
    assert start["devices"] == ["cpu cpu"] * jax.device_count()
    assert start["git_revision"] == git_revision()


def test_a_later_start_resumes_and_is_noted(tmp_path, caplog):
    for resumed in (False, True, True):
        with open_workdir(tmp_path, _config(), data_fingerprint="f00d") as work:
            assert work.resumed is resumed
    assert len(_read(tmp_path / "environment.json")["starts"]) == 3
    assert caplog.messages == []


def test_another_config_is_refused_field_by_field(tmp_path):
    with open_workdir(tmp_path, _config()):
        pass
    before = (tmp_path / "config.json").read_bytes()
    other = _config(train__batch_size=64, loss="wasserstein", half_life=5.0)
    with pytest.raises(WorkdirError) as raised, open_workdir(tmp_path, other):
        pass
    assert str(raised.value) == (
        f"{tmp_path} was made by another config: "
        "half_life: 5.0 here, null in the work directory; "
        'loss: "wasserstein" here, "hinge" in the work directory; '
        "train.batch_size: 64 here, 128 in the work directory. "
        "Use that config, or another work directory."
    )
    assert (tmp_path / "config.json").read_bytes() == before
    assert len(_read(tmp_path / "environment.json")["starts"]) == 1
    with open_workdir(tmp_path, _config()) as work:  # and the lock is free again
        assert work.resumed


def test_free_fields_may_change(tmp_path):
    free = ("log", "train.steps")
    with open_workdir(tmp_path, _config()):
        pass
    longer = _config(train__steps=200, log__grid__rows=4)
    with open_workdir(tmp_path, longer, same=SameRun(free)):
        pass
    assert read_config(tmp_path)["train"]["steps"] == 200
    assert read_config(tmp_path)["log"]["grid"]["rows"] == 4
    with (
        pytest.raises(
            WorkdirError, match=r"another config: seed: 1 here, 0 in the work dir"
        ),
        open_workdir(tmp_path, _config(seed=1), same=SameRun(free)),
    ):
        pass


@pytest.mark.parametrize(
    ("here", "there", "lines"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": True}, {"a": 1}, ["a: true here, 1 in the work directory"]),
        ({"a": float("nan")}, {"a": float("nan")}, []),
        ({"a": {"b": 1}}, {"a": {}}, [
            "a: absent here, {} in the work directory",
            "a.b: 1 here, absent in the work directory",
        ]),
        ({"a": [{"x": 1, "y": 2}]}, {"a": [{"y": 2, "x": 1}]}, []),
        ({"a": [1, 2]}, {"a": [2, 1]}, ["a: [1, 2] here, [2, 1] in the work directory"]),
        ({"logs": 1, "log": {"a": 1}}, {"logs": 2, "log": {"a": 2}}, [
            "logs: 1 here, 2 in the work directory",
        ]),
    ],
)  # fmt: skip
def test_differences(here, there, lines):
    assert config_differences(here, there, SameRun(("log",))) == lines


def test_fields_that_an_older_run_lacks_were_the_defaults():
    here = {"a": 1, "new": {"x": None, "y": 3}}
    defaults = {"a": 7, "new": {"x": None, "y": 2}}
    assert config_differences(here, {"a": 1}, SameRun((), defaults)) == [
        "new.y: 3 here, 2 in the work directory"
    ]


def test_references_are_resolved_and_odd_values_named():
    size = FieldReference(16)
    config = ConfigDict({"a": size, "b": size * 2, "terms": {"x": (1, {"y": None})}})
    assert config_dict(config) == {"a": 16, "b": 32, "terms": {"x": [1, {"y": None}]}}
    with pytest.raises(
        WorkdirError, match=r"^config field a\.b\[1\] is a float32, not a JSON"
    ):
        config_dict({"a": {"b": [1.0, np.float32(2)]}})


def test_a_run_is_not_resumed_unasked(tmp_path):
    with open_workdir(tmp_path, _config(), resume=False):
        pass
    with (
        pytest.raises(WorkdirError, match=f"^{tmp_path} holds a run already"),
        open_workdir(tmp_path, _config(), resume=False),
    ):
        pass


def test_changed_data_are_refused(tmp_path):
    for fingerprint in ("aa", None, "aa"):
        with open_workdir(tmp_path, _config(), data_fingerprint=fingerprint):
            pass
    with (
        pytest.raises(WorkdirError, match=r"data have changed .* bb here, aa there"),
        open_workdir(tmp_path, _config(), data_fingerprint="bb"),
    ):
        pass


def test_other_versions_are_named(tmp_path, caplog):
    with open_workdir(tmp_path, _config()):
        pass
    content = _read(tmp_path / "environment.json")
    content["starts"][0]["packages"]["flax"] = "0.0.1"
    content["starts"][0]["python"] = "3.10.0"
    write_json_atomic(tmp_path / "environment.json", content)
    with caplog.at_level(logging.WARNING), open_workdir(tmp_path, _config()):
        pass
    flax = _read(tmp_path / "environment.json")["starts"][1]["packages"]["flax"]
    python = ".".join(map(str, sys.version_info[:3]))
    assert caplog.messages == [
        f"resuming under other versions: flax 0.0.1 -> {flax}, python 3.10.0 -> {python}"
    ]


_HOLDER = """
    import sys, time
    from gan_jax.workdir import open_workdir
    with open_workdir(sys.argv[1], {"a": 1}):
        print("held", flush=True)
        time.sleep(120)
"""


def test_a_live_run_keeps_others_out_until_it_is_killed(tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(_HOLDER), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout.readline() == "held\n"
            with pytest.raises(WorkdirError) as raised, open_workdir(tmp_path, {"a": 1}):
                pass
            assert str(raised.value) == (
                f"{tmp_path} is in use by a live run (pid {holder.pid} on "
                f"{socket.gethostname()}): wait for it, end it, or choose another work "
                "directory"
            )
        finally:
            os.kill(holder.pid, signal.SIGKILL)
    with open_workdir(tmp_path, {"a": 1}) as work:
        assert work.resumed
        assert (
            tmp_path / "lock"
        ).read_text() == f"pid {os.getpid()} on {socket.gethostname()}"


def test_the_lock_is_freed_by_an_error(tmp_path):
    with pytest.raises(OSError, match="the run's own"), open_workdir(tmp_path, {"a": 1}):
        raise OSError("the run's own")
    with open_workdir(tmp_path, {"a": 1}):
        pass


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with open_workdir(tmp_path, {"a": 1}) as work:
        assert work.samples.is_dir()
    (message,) = caplog.messages
    assert message.startswith(f"{tmp_path} cannot be locked ")


def test_the_other_processes_write_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    with open_workdir(tmp_path / "new", {"a": 1}) as work:
        assert work.metrics == tmp_path / "new" / "metrics.jsonl"
        assert not work.resumed
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("below", "reason"), [("file", "File exists"), ("file/run", "Not a directory")]
)
def test_a_place_that_cannot_be_written(tmp_path, below, reason):
    (tmp_path / "file").write_text("x")
    place = tmp_path / below
    with pytest.raises(WorkdirError) as raised, open_workdir(place, {"a": 1}):
        pass
    assert str(raised.value) == f"cannot write to the work directory {place}: {reason}"


def test_a_full_disk_at_the_first_start(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(workdir_module, "write_atomic", full)
        with (
            pytest.raises(WorkdirError, match=r"No space left on device$"),
            open_workdir(tmp_path, {"a": 1}),
        ):
            pass
    with open_workdir(tmp_path, {"a": 1}) as work:
        assert not work.resumed


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_broken_config_file_is_named(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with (
        pytest.raises(
            WorkdirError, match=r"config\.json is not readable .*: restore or remove"
        ),
        open_workdir(tmp_path, {"a": 1}),
    ):
        pass
    assert (tmp_path / "config.json").read_text() == content


def test_a_place_without_a_run(tmp_path):
    with pytest.raises(WorkdirError, match=r"config\.json does not exist: no run has been"):
        read_config(tmp_path)


def test_json_is_written_whole_or_not_at_all(tmp_path):
    file = tmp_path / "x.json"
    write_json_atomic(file, {"b": [1, 2.5], "a": None})
    assert file.read_text() == '{\n  "a": null,\n  "b": [\n    1,\n    2.5\n  ]\n}\n'
    with pytest.raises(TypeError):
        write_json_atomic(file, {"b": object()})
    assert _read(file) == {"a": None, "b": [1, 2.5]}
    assert [child.name for child in tmp_path.iterdir()] == ["x.json"]


def _git(folder, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_revision_is_that_of_the_checkout_of_the_package(tmp_path, monkeypatch):
    package = tmp_path / "gan_jax"
    package.mkdir()
    file = package / "workdir.py"
    file.write_text("# one\n")
    monkeypatch.setattr(workdir_module, "__file__", str(file))
    assert git_revision() is None
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "--quiet", "-m", "one")
    commit = _git(tmp_path, "rev-parse", "HEAD")
    assert git_revision() == commit
    file.write_text("# two\n")
    assert git_revision() == f"{commit}+changes"
    installed = tmp_path / "venv" / "gan_jax"
    installed.mkdir(parents=True)
    monkeypatch.setattr(workdir_module, "__file__", str(installed / "workdir.py"))
    assert git_revision() is None
    monkeypatch.setenv("PATH", str(Path(tmp_path) / "nothing"))
    monkeypatch.setattr(workdir_module, "__file__", str(file))
    assert git_revision() is None
