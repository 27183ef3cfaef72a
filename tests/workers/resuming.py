"""A run of JAX processes that continues from its checkpoint: `resuming.py HOW FOLDER`.

Each of ten steps replaces w by 0.5 w + sum of the global batch, whose rows are the step.
At step 4 of the first attempt process 1 fails: HOW is "kill" or "raise".
"""

import os
import pathlib
import signal
import sys

import jax
import numpy as np

from gan_jax import parallel
from gan_jax.distributed import abort_on_fatal, initialize

STEPS, ROWS = 10, 8
HOW, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])


class Toy:
    @staticmethod
    def init(key):
        return {"w": jax.random.key_data(key).sum().astype("float32"), "step": np.int32(0)}

    @staticmethod
    def step(state, batch):
        w = 0.5 * state["w"] + batch["x"].sum()
        return {"w": w, "step": state["step"] + 1}, {"w": w}


def restore(mesh):
    file = FOLDER / "state.npz"
    if not file.exists():
        return parallel.init_state(Toy, jax.random.key(5), mesh)
    with np.load(file, allow_pickle=False) as saved:
        return parallel.global_from_host(mesh, dict(saved))


def save(state):
    temporary = FOLDER / "temporary.npz"
    np.savez(temporary, **state)
    temporary.rename(FOLDER / "state.npz")


def fail():
    (FOLDER / "failed").touch()
    if HOW == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise RuntimeError("the data of process 1 ran out")


def train(processes):
    mesh = parallel.make_mesh()
    state = restore(mesh)
    step = parallel.jit_step(Toy, mesh)
    rows = parallel.process_rows(mesh, ROWS)
    for number in range(int(state["step"]), STEPS):
        if number == 4 and processes.process_id == 1 and not (FOLDER / "failed").exists():
            fail()
        x = np.full((1, ROWS), number, np.float32)
        state, metrics = step(state, parallel.shard_batch(mesh, {"x": x[:, rows]}))
        host = parallel.to_host(state)
        if processes.process_id == 0:
            save(host)
        print(f"step {number + 1} of {STEPS}: w = {float(metrics['w'])}", flush=True)


if __name__ == "__main__":
    here = initialize(
        heartbeat_timeout_seconds=10,
        initialization_timeout_seconds=60,
        shutdown_timeout_seconds=5,
    )
    with abort_on_fatal(here):
        train(here)
