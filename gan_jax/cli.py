"""The command line: `gan-jax VERB --flags`, also `python -m gan_jax VERB --flags`."""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
from collections.abc import Sequence

from absl import flags

from gan_jax.config import choose
from gan_jax.errors import UserError
from gan_jax.verbs import VERBS


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: program name, verb, flags; `sys.argv` if None.

    Returns:
        The exit code: 0 if all went well, 2 for a mistake that a person can mend, which is
        printed as one line.
    """
    argv = list(sys.argv if argv is None else argv)
    # Worker processes of the data pipeline insist on parsed global flags.
    flags.FLAGS(argv[:1])
    logging.basicConfig(format="gan-jax: %(message)s")
    logging.getLogger("gan_jax").setLevel(logging.INFO)
    # It warns of every number that is not finite; the guard rules do so in one line.
    logging.getLogger("tensorboardX").setLevel(logging.ERROR)
    try:
        status = _dispatch(argv)
        sys.stdout.flush()
        return status
    except UserError as error:
        return _complain(error, 2)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; nothing is left to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        where = f" ({error.filename})" if error.filename else ""
        return _complain(f"{error.strerror}{where}; make room and start again", 2)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)


def _complain(message: object, status: int) -> int:
    print(f"gan-jax: {message}", file=sys.stderr)
    return status


def _dispatch(argv: list[str]) -> int:
    if len(argv) < 2 or argv[1] in ("-h", "--help", "help"):
        print(_help())
        return 0
    return choose("command", argv[1], VERBS).run(argv[2:])


def _help() -> str:
    lines = [f"  {name:<14} {verb.summary}" for name, verb in VERBS.items()]
    return "\n".join(
        [
            "gan-jax VERB --flags",
            "",
            *lines,
            "",
            "gan-jax VERB --help lists the flags of a verb.",
        ]
    )


def entry() -> None:
    """The console script."""
    sys.exit(main())
