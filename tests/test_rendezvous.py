"""How processes find each other: threads stand in for processes."""

import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from gan_jax.errors import UserError
from gan_jax.rendezvous import StartupError, meet, split_address


def _address():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def _meet_all(address, callers, seconds=5.0):
    """What each of `callers`, pairs (count, index), is told: None or the error's text."""

    def one(caller):
        try:
            meet(address, *caller, seconds)
        except StartupError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(len(callers)) as pool:
        return list(pool.map(one, callers))


def test_everybody_meets_in_any_order():
    address = _address()
    assert _meet_all(address, [(4, 3), (4, 1), (4, 0), (4, 2)]) == [None] * 4
    # The port is free at once: JAX's own service listens there next.
    with socket.create_server(split_address(address)):
        pass


def test_disagreement_about_the_number_reaches_everybody():
    told = _meet_all(_address(), [(2, 0), (3, 2)])
    expected = "process 2 was told that there are 3 processes, process 0 that there are 2"
    assert told == [expected, expected]


def test_two_processes_of_one_number_are_noticed():
    address = _address()
    told = _meet_all(address, [(3, 0), (3, 1), (3, 1)])
    assert told == ["two processes have the number 1"] * 3


def test_missing_processes_are_named():
    address = _address()
    told = _meet_all(address, [(4, 0), (4, 2)], seconds=0.5)
    expected = f"of 4 processes, number 1, 3 did not come to {address} within 0.5 s"
    assert told == [expected, expected]


def test_many_missing_processes_are_counted():
    address = _address()
    (told,) = _meet_all(address, [(20, 0)], seconds=0.1)
    assert "number 1, 2, 3, 4, 5, 6, 7, 8 and 11 more did not come" in told


def test_an_absent_coordinator_is_named():
    address = _address()
    (told,) = _meet_all(address, [(2, 1)], seconds=0.3)
    assert told == (
        f"process 0 cannot be reached at {address} within 0.3 s (Connection refused); "
        "check the address, and that process 0 was started"
    )


def test_an_unknown_host_is_named():
    (told,) = _meet_all("no-such-host.invalid:1234", [(2, 1)], seconds=0.1)
    assert told.startswith(
        "process 0 cannot be reached at no-such-host.invalid:1234 within"
    )


def test_a_port_in_use_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        (told,) = _meet_all(address, [(2, 0)])
    assert told == (
        f"process 0 cannot listen at {address} (Address already in use); free the port or "
        "choose another"
    )


def test_another_service_at_the_address_is_not_taken_for_ours():
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        answer = pool.submit(_meet_all, address, [(2, 1)])
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"SSH-2.0\r\n")
        (told,) = answer.result()
    assert told.startswith(f"{address} did not answer process 1 as process 0 of this run")


@pytest.mark.parametrize(
    "noise", [b"", b"GET / HTTP/1.0\r\n\r\n", b"[1]\n", b"{}\n", b"\xff\n"]
)
def test_strangers_are_ignored(noise):
    address = _address()
    with ThreadPoolExecutor(1) as pool:
        host = pool.submit(_meet_all, address, [(2, 0)])
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                stranger = socket.create_connection(split_address(address))
                break
        with stranger:
            stranger.sendall(noise)
        assert _meet_all(address, [(2, 1)]) == [None]
        assert host.result() == [None]


def test_the_errors_are_a_users_to_mend():
    assert issubclass(StartupError, UserError)


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("host:80", ("host", 80)),
        ("10.0.0.1:8476", ("10.0.0.1", 8476)),
        ("[::1]:9", ("::1", 9)),
    ],
)
def test_split_address(text, pair):
    assert split_address(text) == pair
