"""Lazy Adam: as far, and as forgetful, as without the lazy phase."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import optim

LR, B1, B2 = 0.01, 0.5, 0.99


def tree():
    rng = np.random.default_rng(0)
    shapes = {"kernel": (4, 3), "bias": (3,), "scale": ()}
    return {k: jnp.float32(rng.standard_normal(s)) for k, s in shapes.items()}


def run(tx, updates):
    """The sum of so many updates by one and the same gradient, and the second moment."""
    p = tree()
    state, total = tx.init(p), jax.tree.map(jnp.zeros_like, p)
    # optax raises a float to an integer power here.
    with jax.numpy_dtype_promotion("standard"):
        step = jax.jit(tx.update)
        for _ in range(updates):
            moved, state = step(p, state, p)
            total = jax.tree.map(jnp.add, total, moved)
    return total, state[0]


@pytest.mark.parametrize(("every", "repeat"), [(4, 1), (16, 1), (1, 1), (4, 2)])
def test_k_steps_move_and_remember_as_with_one_update_each(every, repeat):
    plain, before = run(optax.adam(LR, B1, B2), every * repeat)
    lazy, after = run(
        optim.lazy_adam(LR, every, b1=B1, b2=B2, repeat=repeat), every * repeat + 1
    )
    for moved, expected, g in zip(
        *map(jax.tree.leaves, (lazy, plain, tree())), strict=True
    ):
        np.testing.assert_allclose(moved, expected, rtol=1e-4)
        # A constant gradient moves Adam by the learning rate a time.
        np.testing.assert_allclose(moved, -LR * every * repeat * np.sign(g), rtol=1e-3)
    for moments in ("mu", "nu"):
        pair = getattr(after, moments), getattr(before, moments)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), *pair)


def test_defaults_are_stylegan2s():
    # c = 16 / 17 (appendix B): learning rate c * lr, b1 = 0, b2 = 0.99^c.
    given = optim.lazy_adam(0.002, 16)
    c = 16 / 17
    expected = optax.adam(0.002 * c, b1=0.0, b2=0.99**c)
    jax.tree.map(np.testing.assert_array_equal, run(given, 3)[0], run(expected, 3)[0])


def test_schedules_are_scaled():
    schedule = optax.linear_schedule(LR, 0.0, 10)
    total, _ = run(optim.lazy_adam(schedule, 3, b1=B1, b2=B2), 4)
    for moved, g in zip(*map(jax.tree.leaves, (total, tree())), strict=True):
        expected = -0.75 * LR * (1.0 + 0.9 + 0.8 + 0.7) * np.sign(g)
        np.testing.assert_allclose(moved, expected, rtol=1e-3)


@pytest.mark.parametrize(("every", "repeat"), [(0, 1), (4, 0)])
def test_bad_counts(every, repeat):
    with pytest.raises(ValueError, match="lazy_adam needs every >= 1"):
        optim.lazy_adam(LR, every, repeat=repeat)
