"""Being asked to stop: by SIGTERM (pods, schedulers) or by Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
from jax.experimental import multihost_utils


class StopRequest:
    """Whether the run was asked to stop, agreed between processes."""

    def __init__(self) -> None:
        self._asked = False

    def note(self, number: int, frame: Any) -> None:
        """Signal handler: remembers; a second signal of the kind acts as usual."""
        del frame
        self._asked = True
        signal.signal(number, signal.SIG_DFL)

    def reached(self, number: int) -> bool:
        """Whether the run is to save and leave now.

        With several processes JAX's own service has the handler, and answers all of them
        alike at one number that none has passed. It waits for that very number, so none may
        be left out.

        Args:
            number: of dispatches done, the same in every process.
        """
        if jax.process_count() > 1:
            return bool(multihost_utils.reached_preemption_sync_point(number))
        return self._asked


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Catches SIGTERM and SIGINT for the length of a run of one process."""
    request = StopRequest()
    if jax.process_count() > 1:
        yield request
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, request.note) for number in numbers}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
