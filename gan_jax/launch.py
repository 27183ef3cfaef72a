"""The local launcher: several processes on one machine, restarted together when one dies.

    gan-jax launch --processes 2 -- train --config configs/dcgan.py --workdir runs/dcgan

runs the command after `--` twice, connected by `gan_jax.distributed`. The output of process
0 passes unchanged; lines of the others begin with their number. When a process ends with an
error, the others are ended too, within `grace_seconds` and a moment: they would otherwise
wait in a collective for a peer that is gone. Then all are started anew, and continue from
their last checkpoint. SIGTERM and SIGINT (control-C) reach every process as SIGTERM, upon
which a training run saves and ends; a second one ends them at once.

On CPU, `--devices-per-process` sets the number of virtual devices. On a machine with
several GPUs it says how many each process uses: process 0 the first ones, and so on.

Machines of their own need no launcher: `gan_jax.distributed` says how to start there.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import NoReturn

from gan_jax.distributed import (
    COORDINATOR,
    LOCAL_DEVICES,
    NUM_PROCESSES,
    PROCESS_ID,
    USER_ERROR_STATUS,
)
from gan_jax.errors import UserError
from gan_jax.relay import Relay

_POLL_SECONDS = 0.1

# Runs a command that dies with its launcher, whatever kills that. The setting survives
# `exec`, and a launcher that is gone already is noticed by another parent.
_TETHER = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"launch: {message}")


def main(argv: Sequence[str]) -> int:
    """The command line `gan-jax launch OPTIONS -- VERB ...`.

    Args:
        argv: what follows "launch".

    Returns:
        The exit status.

    Raises:
        UserError: the options are wrong.
    """
    parser = _Parser(
        prog="gan-jax launch",
        usage="%(prog)s --processes N [OPTIONS] -- VERB ...",
        description="Runs a gan-jax command in several processes on this machine.",
        allow_abbrev=False,
    )
    parser.add_argument("--processes", type=int, required=True, help="how many processes")
    parser.add_argument(
        "--devices-per-process", type=int, help="virtual CPU devices, or GPUs, of each"
    )
    parser.add_argument(
        "--grace-seconds",
        type=float,
        default=10.0,
        help="from one death to the end of the others (default: %(default)s)",
    )
    parser.add_argument(
        "--max-restarts", type=int, default=3, help="how often (default: %(default)s)"
    )
    options, command = _split_command(list(argv))
    given = parser.parse_args(options)
    if not command:
        parser.error("name the command to run after --, such as: -- train --config ...")
    return launch(
        [sys.executable, "-m", "gan_jax", *command],
        given.processes,
        devices_per_process=given.devices_per_process,
        grace_seconds=given.grace_seconds,
        max_restarts=given.max_restarts,
    )


def _split_command(argv: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in argv:
        return argv, []
    at = argv.index("--")
    return argv[:at], argv[at + 1 :]


def launch(
    command: Sequence[str],
    num_processes: int,
    *,
    devices_per_process: int | None = None,
    grace_seconds: float = 10.0,
    max_restarts: int = 3,
) -> int:
    """Runs a command in several processes until all succeed. Call it in the main thread.

    Args:
        command: program and arguments, the same for all processes; it continues from its
            own checkpoint when started again.
        num_processes: number of processes.
        devices_per_process: virtual CPU devices, or GPUs, of each; default: JAX's choice,
            one CPU device or every GPU.
        grace_seconds: time between SIGTERM and SIGKILL for the others when one has died.
        max_restarts: how often all are started again before giving up.

    Returns:
        0 if every process succeeded, or saved and ended after a signal to the launcher;
        else the status of the first to fail, 128 + n for one ended by signal n. A user's
        mistake (status 2) is not started again.

    Raises:
        UserError: a number is out of range, or there is no such program.
    """
    _check(num_processes, devices_per_process, grace_seconds, max_restarts)
    if not command or shutil.which(command[0]) is None:
        raise UserError(f"cannot find the program to run: {' '.join(command)!r}")
    with _signals_counted() as signals:
        for attempt in range(max_restarts + 1):
            environments = _environments(num_processes, devices_per_process)
            status = _run_gang(command, environments, grace_seconds, signals)
            if status == 0 or signals.count or status == USER_ERROR_STATUS:
                return status
            if attempt < max_restarts:
                _say(f"starting all again ({attempt + 1} of {max_restarts} restarts)")
    _say(f"giving up after {max_restarts} restarts")
    return status


def _check(
    num_processes: int,
    devices_per_process: int | None,
    grace_seconds: float,
    max_restarts: int,
) -> None:
    if num_processes < 1:
        raise UserError(f"the number of processes must be at least 1, got {num_processes}")
    if devices_per_process is not None and devices_per_process < 1:
        raise UserError(
            f"devices per process must be at least 1, got {devices_per_process}"
        )
    if not 0 <= grace_seconds <= 45:
        raise UserError(f"grace seconds must lie between 0 and 45, got {grace_seconds}")
    if max_restarts < 0:
        raise UserError(f"the number of restarts must not be negative, got {max_restarts}")


def _environments(
    num_processes: int, devices_per_process: int | None
) -> list[dict[str, str]]:
    """What each process finds in its environment; a new port for every attempt, since the
    old one may still be busy.
    """
    shared = dict(os.environ, PYTHONUNBUFFERED="1")
    shared[COORDINATOR] = f"127.0.0.1:{_free_port()}"
    shared[NUM_PROCESSES] = str(num_processes)
    environments = []
    for index in range(num_processes):
        own = dict(shared)
        own[PROCESS_ID] = str(index)
        if devices_per_process is not None:
            first = index * devices_per_process
            gpus = range(first, first + devices_per_process)
            own[LOCAL_DEVICES] = ",".join(str(gpu) for gpu in gpus)
            own["JAX_NUM_CPU_DEVICES"] = str(devices_per_process)
        environments.append(own)
    return environments


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def _say(text: str) -> None:
    print(f"[launch] {text}", file=sys.stderr, flush=True)


# Signals to the launcher.


@dataclass
class _Signals:
    count: int = 0


@contextmanager
def _signals_counted() -> Iterator[_Signals]:
    """Counts SIGTERM and SIGINT instead of dying of them."""
    signals = _Signals()

    def note(number: int, frame: object) -> None:
        del number, frame
        signals.count += 1

    before = {
        number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# One attempt.


@dataclass
class _Member:
    """A process of the gang."""

    index: int
    process: subprocess.Popen[bytes]
    status: int | None = None

    def ended_now(self) -> bool:
        """Whether it has ended since the last question."""
        if self.status is not None or self.process.poll() is None:
            return False
        code = self.process.returncode
        self.status = code if code >= 0 else 128 - code
        self.kill()  # what it may have left running in its session
        return True

    def ask_to_end(self) -> None:
        """SIGTERM to the process alone: its data workers are needed until it has saved."""
        if self.status is None:
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to its whole session."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


def _run_gang(
    command: Sequence[str],
    environments: Sequence[dict[str, str]],
    grace_seconds: float,
    signals: _Signals,
) -> int:
    """Runs all processes to their end; the status of the first that failed, or 0."""
    members: list[_Member] = []
    output = Relay()
    try:
        for index, environment in enumerate(environments):
            members.append(_start(command, index, environment))
            output.watch(index, members[-1].process)
        return _attend(members, output, grace_seconds, signals)
    finally:
        for member in members:
            if member.status is None:
                member.kill()
                member.process.wait()
        output.close()


def _start(command: Sequence[str], index: int, environment: dict[str, str]) -> _Member:
    """Starts a process in a session of its own, so that signals reach it through us alone.

    Process 0 keeps our terminal for its progress bar; the others write through us.
    """
    pipe = None if index == 0 else subprocess.PIPE
    process = subprocess.Popen(
        _tethered(command),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        start_new_session=True,
    )
    return _Member(index, process)


def _tethered(command: Sequence[str]) -> list[str]:
    if not sys.platform.startswith("linux"):
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _TETHER, str(os.getpid()), *command]


def _attend(
    members: Sequence[_Member], output: Relay, grace_seconds: float, signals: _Signals
) -> int:
    """Waits for all. Asks all to end at the first failure or signal, and kills them at the
    second signal, or when the grace after a failure is over: a survivor that waits in a
    collective does not hear SIGTERM.
    """
    failed, asked, deadline = 0, False, math.inf
    while any(member.status is None for member in members):
        output.pump(_POLL_SECONDS)
        for member in members:
            if member.ended_now() and member.status and not failed:
                failed = member.status
                deadline = time.monotonic() + grace_seconds
                _say(f"process {member.index} ended with {_named(failed)}")
        if (failed or signals.count) and not asked:
            asked = True
            for member in members:
                member.ask_to_end()
        if time.monotonic() >= deadline or signals.count > 1:
            for member in members:
                if member.status is None:
                    member.kill()
    return failed


def _named(status: int) -> str:
    with suppress(ValueError):
        if status > 128:
            return signal.Signals(status - 128).name
    return f"status {status}"
