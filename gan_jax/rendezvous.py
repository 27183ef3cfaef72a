"""How the processes of a run find each other, before JAX connects them."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from gan_jax.errors import UserError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Hosts that only this machine can reach."""

_HELLO_SECONDS = 5.0
_RETRY_SECONDS = 0.1


class StartupError(UserError):
    """The processes of a run could not find each other, or disagree; one line says how."""


def meet(coordinator: str, count: int, index: int, timeout_seconds: float) -> None:
    """Waits until all processes of a run are there and agree that they are.

    JAX's own service answers a missing process or a wrong number by aborting the process
    with a C++ stack trace, and lets two processes of one number in. This takes place before
    it, at the same port, and answers with one line.

    Args:
        coordinator: "host:port" at which process 0 listens.
        count: number of processes.
        index: number of this process.
        timeout_seconds: how long to wait.

    Raises:
        StartupError: somebody is missing, unreachable, or one too many.
    """
    deadline = time.monotonic() + timeout_seconds
    if index == 0:
        problem = _receive(coordinator, count, deadline, timeout_seconds)
    else:
        problem = _report(coordinator, count, index, deadline, timeout_seconds)
    if problem is not None:
        raise StartupError(problem)


def _receive(
    coordinator: str, count: int, deadline: float, timeout_seconds: float
) -> str | None:
    """Process 0: hears everyone, answers everyone alike; gives what is wrong, or None."""
    with ExitStack() as stack:
        server = stack.enter_context(_listen(coordinator))
        callers: list[socket.socket] = []
        waiting, problem = set(range(1, count)), None
        while waiting and problem is None:
            caller = _accept(server, deadline)
            if caller is None:
                problem = (
                    f"of {count} processes, number {_numbers(waiting)} did not come to "
                    f"{coordinator} within {timeout_seconds:g} s"
                )
                break
            stack.enter_context(caller)
            hello = _read(caller, _HELLO_SECONDS)
            if hello is None or "index" not in hello:
                continue  # a stranger, such as a port scanner
            callers.append(caller)
            problem = _objection(hello, count, waiting)
            waiting.discard(hello["index"])
        for caller in callers:
            _send(caller, {"problem": problem})
        for caller in callers:
            # Who closes first keeps the port busy for a minute: let it be the others.
            _read(caller, _HELLO_SECONDS)
    return problem


def _objection(hello: Mapping[str, Any], count: int, waiting: set[int]) -> str | None:
    index = hello["index"]
    if hello.get("count") != count:
        return (
            f"process {index} was told that there are {hello.get('count')} processes, "
            f"process 0 that there are {count}"
        )
    return None if index in waiting else f"two processes have the number {index}"


def _report(
    coordinator: str, count: int, index: int, deadline: float, timeout_seconds: float
) -> str | None:
    """Every other process: reports to process 0 and takes its answer."""
    peer = _dial(coordinator, deadline)
    if isinstance(peer, OSError):
        return (
            f"process 0 cannot be reached at {coordinator} within {timeout_seconds:g} s "
            f"({_reason(peer)}); check the address, and that process 0 was started"
        )
    with peer:
        _send(peer, {"index": index, "count": count})
        answer = _read(peer, max(deadline - time.monotonic(), 0.0) + _HELLO_SECONDS)
    if answer is None or "problem" not in answer:
        return (
            f"{coordinator} did not answer process {index} as process 0 of this run; it "
            "may be complete already, or another program has that port"
        )
    return answer["problem"]


def _listen(coordinator: str) -> socket.socket:
    host, port = split_address(coordinator)
    try:
        if host in LOOPBACK:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, port), family=family)
        if socket.has_dualstack_ipv6():
            return socket.create_server(
                ("", port), family=socket.AF_INET6, dualstack_ipv6=True
            )
        return socket.create_server(("", port))
    except OSError as error:
        raise StartupError(
            f"process 0 cannot listen at {coordinator} ({_reason(error)}); free the port "
            "or choose another"
        ) from error


def _accept(server: socket.socket, deadline: float) -> socket.socket | None:
    server.settimeout(max(deadline - time.monotonic(), 0.001))
    try:
        return server.accept()[0]
    except TimeoutError:
        return None


def _dial(coordinator: str, deadline: float) -> socket.socket | OSError:
    """A connection to process 0, which may start later than we do."""
    while True:
        remaining = max(deadline - time.monotonic(), 0.001)
        try:
            peer = socket.create_connection(split_address(coordinator), timeout=remaining)
        except OSError as error:
            if time.monotonic() >= deadline:
                return error
        else:
            # A port of this machine that nobody listens at can be connected to itself.
            if peer.getsockname() != peer.getpeername():
                return peer
            peer.close()
        time.sleep(_RETRY_SECONDS)


def _send(peer: socket.socket, message: Mapping[str, Any]) -> None:
    try:
        peer.sendall(json.dumps(message).encode() + b"\n")
    except OSError:
        return  # it has gone; the next step of the start-up will say so


def _read(peer: socket.socket, seconds: float) -> dict[str, Any] | None:
    """One message; None if the other side closes, is silent, or talks something else."""
    peer.settimeout(max(seconds, 0.001))
    try:
        with peer.makefile("rb") as stream:
            message = json.loads(stream.readline(512))
    except (OSError, ValueError):
        return None
    return message if isinstance(message, dict) else None


def _reason(error: OSError) -> str:
    """The system's words alone: Python adds the address to some errors."""
    if isinstance(error, socket.gaierror) or error.errno is None:
        return error.strerror or str(error)
    return os.strerror(error.errno)


def _numbers(waiting: set[int]) -> str:
    """The first few of a set of numbers, as text."""
    shown = ", ".join(str(i) for i in sorted(waiting)[:8])
    return shown + (f" and {len(waiting) - 8} more" if len(waiting) > 8 else "")


def split_address(coordinator: str) -> tuple[str, int]:
    """Host and port of "host:port" or "[host]:port", as a pair."""
    host, _, port = coordinator.rpartition(":")
    return host.strip("[]"), int(port)
