"""Saves that fail: a full disk, a file too large, a folder that cannot be made."""

import errno
import re
import subprocess
import sys
import textwrap

import jax
import orbax.checkpoint as ocp
import pytest

from gan_jax.checkpoint import Checkpointer, CheckpointError, load, saved_steps

_COMMON = """
    import sys
    import numpy as np, jax
    from gan_jax.checkpoint import CheckpointError, Checkpointer
    from gan_jax.checkpoint import latest_digest, state_digest

    def state(step):
        bits = np.random.default_rng(step).integers(0, 2**32, (3, 4000), dtype=np.uint32)
        return {"w": bits[0], "v": jax.numpy.asarray(bits[1:]), "step": np.int32(step)}

    def report(action):
        try:
            action()
        except CheckpointError as error:
            print(error)

    directory = sys.argv[1]
"""


def _run(script, *arguments, before=()):
    code = textwrap.dedent(_COMMON) + textwrap.dedent(script)
    command = [*before, sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200)


def test_a_file_too_large(tmp_path):
    done = _run(
        """
        import resource, signal
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with Checkpointer(directory) as saver:
            saver.save(1, state(1), position=1)
            saver.save(2, state(2), position=2, wait=True)
            resource.setrlimit(resource.RLIMIT_FSIZE, (9000, hard))
            saver.save(3, state(3), position=3)
            report(lambda: saver.save(4, state(4), position=4))
            report(lambda: saver.save(2, state(22), position=2, wait=True))
            print(saver.steps(), latest_digest(directory) == (2, state_digest(state(2))))
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            saver.save(3, state(33), position=3)
        print(latest_digest(directory) == (3, state_digest(state(33))))
        """,
        tmp_path,
    )
    lines = done.stdout.splitlines()
    reason = "could not be written: File too large. The newest is 2."
    assert lines == [
        f"checkpoint 3 in {tmp_path} {reason}",
        f"checkpoint 2 in {tmp_path} {reason}",
        "[1, 2] True",
        "True",
    ], done.stderr
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert saved_steps(tmp_path) == [1, 2, 3]


def _may_mount():
    try:
        probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        return subprocess.run(probe, capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@pytest.mark.skipif(not _may_mount(), reason="needs a private mount of a small tmpfs")
def test_a_full_disk(tmp_path):
    mount = 'mount -t tmpfs -o size=600k tmpfs "$0" && exec "$@"'
    done = _run(
        """
        import os
        saver = Checkpointer(directory, keep_last=20)
        saver.save(1, state(1), position=1, wait=True)
        written = 1
        def fill():
            global written
            while written < 20:
                saver.save(written + 1, state(written + 1), position=1, wait=True)
                written += 1
        report(fill)
        print(saver.steps() == list(range(1, written + 1)), 1 < written < 20)
        print(latest_digest(directory) == (written, state_digest(state(written))))
        print([n for n in os.listdir(directory) if "tmp" in n])
        saver.close()
        """,
        tmp_path,
        before=("unshare", "-rm", "sh", "-c", mount, str(tmp_path)),
    )
    line, *rest = done.stdout.splitlines()
    reason = rf"checkpoint \d+ in {tmp_path} could not be written: No space left on device"
    assert re.fullmatch(rf"{reason}\. The newest is \d+\.", line), done.stderr
    assert rest == ["True True", "True", "[]"]
    assert "Traceback" not in done.stderr


def test_a_save_that_fails_at_once_keeps_what_was_there(
    tmp_path, new_state, same, monkeypatch
):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    abstract = jax.eval_shape(lambda: new_state(0))
    with Checkpointer(tmp_path, keep_last=1) as saver:
        saver.save(1, new_state(1), position=1, wait=True)
        with monkeypatch.context() as patch:
            patch.setattr(ocp.CheckpointManager, "save", full)
            for step in (1, 2):
                with pytest.raises(CheckpointError) as raised:
                    saver.save(step, new_state(2), position=2)
                assert str(raised.value) == (
                    f"checkpoint {step} in {tmp_path} could not be written: "
                    "No space left on device. The newest is 1."
                )
                assert same(saver.restore(abstract).state, new_state(1))
        saver.save(2, new_state(2), position=2)
    assert same(load(tmp_path, abstract).state, new_state(2))
    assert saved_steps(tmp_path) == [2]


def test_the_first_save_fails(tmp_path, state, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ocp.CheckpointManager, "save", full)
    with Checkpointer(tmp_path) as saver, pytest.raises(CheckpointError, match="none yet"):
        saver.save(1, state, position=1)
    assert saved_steps(tmp_path) == []


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(CheckpointError) as raised:
        Checkpointer(tmp_path / "file" / "checkpoints")
    assert str(raised.value) == (
        f"cannot keep checkpoints in {tmp_path}/file/checkpoints: Not a directory"
    )


def test_closing_reports_a_failed_save_but_hides_no_other_error(
    tmp_path, state, monkeypatch, caplog
):
    wait, failing = ocp.CheckpointManager.wait_until_finished, []

    def fail_once(manager):
        wait(manager)
        if failing:
            raise failing.pop()

    monkeypatch.setattr(ocp.CheckpointManager, "wait_until_finished", fail_once)
    broken = OSError(errno.EIO, "Input/output error")
    saver = Checkpointer(tmp_path)
    saver.save(1, state, position=1)
    failing.append(broken)
    with (
        pytest.raises(CheckpointError, match=r"checkpoint 1 in .*: Input/output error\."),
        saver,
    ):
        pass
    assert caplog.messages == []
    saver = Checkpointer(tmp_path)
    saver.save(2, state, position=1)
    failing.append(broken)
    with pytest.raises(KeyError, match="the first error"), saver:
        raise KeyError("the first error")
    (message,) = caplog.messages
    assert message.startswith(
        f"checkpoint 2 in {tmp_path} could not be written: Input/output"
    )
