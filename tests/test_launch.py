"""The local launcher: gangs that live, die, and start again."""

import contextlib
import json
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

from gan_jax import launch as launcher
from gan_jax.errors import UserError
from gan_jax.launch import launch

WORKERS = pathlib.Path(__file__).parent / "workers"
ROOT = pathlib.Path(__file__).parent.parent


def _command(action, folder):
    return [sys.executable, "-S", str(WORKERS / "member.py"), action, str(folder)]


def _members(folder):
    """What the members of each attempt left, by (attempt, index)."""
    found = {}
    for file in folder.glob("*.json"):
        attempt, index = file.stem.split("-")
        found[int(attempt), int(index)] = json.loads(file.read_text())
    return found


def _is_running(pid):
    """Whether a process exists and is more than a record kept for its parent."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        status = pathlib.Path(f"/proc/{pid}/stat").read_text()
        return status.rpartition(")")[2].split()[0] not in "ZX"
    return False


def _wait_until(condition):
    """Waits for what must come; gives up long after it should have."""
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("waited in vain")


@contextlib.contextmanager
def _launcher(action, folder, processes=2):
    """The launcher as a process of its own, to send signals to."""
    script = "import sys; from gan_jax.launch import launch; "
    script += f"sys.exit(launch(sys.argv[1:], {processes}, grace_seconds=0.2))"
    process = subprocess.Popen(
        [sys.executable, "-c", script, *_command(action, folder)], cwd=ROOT
    )
    try:
        _wait_until(lambda: len(_members(folder)) == processes)
        yield process
    finally:
        process.kill()
        process.wait()


def test_all_members_start_connected_and_apart(tmp_path):
    assert launch(_command("succeed", tmp_path), 3, devices_per_process=2) == 0
    members = _members(tmp_path)
    assert set(members) == {(0, 0), (0, 1), (0, 2)}
    assert len({member["GAN_JAX_COORDINATOR"] for member in members.values()}) == 1
    assert members[0, 0]["GAN_JAX_COORDINATOR"].startswith("127.0.0.1:")
    for (_, index), member in members.items():
        assert member["session"] == member["pid"]
        assert member["JAX_NUM_CPU_DEVICES"] == "2"
        assert member["GAN_JAX_LOCAL_DEVICES"] == f"{2 * index},{2 * index + 1}"


def test_devices_are_left_to_jax_by_default(tmp_path, monkeypatch):
    monkeypatch.delenv("JAX_NUM_CPU_DEVICES", raising=False)
    assert launch(_command("succeed", tmp_path), 1) == 0
    member = _members(tmp_path)[0, 0]
    assert member["JAX_NUM_CPU_DEVICES"] is None
    assert member["GAN_JAX_LOCAL_DEVICES"] is None


@pytest.mark.parametrize(
    ("action", "ending"), [("killed-once", "SIGKILL"), ("raises-once", "status 1")]
)
def test_a_dead_member_takes_the_others_along_and_all_start_again(
    tmp_path, capfd, action, ending
):
    assert launch(_command(action, tmp_path), 3, grace_seconds=0.2) == 0
    members = _members(tmp_path)
    assert set(members) == {(attempt, index) for attempt in (0, 1) for index in range(3)}
    assert not any(_is_running(member["pid"]) for member in members.values())
    ports = {attempt: members[attempt, 0]["GAN_JAX_COORDINATOR"] for attempt in (0, 1)}
    assert ports[0] != ports[1]
    error = capfd.readouterr().err
    assert f"[launch] process 1 ended with {ending}\n" in error
    assert "[launch] starting all again (1 of 3 restarts)\n" in error


@pytest.mark.parametrize("max_restarts", [0, 2])
def test_restarts_are_limited_and_the_first_failure_is_the_status(
    tmp_path, capfd, max_restarts
):
    status = launch(
        _command("killed-always", tmp_path), 2, grace_seconds=0.0, max_restarts=max_restarts
    )
    assert status == 128 + signal.SIGKILL
    assert len(_members(tmp_path)) == 2 * (max_restarts + 1)
    assert f"[launch] giving up after {max_restarts} restarts\n" in capfd.readouterr().err


def test_a_users_mistake_is_not_repeated(tmp_path):
    assert launch(_command("wrong", tmp_path), 2, grace_seconds=0.0) == 2
    assert set(_members(tmp_path)) == {(0, 0), (0, 1)}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_all_save_and_ends_cleanly(tmp_path, number):
    with _launcher("save", tmp_path, processes=3) as process:
        process.send_signal(number)
        assert process.wait(60) == 0
    assert {file.name for file in tmp_path.glob("saved-*")} == {
        "saved-0",
        "saved-1",
        "saved-2",
    }
    assert set(_members(tmp_path)) == {(0, 0), (0, 1), (0, 2)}


def test_a_second_signal_ends_those_that_do_not_listen(tmp_path):
    with _launcher("hang", tmp_path) as process:
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
        assert process.wait(60) == 128 + signal.SIGKILL
    assert not any(_is_running(member["pid"]) for member in _members(tmp_path).values())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs prctl")
def test_members_die_with_a_launcher_that_is_killed(tmp_path):
    with _launcher("hang", tmp_path) as process:
        members = _members(tmp_path).values()
        assert all(_is_running(member["pid"]) for member in members)
        process.kill()
        process.wait()
        _wait_until(lambda: not any(_is_running(member["pid"]) for member in members))


def test_what_members_leave_running_is_ended(tmp_path):
    assert launch(_command("child", tmp_path), 2) == 0
    children = [member["child"] for member in _members(tmp_path).values()]
    assert len(children) == 2
    _wait_until(lambda: not any(_is_running(child) for child in children))


def test_output_of_process_0_is_raw_and_that_of_others_numbered(tmp_path, capfd):
    assert launch(_command("talk", tmp_path), 2) == 0
    out, error = capfd.readouterr()
    numbered = re.compile(r"\[1\] (.*)\n")
    assert numbered.findall(out) == ["one", "two from 1", "", "no end"]
    assert numbered.sub("", out) == "one\ntwo from 0\n\nno end"
    assert numbered.findall(error) == ["an error line"]
    assert numbered.sub("", error) == "an error line\n"


def test_signal_handlers_are_put_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    launch(_command("succeed", tmp_path), 1)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


@pytest.mark.parametrize(
    ("command", "processes", "options", "message"),
    [
        (["true"], 0, {}, "the number of processes must be at least 1, got 0"),
        (["true"], 1, {"devices_per_process": 0}, "devices per process must be at least 1"),
        (["true"], 1, {"grace_seconds": 50}, "grace seconds must lie between 0 and 45"),
        (["true"], 1, {"max_restarts": -1}, "restarts must not be negative"),
        (
            ["no-such-program", "x"],
            1,
            {},
            "cannot find the program to run: 'no-such-program x'",
        ),
        ([], 1, {}, "cannot find the program to run: ''"),
    ],
)
def test_impossible_launches_are_refused(command, processes, options, message):
    with pytest.raises(UserError, match=message):
        launch(command, processes, **options)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "launch: the following arguments are required: --processes"),
        (["--processes", "two"], "launch: argument --processes: invalid int value: 'two'"),
        (["--processes", "2"], "launch: name the command to run after --"),
        (["--processes", "2", "--"], "launch: name the command to run after --"),
        (["--processes", "2", "train", "--", "x"], "launch: unrecognized arguments: train"),
        (["--process", "2", "--", "x"], "the following arguments are required"),
    ],
)
def test_wrong_command_lines_are_refused_in_one_line(argv, message):
    with pytest.raises(UserError) as caught:
        launcher.main(argv)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_line_runs_a_verb_in_every_process(monkeypatch):
    calls = []
    monkeypatch.setattr(
        launcher, "launch", lambda *args, **kw: calls.append((args, kw)) or 7
    )
    argv = "--processes 2 --devices-per-process 4 --grace-seconds 3 --max-restarts 1 --"
    assert launcher.main([*argv.split(), "train", "--config", "c.py", "--", "x"]) == 7
    command = [sys.executable, "-m", "gan_jax", "train", "--config", "c.py", "--", "x"]
    options = {"devices_per_process": 4, "grace_seconds": 3.0, "max_restarts": 1}
    assert calls == [((command, 2), options)]


@pytest.mark.parametrize("how", ["kill", "raise"])
def test_a_run_of_two_jax_processes_resumes_after_a_death(
    tmp_path, capfd, monkeypatch, how
):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    command = [sys.executable, str(WORKERS / "resuming.py"), how, str(tmp_path)]
    status = launch(command, 2, devices_per_process=2, grace_seconds=1.0, max_restarts=1)
    out, error = capfd.readouterr()
    assert status == 0, error
    assert (tmp_path / "failed").exists()
    expected = 5.0
    for number in range(10):
        expected = 0.5 * expected + 8.0 * number
    assert f"step 10 of 10: w = {expected}\n" in out
    assert f"[1] step 10 of 10: w = {expected}\n" in out
    assert (
        out.count("step 1 of 10") == 2
    )  # once in each process: the second attempt resumed
    assert out.count("step 10 of 10") == 2
    if how == "raise":
        assert "[1] RuntimeError: the data of process 1 ran out\n" in error
