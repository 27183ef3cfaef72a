"""Freezing by path."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import optim, trees


def params():
    rng = np.random.default_rng(0)

    def layer(*shape):
        return {
            "kernel": jnp.float32(rng.standard_normal(shape)),
            "bias": jnp.float32(rng.standard_normal(shape[-1:])),
        }

    return {
        "net": {"block_0": layer(3, 3, 2, 4), "block_1": layer(4, 5), "gain": jnp.ones(())}
    }


def first_block(path, leaf):
    del leaf
    return path.startswith("net/block_0/")


def train(tx, p, steps=3):
    state = tx.init(p)
    # optax raises a float to an integer power here.
    with jax.numpy_dtype_promotion("standard"):
        step = jax.jit(lambda p, s: tx.update(jax.tree.map(lambda x: 3.0 * x, p), s, p))
        for _ in range(steps):
            updates, state = step(p, state)
            p = optax.apply_updates(p, updates)
    return p, state


def test_frozen_leaves_stay_bit_for_bit_and_the_others_move_as_alone():
    start = params()
    moved, _ = train(optim.freeze(optax.adamw(0.01), first_block), start)
    jax.tree.map(
        np.testing.assert_array_equal, moved["net"]["block_0"], start["net"]["block_0"]
    )
    rest = {k: v for k, v in start["net"].items() if k != "block_0"}
    alone, _ = train(optax.adamw(0.01), rest)
    for name in rest:
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6),
            moved["net"][name],
            alone[name],
        )
        jax.tree.map(
            lambda a, b: np.testing.assert_array_less(0.02, jnp.abs(a - b)),
            moved["net"][name],
            rest[name],
        )


def test_frozen_leaves_have_no_optimizer_state():
    p = params()
    state = optim.freeze(optax.adam(0.1), first_block).init(p)
    trained = trees.count(p) - trees.count(p["net"]["block_0"])
    # Two moments, and a counter.
    assert trees.count(state) == 2 * trained + 1


def test_frozen_inside_look_ahead_and_box():
    start = jax.tree.map(lambda x: jnp.clip(x, -1.0, 1.0), params())
    tx = optax.chain(
        optim.freeze(optim.extragradient(optax.sgd(0.1)), first_block),
        optim.keep_params_in_box(-1.0, 1.0),
    )
    moved, _ = train(tx, start, steps=2)
    jax.tree.map(
        np.testing.assert_array_equal, moved["net"]["block_0"], start["net"]["block_0"]
    )
    # w' = (1 - 0.3) w, then w - 0.3 w'.
    expected = jax.tree.map(lambda w: (1 - 0.3 * 0.7) * w, start["net"]["block_1"])
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5),
        moved["net"]["block_1"],
        expected,
    )


@pytest.mark.parametrize("everything", [True, False])
def test_all_or_nothing_is_refused(everything):
    tx = optim.freeze(optax.sgd(0.1), lambda path, x: everything)
    with pytest.raises(ValueError, match=f"selects {5 if everything else 0} of 5"):
        tx.init(params())
