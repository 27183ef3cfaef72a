"""Keeps Orbax's own tracebacks off the screen: what goes wrong is reported in one line."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class _NotFromOrbax(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return "/orbax/" not in record.pathname.replace("\\", "/")


@contextmanager
def quiet_orbax() -> Iterator[None]:
    """Drops what Orbax logs, from any thread, while the body runs."""
    logger = logging.getLogger("absl")
    own = _NotFromOrbax()  # one per use, so that uses may overlap
    logger.addFilter(own)
    try:
        yield
    finally:
        logger.removeFilter(own)
