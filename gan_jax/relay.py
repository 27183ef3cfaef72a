"""The output of several processes as one, every line under the number of its process."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import IO

_LONGEST_LINE = 1 << 16


@dataclass
class Stream:
    """One stream of one process, on its way to ours."""

    source: IO[bytes]
    target: IO[bytes]
    prefix: bytes
    pending: bytes = b""

    def feed(self, data: bytes) -> None:
        """Writes the lines that are complete, and ones that never end."""
        *lines, self.pending = (self.pending + data).split(b"\n")
        if len(self.pending) > _LONGEST_LINE:
            lines, self.pending = [*lines, self.pending], b""
        self.target.write(b"".join(self.prefix + line + b"\n" for line in lines))
        self.target.flush()

    def end(self) -> None:
        """Writes what is left without a line's end."""
        if self.pending:
            self.feed(b"\n")


class Relay:
    """Passes the output of the processes on, line by line, under their numbers."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def watch(self, index: int, process: subprocess.Popen[bytes]) -> None:
        """Follows both streams of a process, if they are piped to us."""
        pairs = (
            (process.stdout, sys.stdout.buffer),
            (process.stderr, sys.stderr.buffer),
        )
        for pipe, target in pairs:
            if pipe is not None:
                prefix = f"[{index}] ".encode()
                stream = Stream(pipe, target, prefix)
                self._selector.register(pipe, selectors.EVENT_READ, stream)

    def pump(self, seconds: float) -> bool:
        """Passes on what has come, waiting for it so long; whether anything came."""
        if not self._selector.get_map():
            time.sleep(seconds)
            return False
        ready = self._selector.select(seconds)
        for key, _ in ready:
            data = os.read(key.fd, 1 << 16)
            if data:
                key.data.feed(data)
            else:
                self._finish(key)
        return bool(ready)

    def close(self) -> None:
        """Passes on the rest; does not wait for strangers that hold a stream open."""
        while self.pump(0.0):
            pass
        for key in list(self._selector.get_map().values()):
            self._finish(key)
        self._selector.close()

    def _finish(self, key: selectors.SelectorKey) -> None:
        self._selector.unregister(key.fileobj)
        key.data.end()
        key.data.source.close()
