"""Feature matching: float64, pytrees, shards."""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.losses import feature_matching

SHAPES = {"deep": (2,), "map": (2, 2, 3), "score": ()}


def draw(n, seed):
    rng = np.random.default_rng(seed)
    return {k: rng.standard_normal((n, *s)) for k, s in SHAPES.items()}


def reference(real, fake):
    return sum(((real[k].mean(0) - fake[k].mean(0)) ** 2).sum() for k in SHAPES)


def in_float32(tree):
    return jax.tree.map(jnp.float32, tree)


def test_values_and_slopes_agree_with_float64(differences):
    real, fake = draw(5, 0), draw(3, 1)
    value, slopes = jax.jit(jax.value_and_grad(feature_matching, (0, 1)))(
        in_float32(real), in_float32(fake)
    )
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, reference(real, fake), rtol=2e-6)

    def flat(*arrays):
        trees = [dict(zip(SHAPES, arrays[i : i + 3], strict=True)) for i in (0, 3)]
        return reference(*trees)

    numeric = differences(flat, *(real[k] for k in SHAPES), *(fake[k] for k in SHAPES))
    mine = [slopes[i][k] for i in (0, 1) for k in SHAPES]
    for slope, expected in zip(mine, numeric, strict=True):
        np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-6)


def test_only_means_count():
    real = {"deep": jnp.float32([[1.0, 2.0], [3.0, -2.0]])}
    fake = {"deep": jnp.float32([[2.0, 0.0]])}
    assert feature_matching(real, fake) == 0.0
    assert feature_matching(real, {"deep": fake["deep"] + 3.0}) == 18.0


def test_shards_give_the_gradient_of_the_whole_batch(on_shards):
    data = in_float32((draw(8, 2), draw(8, 3)))
    params = jax.tree.map(lambda s: jnp.ones(s, jnp.float32), SHAPES, is_leaf=_is_shape)

    def fn(params, data):
        fake = jax.tree.map(lambda w, x: jnp.tanh(w[None] * x), params, data[1])
        return feature_matching(data[0], fake)

    parts = on_shards(fn, params, data)
    whole = jax.jit(jax.value_and_grad(fn))(params, data)
    for a, b in zip(jax.tree.leaves(parts), jax.tree.leaves(whole), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def _is_shape(x):
    return isinstance(x, tuple)


def test_extreme_features(dtype):
    up, down = jnp.full((3, 2), 100.0, dtype), jnp.full((3, 2), -100.0, dtype)
    value, slopes = jax.jit(jax.value_and_grad(feature_matching, (0, 1)))(up, down)
    np.testing.assert_allclose(value, 80000.0, rtol=1e-6)
    for slope, expected in zip(slopes, (400 / 3, -400 / 3), strict=True):
        assert slope.dtype == dtype
        np.testing.assert_allclose(np.float32(slope), expected, rtol=4e-3)


def test_second_derivative_is_that_of_a_square():
    x, y = jnp.float32([[1.0]]), jnp.float32([[4.0]])
    curve = jax.jit(jax.hessian(lambda x: feature_matching(x, y)))(x)
    np.testing.assert_array_equal(curve.reshape(()), 2.0)
