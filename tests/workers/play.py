"""Plays the game of `test_execution_modes` in this run's processes: `play.py FOLDER`.

Process 0 leaves FOLDER/MODE.npz behind: state and metrics by path.
"""

import pathlib
import sys

import jax
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from gan_jax import parallel
from gan_jax.distributed import abort_on_fatal, initialize

FOLDER = pathlib.Path(sys.argv[1])


def main(processes):
    from test_execution_modes import BATCH, flat, game, play

    mesh = parallel.make_mesh()
    assert (jax.process_count(), jax.device_count()) == (2, 4)
    own = slice(8 * processes.process_id, 8 * processes.process_id + 8)
    assert parallel.process_rows(mesh, BATCH) == own
    for mode in ("jit", "shard_map"):
        played = play(game(), mode, mesh)
        if processes.process_id == 0:
            np.savez(FOLDER / f"{mode}.npz", **flat(played))


if __name__ == "__main__":
    here = initialize(
        heartbeat_timeout_seconds=10,
        initialization_timeout_seconds=60,
        shutdown_timeout_seconds=15,
    )
    with abort_on_fatal(here):
        main(here)
