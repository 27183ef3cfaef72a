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
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn

import jax
import numpy as np
from jax.experimental import multihost_utils

from gan_jax.errors import UserError
from gan_jax.rendezvous import LOOPBACK, StartupError, meet, split_address

COORDINATOR = "GAN_JAX_COORDINATOR"
"""Environment: "host:port" at which process 0 listens."""
NUM_PROCESSES = "GAN_JAX_NUM_PROCESSES"
"""Environment: number of processes."""
PROCESS_ID = "GAN_JAX_PROCESS_ID"
"""Environment: number of this process, from 0."""
LOCAL_DEVICES = "GAN_JAX_LOCAL_DEVICES"
"""Environment: comma-separated numbers of the GPUs this process may use."""
USER_ERROR_STATUS = 2
"""Exit status of a mistake that a person must mend: starting again would not help."""


class Processes(NamedTuple):
    """The processes of a run.

    Attributes:
        process_id: number of this process, from 0; process 0 writes the files.
        num_processes: number of processes.
        coordinator: "host:port" of process 0; None where JAX chose it, or with one process.
        found_by: "single", "address", "environment", "cluster" or "caller".
    """

    process_id: int
    num_processes: int
    coordinator: str | None
    found_by: str


class _Address(NamedTuple):
    coordinator: str
    num_processes: int
    process_id: int
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
    if address is not None and address.num_processes > 1:
        return _connect(address, timeouts)
    if address is None and _in_cluster(os.environ):
        return _connect_cluster(timeouts)
    return Processes(0, 1, None, "single")


# Explicit addresses.


def _find_address(
    coordinator: str | None,
    num_processes: int | None,
    process_id: int | None,
    environ: Mapping[str, str],
) -> _Address | None:
    """The address from arguments, or else from the environment; None if there is none."""
    arguments = (coordinator, num_processes, process_id)
    if any(value is not None for value in arguments):
        names = ("coordinator", "num_processes", "process_id")
        return _address(names, arguments, "address")
    names = (COORDINATOR, NUM_PROCESSES, PROCESS_ID)
    if any(environ.get(name) for name in names):
        return _address(
            names, tuple(environ.get(name) or None for name in names), "environment"
        )
    return None


def _address(
    names: tuple[str, str, str], values: tuple[Any, ...], found_by: str
) -> _Address:
    where, count, own = values
    if where is None and own is None and _whole(count, names[1]) == 1:
        return _Address("", 1, 0, found_by)
    missing = [name for name, value in zip(names, values, strict=True) if value is None]
    if missing:
        raise StartupError(
            f"{', '.join(names)} go together; {', '.join(missing)} is missing"
        )
    address = _Address(where, _whole(count, names[1]), _whole(own, names[2]), found_by)
    _check_address(address)
    return address


