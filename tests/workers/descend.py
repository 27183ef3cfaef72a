"""Runs the algorithm of `parallel/test_steps` in this run's processes: `descend.py FOLDER`.

Process 0 leaves FOLDER/MODE.npz behind, the state of every mode. Also checks what
only several processes can get wrong.
"""

import pathlib
import sys

import jax
import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "parallel"))

from gan_jax import parallel
from gan_jax.distributed import abort_on_fatal, initialize

FOLDER = pathlib.Path(sys.argv[1])


def main(processes):
    from test_steps import MAKERS, Descent, data_of, run

    mesh = parallel.make_mesh()
    states = {mode: run(mode, mesh, data_of())[0] for mode in MAKERS}
    abstract = jax.eval_shape(Descent.init, jax.random.key(1))
    rules = [parallel.fsdp(min_elements=1)]
    shardings = parallel.state_shardings(mesh, abstract, rules)
    states["fsdp"] = run("jit", mesh, data_of(), shardings)[0]
    check_refusals(mesh, processes.process_id)
    for name, state in states.items():
        state.pop("key")
        if processes.process_id == 0:
            np.savez(FOLDER / f"{name}.npz", **state)


def check_refusals(mesh, own):
    different = {"w": np.full(3, own, np.float32)}
    with pytest.raises(RuntimeError, match=r"processes \[1\] hold another state"):
        parallel.global_from_host(mesh, different)
    with pytest.raises(ValueError, match="uses 2 of 4 devices"):
        parallel.make_mesh(shape={"data": 2})


if __name__ == "__main__":
    here = initialize(
        heartbeat_timeout_seconds=10,
        initialization_timeout_seconds=60,
        shutdown_timeout_seconds=15,
    )
    with abort_on_fatal(here):
        main(here)
