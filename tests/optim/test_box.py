"""The box constraint: exactly inside, unchanged where inside already."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import optim


def params(scale, seed=0, dtype=jnp.float32):
    rng = np.random.default_rng(seed)
    shapes = {"kernel": (40, 30), "bias": (30,), "scale": ()}
    return {
        k: jnp.asarray(scale * rng.standard_normal(s), dtype) for k, s in shapes.items()
    }


@pytest.mark.parametrize(("low", "high"), [(-0.01, 0.01), (-0.1, 0.3), (0.0, 0.7)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_parameters_lie_in_the_box_exactly(low, high, scale, dtype):
    tx = optax.chain(optax.sgd(1.0), optim.keep_params_in_box(low, high))

    @jax.jit
    def step(p, g):
        updates, _ = tx.update(g, tx.init(p), p)
        return optax.apply_updates(p, updates)

    start, gradient = params(scale, 0, dtype), params(0.3, 1, dtype)
    moved = step(start, gradient)
    bounds = np.float64(jnp.asarray([low, high], dtype))
    for p, g, new in zip(*map(jax.tree.leaves, (start, gradient, moved)), strict=True):
        assert new.dtype == dtype
        wanted, new = np.clip(np.float64(p) - np.float64(g), *bounds), np.float64(new)
        np.testing.assert_array_equal(np.clip(new, *bounds), new)
        # One rounding of the step, whose size is that of the parameter it starts from.
        error = (np.abs(np.float64(p)) + np.abs(bounds).max()) * float(jnp.finfo(dtype).eps)
        np.testing.assert_array_equal(
            np.abs(new - wanted) <= 2 * error, np.ones(p.shape, bool)
        )


def test_updates_that_stay_inside_are_unchanged():
    inside = jax.tree.map(lambda x: jnp.clip(x, -0.4, 0.4), params(1.0))
    updates = jax.tree.map(lambda x: jnp.clip(x, -0.09, 0.09), params(1.0, 1))
    tx = optim.keep_params_in_box(-0.5, 0.5)
    result, _ = tx.update(updates, tx.init(inside), inside)
    jax.tree.map(np.testing.assert_array_equal, result, updates)


def test_parameters_on_the_bounds_stay_and_can_leave():
    p = {"a": jnp.float32([0.01, -0.01]), "b": jnp.float32(0.01), "c": jnp.zeros((1, 2))}
    tx = optim.keep_params_in_box(-0.01, 0.01)
    out = {"a": jnp.float32([1.0, -1.0]), "b": jnp.float32(1e-9), "c": jnp.ones((1, 2))}
    moved = optax.apply_updates(p, tx.update(out, tx.init(p), p)[0])
    np.testing.assert_array_equal(moved["a"], p["a"])
    np.testing.assert_array_equal(moved["b"], p["b"])
    np.testing.assert_array_equal(moved["c"], np.full((1, 2), np.float32(0.01)))
    back = jax.tree.map(lambda x: -0.005 * jnp.sign(x), p)
    moved = optax.apply_updates(p, tx.update(back, tx.init(p), p)[0])
    np.testing.assert_allclose(moved["a"], [0.005, -0.005], rtol=1e-6)


def test_wgan_optimizer_clips_after_rmsprop():
    tx = optax.chain(optax.rmsprop(5e-5), optim.keep_params_in_box(-0.01, 0.01))
    p = jax.tree.map(lambda x: jnp.clip(x, -0.01, 0.01), params(0.01))
    state = tx.init(p)
    step = jax.jit(lambda p, s: tx.update(jax.tree.map(jnp.ones_like, p), s, p))
    for _ in range(5):
        updates, state = step(p, state)
        p = optax.apply_updates(p, updates)
        for leaf in jax.tree.leaves(p):
            np.testing.assert_array_equal(jnp.clip(leaf, -0.01, 0.01), leaf)


def test_box_errors():
    with pytest.raises(ValueError, match="low <= high"):
        optim.keep_params_in_box(0.1, -0.1)
    tx = optim.keep_params_in_box(-0.1, 0.1)
    with pytest.raises(ValueError, match="needs the parameters"):
        tx.update(params(1.0), tx.init(params(1.0)))


def test_flattened_element_wise_optimizers_are_the_same():
    p, g = params(1.0), params(1.0, 1)
    plain, flat = optax.adam(1e-2), optax.flatten(optax.adam(1e-2))
    results = []
    for tx in (plain, flat):
        q, state = p, tx.init(p)
        for _ in range(3):
            # optax raises a float to an integer power here.
            with jax.numpy_dtype_promotion("standard"):
                updates, state = tx.update(g, state, q)
            q = optax.apply_updates(q, updates)
        results.append(q)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7), *results
    )