def _whole(value: Any, name: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise StartupError(f"{name} must be a whole number, got {value!r}") from None


def _check_address(address: _Address) -> None:
    host, _, port = address.coordinator.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise StartupError(
            f"the coordinator must be given as host:port, got {address.coordinator!r}"
        )
    if address.num_processes < 1 or not 0 <= address.process_id < address.num_processes:
        raise StartupError(
            f"process {address.process_id} of {address.num_processes} does not exist; "
            "they are numbered from 0"
        )


def _connect(address: _Address, timeouts: _Timeouts) -> Processes:
    meet(
        address.coordinator,
        address.num_processes,
        address.process_id,
        timeouts.initialization,
    )
    host, port = split_address(address.coordinator)
    devices = os.environ.get(LOCAL_DEVICES)
    jax.distributed.initialize(
        address.coordinator,
        address.num_processes,
        address.process_id,
        local_device_ids=None if not devices else [int(i) for i in devices.split(",")],
        cluster_detection_method="deactivate",
        # A run on one machine is not offered to the network.
        coordinator_bind_address=f"{host}:{port}" if host in LOOPBACK else None,
        initialization_timeout=timeouts.initialization,
        heartbeat_timeout_seconds=timeouts.heartbeat,
        shutdown_timeout_seconds=timeouts.shutdown,
    )
    return Processes(
        address.process_id, address.num_processes, address.coordinator, address.found_by
    )


# Clusters.


def _in_cluster(environ: Mapping[str, str]) -> bool:
    return _in_slurm(environ) or _in_open_mpi(environ) or _on_tpu_pod(environ)


def _in_slurm(environ: Mapping[str, str]) -> bool:
    """Inside `srun` with several tasks; an interactive shell or one task is no cluster."""
    names = ("SLURM_JOB_ID", "SLURM_STEP_NODELIST", "SLURM_PROCID", "SLURM_LOCALID")
    return all(name in environ for name in names) and _several(environ.get("SLURM_NTASKS"))


def _in_open_mpi(environ: Mapping[str, str]) -> bool:
    return "OMPI_MCA_orte_hnp_uri" in environ and _several(
        environ.get("OMPI_COMM_WORLD_SIZE")
    )


def _several(count: str | None) -> bool:
    return count is not None and count.isdigit() and int(count) > 1


def _on_tpu_pod(environ: Mapping[str, str]) -> bool:
    """On a TPU machine that has, or may have, companions."""
    if not _may_use_tpu():
        return False
    if "TPU_LIBRARY_PATH" not in environ and importlib.util.find_spec("libtpu") is None:
        return False
    if not glob.glob("/dev/accel[0-9]*") and not glob.glob("/dev/vfio/[0-9]*"):
        return False
    if "MEGASCALE_COORDINATOR_ADDRESS" in environ:
        return True
    hosts = environ.get("TPU_PROCESS_ADDRESSES") or environ.get("TPU_WORKER_HOSTNAMES")
    if hosts:
        return "," in hosts
    return "TPU_SKIP_MDS_QUERY" not in environ  # the cloud's metadata server knows


def _may_use_tpu() -> bool:
    platforms = getattr(jax.config, "jax_platforms", None)
    return not platforms or "tpu" in platforms.split(",")


def _connect_cluster(timeouts: _Timeouts) -> Processes:
    try:
        jax.distributed.initialize(
            initialization_timeout=timeouts.initialization,
            heartbeat_timeout_seconds=timeouts.heartbeat,
            shutdown_timeout_seconds=timeouts.shutdown,
        )
    except (RuntimeError, ValueError, OSError, ImportError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise StartupError(
            f"the processes of this cluster could not be connected ({reason[0]}); give "
            f"{COORDINATOR}, {NUM_PROCESSES} and {PROCESS_ID}, or {NUM_PROCESSES}=1 alone"
        ) from error
    return Processes(jax.process_index(), jax.process_count(), None, "cluster")


def from_first_process(value: Any) -> Any:
    """A JSON value of process 0, in all processes; a collective."""
    if jax.process_count() == 1:
        return value
    text = np.frombuffer(json.dumps(value).encode(), np.uint8)
    size = int(multihost_utils.broadcast_one_to_all(np.int32(text.size)))
    padded = np.zeros(size, np.uint8)
    padded[: text.size] = text[:size]
    return json.loads(bytes(multihost_utils.broadcast_one_to_all(padded)))


# The end.


def _print_error(error: BaseException) -> None:
    traceback.print_exception(error)


@contextmanager
def abort_on_fatal(
    processes: Processes, report: Callable[[BaseException], None] = _print_error
) -> Iterator[None]:
    """Ends the process at once when its body fails, in a run of several processes.

    Otherwise it would wait at its exit, in a barrier, for peers that wait for it in a
    collective. With one process, and for `sys.exit(0)`, exceptions pass as usual.

    Args:
        processes: as of `initialize`.
        report: tells the user what happened; default: the traceback on standard error.
    """
    try:
        yield
    except BaseException as error:
        clean = isinstance(error, SystemExit) and not error.code
        if processes.num_processes == 1 or clean:
            raise
        try:
            report(error)
        finally:
            _leave(_status(error))


def _status(error: BaseException) -> int:
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return error.code
    if isinstance(error, UserError):
        return USER_ERROR_STATUS
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def _leave(status: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)
