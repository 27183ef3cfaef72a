"""SIGKILL at random moments of a program that does nothing but save."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import jax
import numpy as np
import pytest

from gan_jax.checkpoint import Checkpointer, load, saved_steps

# Every step is an exact map of 32-bit integers, so each step's state is known.
_SAVER = """
    import sys
    import jax, jax.numpy as jnp
    from gan_jax.checkpoint import Checkpointer

    @jax.jit
    def advance(s):
        w, n = s["w"] * jnp.uint32(1664525) + jnp.uint32(1013904223), s["n"] + jnp.uint32(1)
        return {"w": w, "n": n, "key": jax.random.fold_in(s["key"], 1)}

    advance = jax.jit(advance, donate_argnums=0)
    state = {"w": jnp.arange(1 << 17, dtype=jnp.uint32), "n": jnp.uint32(0),
             "key": jax.random.key(0)}
    with Checkpointer(sys.argv[1]) as saver:
        restored = saver.restore(state)
        if restored is not None:
            state = restored.state
        step = 0 if restored is None else restored.step
        while True:
            state, step = advance(state), step + 1
            saver.save(step, state, position=7 * step, meta={"step": step})
            print(step, flush=True)
"""


def _expected(step):
    w, key = np.arange(1 << 17, dtype=np.uint32), jax.random.key(0)
    for _ in range(step):
        w = w * np.uint32(1664525) + np.uint32(1013904223)
        key = jax.random.fold_in(key, 1)
    return w, jax.random.key_data(key)


def _save_until_killed(directory, delay):
    """Kills `delay` seconds after the first two saves; returns the last step begun."""
    command = [sys.executable, "-c", textwrap.dedent(_SAVER), str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            steps = [int(child.stdout.readline()) for _ in range(2)]
            time.sleep(delay)
        finally:
            os.kill(child.pid, signal.SIGKILL)
        steps += [int(line) for line in child.stdout if line.endswith("\n")]
        assert child.wait(timeout=60) == -signal.SIGKILL
    return steps[-1]


@pytest.mark.parametrize("seed", [0, 1])
def test_what_a_killed_run_saved_is_whole(tmp_path, seed, caplog):
    delays = random.Random(seed)
    abstract = {
        "w": jax.ShapeDtypeStruct((1 << 17,), np.uint32),
        "n": jax.ShapeDtypeStruct((), np.uint32),
        "key": jax.eval_shape(lambda: jax.random.key(0)),
    }
    for _ in range(2):  # the second run goes on where the first was killed
        begun = _save_until_killed(tmp_path, delays.uniform(0.0, 0.15))
        restored = load(tmp_path, abstract)
        # `save` waits for the one before: the last but one is complete when it returns.
        assert begun - 1 <= restored.step <= begun + 1
        assert (restored.position, restored.meta) == (
            7 * restored.step,
            {"step": restored.step},
        )
        w, key = _expected(restored.step)
        np.testing.assert_array_equal(restored.state["w"], w)
        np.testing.assert_array_equal(jax.random.key_data(restored.state["key"]), key)
        assert int(restored.state["n"]) == restored.step
    assert caplog.messages == []
    with Checkpointer(tmp_path) as saver:
        assert saver.restore(abstract).step == restored.step
        saver.save(restored.step + 1, restored.state, position=0)
    names = sorted(child.name for child in tmp_path.iterdir())
    assert names == sorted(map(str, saved_steps(tmp_path)))
