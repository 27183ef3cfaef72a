"""Serving the explorer's page on this machine."""

from __future__ import annotations

import contextlib
import errno
import importlib
import ipaddress
import logging
import socket
from pathlib import Path
from typing import Any

from gan_jax.errors import UserError
from gan_jax.explorer.session import Explorer

_LOG = logging.getLogger(__name__)
# The page's program compiles its templates. Whatever it may hold, nothing is fetched from
# other hosts.
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "form-action 'self'; frame-ancestors 'self'"
)


def explore(workdir: str | Path, *, host: str = "127.0.0.1", port: int = 7860) -> int:
    """Serves a page to look at a run, until it is interrupted.

    Args:
        workdir: of the run, which may be alive.
        host: address to listen at; by default only this machine can reach it.
        port: 0 takes a free one.

    Returns:
        The exit code.

    Raises:
        UserError: there is no run or no checkpoint, the port is taken, or the library of
            the page is not installed.
    """
    require_nicegui()
    with listen(host, port) as listener:
        explorer = Explorer(workdir)
        if not is_loopback(host):
            _LOG.warning(
                "anybody who can reach %s can use the page, see the run's training images "
                "and keep this machine busy",
                host,
            )
        print(f"exploring {workdir} at {address(listener)} (Ctrl-C ends it)", flush=True)
        _run(explorer, listener, is_loopback(host))
    return 0


def require_nicegui() -> Any:
    """The library of the page.

    Raises:
        UserError: it is not installed.
    """
    try:
        return importlib.import_module("nicegui")
    except ModuleNotFoundError as error:
        raise UserError(
            "the explorer needs NiceGUI: pip install 'gan-jax[explore]'"
        ) from error


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        UserError: the port is taken, or the host is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OverflowError:
        raise UserError(f"--port must lie between 0 and 65535, got {port}") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(
                f"port {port} of {host} is taken; choose another by --port, or a free one "
                "by --port=0"
            ) from None
        raise UserError(f"cannot listen at {host}:{port}: {error.strerror}") from None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def address(listener: socket.socket) -> str:
    """Where a browser finds a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _run(explorer: Explorer, listener: socket.socket, loopback: bool) -> None:
    """Answers requests until SIGINT or SIGTERM."""
    import uvicorn

    # Open tabs keep a connection for as long as they are there.
    settings = uvicorn.Config(
        _application(explorer, loopback), log_level="warning", timeout_graceful_shutdown=1
    )
    # The server ends when it is interrupted, and then passes on why.
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(settings).run(sockets=[listener])


def _application(explorer: Explorer, loopback: bool) -> Any:
    from fastapi import FastAPI, Request, Response
    from nicegui import app, ui
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from gan_jax.explorer.page import FAVICON, build

    application = FastAPI(openapi_url=None)

    @application.middleware("http")
    async def own_host_only(request: Request, go_on: Any) -> Response:
        response: Response = await go_on(request)
        response.headers["Content-Security-Policy"] = _POLICY
        return response

    if loopback:
        # No page elsewhere can reach this one under a name of its own.
        hosts = ["localhost", "127.0.0.1", "[::1]"]
        application.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts)

    @ui.page("/")
    def page() -> None:
        build(explorer)

    app.on_shutdown(explorer.close)
    title = f"{explorer.path.resolve().name} · gan-jax explore"
    ui.run_with(application, title=title, favicon=FAVICON, show_welcome_message=False)
    return application
