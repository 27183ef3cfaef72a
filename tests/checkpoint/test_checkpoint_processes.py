"""Two processes, one checkpoint: written together, read by any number."""

import socket
import subprocess
import sys
import textwrap

import jax
import numpy as np

from gan_jax.checkpoint import latest_digest, load, saved_steps, state_digest

_WORKER = """
    import os, sys, traceback
    import jax, jax.numpy as jnp, numpy as np
    from jax.sharding import NamedSharding, PartitionSpec as P
    from gan_jax.checkpoint import CheckpointError, Checkpointer, state_digest

    port, me, directory = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", 2)
    jax.distributed.initialize(f"127.0.0.1:{port}", 2, me, heartbeat_timeout_seconds=30,
                               shutdown_timeout_seconds=30, initialization_timeout=60)
    mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    rows, everywhere = NamedSharding(mesh, P("data")), NamedSharding(mesh, P())

    def placed(x, sharding):
        x = np.asarray(x)
        return jax.make_array_from_callback(x.shape, sharding, lambda i: x[i])

    def make(step):
        words = np.asarray(jax.random.key_data(jax.random.key(step)))
        return {"w": placed(np.arange(24, dtype=np.float32).reshape(8, 3) * step, rows),
                "v": placed(np.arange(5, dtype=np.int32) + step, everywhere),
                "key": jax.random.wrap_key_data(placed(words, everywhere))}

    def run():
        state = make(0)
        abstract = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state)
        with Checkpointer(directory) as saver:
            assert saver.restore(abstract) is None
            for step in (1, 2, 3):
                saver.save(step, make(step), position=step, score=float(step))
            saver.wait()
            if me == 0:
                with open(f"{directory}/3/record/metadata", "a") as file:
                    file.write("x")
            restored = saver.restore(abstract)
            again = state_digest(restored.state)
            assert restored.step == 2 and again == restored.record.digest
            for name, leaf in restored.state.items():
                assert leaf.sharding.is_equivalent_to(state[name].sharding, leaf.ndim), name
            saver.save(3, make(33), position=33)
            saver.save(3, make(34), position=34)
            saver.wait()
            try:
                saver.restore({"w": abstract["w"]})
            except CheckpointError as error:
                message = str(error)
            print(again, saver.steps(), message, sep="|", flush=True)

    try:
        run()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
"""


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _values(step):
    return {
        "w": np.arange(24, dtype=np.float32).reshape(8, 3) * step,
        "v": np.arange(5, dtype=np.int32) + step,
        "key": jax.random.key(step),
    }


def test_two_processes(tmp_path):
    port, code = str(_free_port()), textwrap.dedent(_WORKER)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code, port, str(me), str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for me in range(2)
    ]
    try:
        done = [worker.communicate(timeout=200) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    message = (
        f"checkpoint 3 in {tmp_path} was made by another game: "
        "key is in the checkpoint only; v is in the checkpoint only. "
        "Use the config that made it, or another work directory."
    )
    for worker, (out, err) in zip(workers, done, strict=True):
        assert worker.returncode == 0, err
        assert out.splitlines()[-1] == f"{state_digest(_values(2))}|[1, 2, 3]|{message}"
    assert (
        f"checkpoint 3 in {tmp_path} is damaged: its record is not readable" in done[0][1]
    )
    assert "damaged" not in done[1][1]
    assert saved_steps(tmp_path) == [1, 2, 3]
    assert latest_digest(tmp_path) == (3, state_digest(_values(34)))
    restored = load(tmp_path, jax.eval_shape(lambda: _values(0)))
    assert (restored.position, state_digest(restored.state)) == (
        34,
        state_digest(_values(34)),
    )
