"""Where the page is served, and what is said of mistakes before it is."""

from __future__ import annotations

import importlib
import socket

import pytest

from gan_jax.errors import UserError
from gan_jax.explorer import explore, serve


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.7", False),
        ("example.org", False),
    ],
)
def test_which_hosts_only_this_machine_reaches(host, alone):
    assert serve.is_loopback(host) == alone


def test_a_free_port_and_a_taken_one():
    with serve.listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert serve.address(listener) == f"http://127.0.0.1:{port}"
        with pytest.raises(UserError, match=f"port {port} of 127.0.0.1 is taken; .*--port"):
            serve.listen("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port", "said"),
    [
        ("127.0.0.1", 65536, "--port must lie between 0 and 65535, got 65536"),
        ("192.0.2.1", 0, "cannot listen at 192.0.2.1:0: "),
    ],
)
def test_where_nobody_can_listen(host, port, said):
    with pytest.raises(UserError, match=said):
        serve.listen(host, port)


@pytest.fixture
def served(monkeypatch):
    """What was to be served; nothing is."""
    calls = []

    def run(explorer, listener, loopback):
        assert isinstance(listener, socket.socket)
        calls.append((explorer.newest_step, loopback))

    monkeypatch.setattr(serve, "_run", run)
    monkeypatch.setattr(serve, "require_nicegui", lambda: None)
    return calls


def test_it_says_where_the_page_is(workdir, served, capsys, caplog):
    assert explore(workdir, port=0) == 0
    assert served == [(12, True)]
    said = capsys.readouterr().out
    assert said.startswith(f"exploring {workdir} at http://127.0.0.1:")
    assert not caplog.messages


def test_another_host_is_warned_of(workdir, served, caplog):
    assert explore(workdir, host="0.0.0.0", port=0) == 0
    assert served == [(12, False)]
    (warning,) = caplog.messages
    assert warning.startswith("anybody who can reach 0.0.0.0 can use the page")


def test_there_is_no_page_without_a_run(tmp_path, served):
    with pytest.raises(UserError, match=r"config\.json"):
        explore(tmp_path / "nowhere", port=0)
    assert served == []


def test_the_library_of_the_page_is_asked_for(monkeypatch, workdir):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(UserError, match=r"needs NiceGUI: pip install 'gan-jax\[explore\]'"):
        explore(workdir, port=0)
