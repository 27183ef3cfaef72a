"""Start-up of a run of several processes, and its end when something goes wrong.

`initialize` is called once, before anything touches a device, and does the right thing in
each of these places:

* **A TPU pod or slice.** Run the same command on every host, without further settings:
  `gcloud compute tpus tpu-vm ssh NAME --worker=all --command="gan-jax train ..."`, or one
  container per host on Kubernetes. JAX finds the other hosts by itself.
* **Slurm.** `srun --ntasks=8 gan-jax train ...`; JAX reads the addresses from Slurm, and
  gives each task of a node its own GPU. Open MPI's `mpirun` works in the same way.
* **One machine.** `gan-jax launch --processes 2 -- train ...` (see `gan_jax.launch`), which
  sets the variables below and restarts the run when a process dies.
* **Anywhere else, by explicit addresses.** On host number I of N, with any free port of
  host 0:

      GAN_JAX_COORDINATOR=host0:8476 GAN_JAX_NUM_PROCESSES=N GAN_JAX_PROCESS_ID=I \
          gan-jax train ...

  or the same as arguments of `initialize`. All processes need the same configuration, and
  a work directory that all of them can reach.

In all other cases there is one process and nothing is started. `GAN_JAX_NUM_PROCESSES=1`
says so where a cluster would be found, for independent runs in one Slurm job, say.

A process that dies takes the others along: its peers stop in their next collective, and
leave after `heartbeat_timeout_seconds` at the latest, sooner under the launcher. A process
that *raises* must not leave in the usual way, since JAX would keep it in a barrier with
peers that wait for it in a collective: `abort_on_fatal` is for that.
"""

from __future__ import annotations

import glob
import importlib.util
import json
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, NoReturn

import jax

COORDINATOR = "GAN_JAX_COORDINATOR"
"""Environment: "host:port" at which process 0 listens."""
NUM_PROCESSES = "GAN_JAX_NUM_PROCESSES"
"""Environment: number of processes."""
PROCESS_ID = "GAN_JAX_PROCESS_ID"
"""Environment: number of this process, from 0."""
LOCAL_DEVICES = "GAN_JAX_LOCAL_DEVICES"
"""Environment: comma-separated numbers of the GPUs this process may use."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HELLO_SECONDS = 5.0
_RETRY_SECONDS = 0.1


class StartupError(RuntimeError):
    """The processes of a run could not find each other, or disagree; one line says how."""


class Processes(NamedTuple):
    """The processes of a run.

    Attributes:
        index: number of this process, from 0; process 0 writes the files.
        count: number of processes.
        coordinator: "host:port" of process 0; None where JAX chose it, or with one process.
        found_by: "single", "address", "environment", "cluster" or "caller".
    """

    index: int
    count: int
    coordinator: str | None
    found_by: str


class _Address(NamedTuple):
    coordinator: str
    count: int
    index: int
    found_by: str


class _Timeouts(NamedTuple):
    heartbeat: int
    initialization: int
    shutdown: int


def initialize(
    coordinator: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    *,
    heartbeat_timeout_seconds: int = 100,
    initialization_timeout_seconds: int = 300,
    shutdown_timeout_seconds: int = 300,
) -> Processes:
    """Connects the processes of a run; with one process, does nothing.

    Call it before any use of a device. It looks, in this order, at its arguments, the
    environment variables of this module, and the cluster around it.

    Args:
        coordinator: "host:port" of process 0, reachable from all hosts.
        num_processes: number of processes; 1 forbids looking for a cluster.
        process_id: number of this process, 0 to num_processes - 1.
        heartbeat_timeout_seconds: after how long a silent process counts as dead.
        initialization_timeout_seconds: how long to wait for all processes.
        shutdown_timeout_seconds: how long a process that has ended waits for the others.

    Returns:
        Who this process is.

    Raises:
        StartupError: the address is wrong or unreachable, processes are missing, too many,
            or disagree about their number.
    """
    if jax.distributed.is_initialized():
        return Processes(jax.process_index(), jax.process_count(), None, "caller")
    timeouts = _Timeouts(
        heartbeat_timeout_seconds, initialization_timeout_seconds, shutdown_timeout_seconds
    )
    address = _find_address(coordinator, num_processes, process_id, os.environ)
    if address is not None and address.count > 1:
        return _connect(address, timeouts)
    if address is None and _in_cluster(os.environ):
        return _connect_cluster(timeouts)
    return Processes(0, 1, None, "single")


# Explicit addresses.


def _find_address(
    coordinator: str | None,
    count: int | None,
    index: int | None,
    environ: Mapping[str, str],
) -> _Address | None:
    """The address from arguments, or else from the environment; None if there is none."""
    given = {"coordinator": coordinator, "num_processes": count, "process_id": index}
    found_by = "address"
    if all(value is None for value in given.values()):
        names = (COORDINATOR, NUM_PROCESSES, PROCESS_ID)
        given = {name: environ.get(name) or None for name in names}
        found_by = "environment"
    where, number, own = given.values()
    names = tuple(given)
    if where is None and own is None and number is not None and _whole(number, names[1]) == 1:
        return _Address("", 1, 0, found_by)
    missing = [name for name, value in given.items() if value is None]
    if len(missing) == len(given):
        return None
    if where is None or number is None or own is None:
        raise StartupError(f"{', '.join(missing)} must be given too: {', '.join(names)} go together")
    address = _Address(str(where), _whole(number, names[1]), _whole(own, names[2]), found_by)
    _check_address(address)
    return address


def _whole(value: Any, name: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise StartupError(f"{name} must be a whole number, got {value!r}") from None


def _check_address(address: _Address) -> None:
    host, _, port = address.coordinator.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise StartupError(
            f"the coordinator must be given as host:port, got {address.coordinator!r}"
        )
    if address.count < 1 or not 0 <= address.index < address.count:
        raise StartupError(
            f"process number {address.index} of {address.count} does not exist; "
            "processes are numbered from 0"
        )


def _connect(address: _Address, timeouts: _Timeouts) -> Processes:
    rendezvous(address.coordinator, address.count, address.index, timeouts.initialization)
    host, port = _split(address.coordinator)
    devices = os.environ.get(LOCAL_DEVICES)
    jax.distributed.initialize(
        address.coordinator,
        address.count,
        address.index,
        local_device_ids=None if not devices else [int(i) for i in devices.split(",")],
        cluster_detection_method="deactivate",
        # A run on one machine is not offered to the network.
        coordinator_bind_address=f"{host}:{port}" if host in _LOOPBACK else None,
        initialization_timeout=timeouts.initialization,
        heartbeat_timeout_seconds=timeouts.heartbeat,
        shutdown_timeout_seconds=timeouts.shutdown,
    )
    return Processes(address.index, address.count, address.coordinator, address.found_by)


def _split(coordinator: str) -> tuple[str, int]:
    host, _, port = coordinator.rpartition(":")
    return host.strip("[]"), int(port)
