"""Files that are either whole or absent."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def write_atomic(path: str | Path, content: bytes) -> None:
    """Writes a file through a temporary one beside it, so that readers and crashes never
    see half of it.

    Args:
        path: the file; its folder is made if missing.
        content: its bytes.

    Raises:
        OSError: the disk is full or the folder cannot be written; the old file is kept.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    own = f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp"
    temporary = path.with_name(own)
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
