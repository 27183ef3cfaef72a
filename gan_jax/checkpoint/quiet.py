"""Keeps Orbax's own tracebacks off the screen: what goes wrong is reported in one line."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class _NotFromOrbax(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return "/orbax/" not in record.pathname.replace("\\", "/")


class _NotAnEcho(logging.Filter):
    """Drops what asyncio says of the further writes that failed along with the first."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return "OCDBT database" not in str(error)


_ECHO = _NotAnEcho()


@contextmanager
def quiet_orbax() -> Iterator[None]:
    """Drops what Orbax logs, from any thread, while the body runs."""
    _ignore_closed_loops()
    logging.getLogger("asyncio").addFilter(_ECHO)  # for good: echoes come when they like
    logger = logging.getLogger("absl")
    own = _NotFromOrbax()  # one per use, so that uses may overlap
    logger.addFilter(own)
    try:
        yield
    finally:
        logger.removeFilter(own)


def join_orbax_threads(timeout: float = 60.0) -> None:
    """Waits for Orbax's threads. After the first failed write Orbax returns at once, while
    its other threads still write.

    Args:
        timeout: seconds to wait for each.
    """
    for thread in threading.enumerate():
        module = type(thread).__module__
        if module.startswith("orbax.") and thread is not threading.current_thread():
            threading.Thread.join(thread, timeout)  # Orbax's own join raises its error


def _ignore_closed_loops() -> None:
    """Drops the tracebacks that TensorStore prints for transfers which end after Orbax has
    closed its event loop, as it does at the first failure. They say nothing new and may
    come long after, so this is for good.
    """
    if getattr(sys.unraisablehook, "ignores_closed_loops", False):
        return
    before: Callable[[Any], Any] = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        kind, error = unraisable.exc_type, unraisable.exc_value
        if not (kind is RuntimeError and str(error) == "Event loop is closed"):
            before(unraisable)

    hook.ignores_closed_loops = True  # type: ignore[attr-defined]
    sys.unraisablehook = hook
