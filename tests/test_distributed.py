"""Start-up: where the address of a run comes from, and how a failing process ends."""

import glob
import importlib.util

import jax
import pytest

from gan_jax import distributed
from gan_jax.distributed import Processes, StartupError, abort_on_fatal, initialize
from gan_jax.errors import UserError

ENVIRONMENT = {
    "GAN_JAX_COORDINATOR": "host0:8476",
    "GAN_JAX_NUM_PROCESSES": "4",
    "GAN_JAX_PROCESS_ID": "2",
}
SLURM = {
    "SLURM_JOB_ID": "77",
    "SLURM_STEP_NODELIST": "node[001-002]",
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "0",
    "SLURM_NTASKS": "2",
}
OPEN_MPI = {"OMPI_MCA_orte_hnp_uri": "1;tcp://10.0.0.1:99", "OMPI_COMM_WORLD_SIZE": "2"}


@pytest.fixture
def environ(monkeypatch):
    """An environment without a cluster, to be filled."""
    environ = {}
    monkeypatch.setattr(distributed.os, "environ", environ)
    return environ


@pytest.fixture
def connected(monkeypatch):
    """Records connections instead of making them."""
    calls = []
    monkeypatch.setattr(distributed, "meet", lambda *args: calls.append(("meet", *args)))
    monkeypatch.setattr(
        jax.distributed, "initialize", lambda *args, **kwargs: calls.append((args, kwargs))
    )
    return calls


def test_one_process_starts_nothing(environ, connected):
    assert initialize() == Processes(0, 1, None, "single")
    assert connected == []


def test_arguments_come_first(environ, connected):
    environ.update(ENVIRONMENT, **SLURM)
    processes = initialize("127.0.0.1:99", 3, 1, initialization_timeout_seconds=7)
    assert processes == Processes(1, 3, "127.0.0.1:99", "address")
    meeting, (args, options) = connected
    assert meeting == ("meet", "127.0.0.1:99", 3, 1, 7)
    assert args == ("127.0.0.1:99", 3, 1)
    assert options == {
        "local_device_ids": None,
        "cluster_detection_method": "deactivate",
        "coordinator_bind_address": "127.0.0.1:99",
        "initialization_timeout": 7,
        "heartbeat_timeout_seconds": 100,
        "shutdown_timeout_seconds": 300,
    }


def test_environment_comes_before_the_cluster(environ, connected):
    environ.update(ENVIRONMENT, GAN_JAX_LOCAL_DEVICES="4,5", **SLURM)
    processes = initialize(heartbeat_timeout_seconds=10, shutdown_timeout_seconds=15)
    assert processes == Processes(2, 4, "host0:8476", "environment")
    _, (args, options) = connected
    assert args == ("host0:8476", 4, 2)
    assert options["local_device_ids"] == [4, 5]
    assert options["coordinator_bind_address"] is None
    assert options["heartbeat_timeout_seconds"] == 10
    assert options["shutdown_timeout_seconds"] == 15


@pytest.mark.parametrize("cluster", [SLURM, OPEN_MPI], ids=["slurm", "open_mpi"])
def test_clusters_are_left_to_jax(environ, connected, cluster):
    environ.update(cluster)
    processes = initialize(initialization_timeout_seconds=9)
    assert processes == Processes(0, 1, None, "cluster")
    ((args, options),) = connected
    assert args == ()
    assert options["initialization_timeout"] == 9


@pytest.mark.parametrize("cluster", [SLURM, OPEN_MPI], ids=["slurm", "open_mpi"])
def test_a_single_process_can_be_asked_for(environ, connected, cluster):
    environ.update(cluster)
    assert initialize(num_processes=1).found_by == "single"
    environ["GAN_JAX_NUM_PROCESSES"] = "1"
    assert initialize().found_by == "single"
    assert connected == []


@pytest.mark.parametrize(
    "change", [{"SLURM_NTASKS": "1"}, {"SLURM_PROCID": None}, {"SLURM_STEP_NODELIST": None}]
)
def test_a_slurm_shell_or_single_task_is_no_cluster(environ, connected, change):
    merged = {**SLURM, **change}
    environ.update({name: value for name, value in merged.items() if value is not None})
    assert initialize().found_by == "single"
    assert connected == []


def test_a_cluster_that_fails_says_what_to_set(environ, monkeypatch):
    environ.update(SLURM)

    def fail(**_):
        raise RuntimeError("cannot resolve node001\nand a long story")

    monkeypatch.setattr(jax.distributed, "initialize", fail)
    with pytest.raises(StartupError) as caught:
        initialize()
    assert str(caught.value) == (
        "the processes of this cluster could not be connected (cannot resolve node001); "
        "give GAN_JAX_COORDINATOR, GAN_JAX_NUM_PROCESSES and GAN_JAX_PROCESS_ID, or "
        "GAN_JAX_NUM_PROCESSES=1 alone"
    )


TPU = {"TPU_LIBRARY_PATH": "/lib/libtpu.so"}


@pytest.mark.parametrize(
    ("variables", "chips", "platforms", "expected"),
    [
        (TPU, True, None, True),  # the metadata server will be asked
        (TPU | {"TPU_SKIP_MDS_QUERY": "1"}, True, None, False),
        (TPU | {"TPU_WORKER_HOSTNAMES": "a,b"}, True, None, True),
        (TPU | {"TPU_WORKER_HOSTNAMES": "a"}, True, None, False),
        (TPU | {"TPU_PROCESS_ADDRESSES": "a:1,b:1"}, True, "tpu,cpu", True),
        (
            TPU | {"TPU_WORKER_HOSTNAMES": "a", "MEGASCALE_COORDINATOR_ADDRESS": "c"},
            True,
            None,
            True,
        ),
        (TPU | {"TPU_WORKER_HOSTNAMES": "a,b"}, False, None, False),
        (TPU | {"TPU_WORKER_HOSTNAMES": "a,b"}, True, "cpu", False),
        ({"TPU_WORKER_HOSTNAMES": "a,b"}, True, None, False),
    ],
)
def test_tpu_pods(monkeypatch, variables, chips, platforms, expected):
    monkeypatch.setattr(glob, "glob", lambda pattern: ["/dev/accel0"] if chips else [])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    before = jax.config.jax_platforms
    try:
        jax.config.update("jax_platforms", platforms)
        assert distributed._on_tpu_pod(variables) is expected
    finally:
        jax.config.update("jax_platforms", before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("h:1", 2, None), "go together; process_id is missing"),
        ((None, 2, 0), "go together; coordinator is missing"),
        ((None, None, 0), "go together; coordinator, num_processes is missing"),
        (("h", 2, 0), "must be given as host:port, got 'h'"),
        (("h:port", 2, 0), "must be given as host:port, got 'h:port'"),
        ((":80", 2, 0), "must be given as host:port, got ':80'"),
        (("h:70000", 2, 0), "must be given as host:port, got 'h:70000'"),
        (("h:1", 2, 2), "process 2 of 2 does not exist; they are numbered from 0"),
        (("h:1", 2, -1), "process -1 of 2 does not exist"),
        (("h:1", 0, 0), "process 0 of 0 does not exist"),
        (("h:1", "many", 0), "num_processes must be a whole number, got 'many'"),
    ],
)
def test_wrong_addresses_are_refused_in_one_line(environ, connected, arguments, message):
    with pytest.raises(StartupError, match=message) as caught:
        initialize(*arguments)
    assert "\n" not in str(caught.value)
    assert connected == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"GAN_JAX_PROCESS_ID": ""}, "go together; GAN_JAX_PROCESS_ID is missing"),
        ({"GAN_JAX_NUM_PROCESSES": "x"}, "GAN_JAX_NUM_PROCESSES must be a whole number"),
        ({"GAN_JAX_PROCESS_ID": "4"}, "process 4 of 4 does not exist"),
    ],
)
def test_a_wrong_environment_is_refused(environ, connected, change, message):
    environ.update(ENVIRONMENT | change)
    with pytest.raises(StartupError, match=message):
        initialize()
    assert connected == []


class _Left(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def leaving(monkeypatch):
    def leave(status):
        raise _Left(status)

    monkeypatch.setattr(distributed, "_leave", leave)


TWO = Processes(1, 2, "h:1", "address")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("broken"), 1),
        (SystemExit(3), 3),
        (SystemExit("a text"), 1),
        (KeyboardInterrupt(), 130),
        (UserError("a wrong config"), 2),
    ],
)
def test_a_failing_process_of_several_leaves_at_once(leaving, error, status):
    reported = []
    with pytest.raises(_Left) as left, abort_on_fatal(TWO, reported.append):
        raise error
    assert left.value.args == (status,)
    assert reported == [error]


def test_the_default_report_is_the_traceback(leaving, capsys):
    with pytest.raises(_Left), abort_on_fatal(TWO):
        raise RuntimeError("broken")
    assert capsys.readouterr().err.endswith("RuntimeError: broken\n")


def test_a_report_that_fails_does_not_keep_the_process(leaving):
    def report(error):
        raise ValueError("no log")

    with pytest.raises(_Left), abort_on_fatal(TWO, report):
        raise RuntimeError("broken")


@pytest.mark.parametrize("code", [0, None])
def test_a_clean_exit_passes(leaving, code):
    with pytest.raises(SystemExit), abort_on_fatal(TWO):
        raise SystemExit(code)


def test_with_one_process_errors_pass(leaving):
    with (
        pytest.raises(RuntimeError, match="broken"),
        abort_on_fatal(initialize(num_processes=1)),
    ):
        raise RuntimeError("broken")
