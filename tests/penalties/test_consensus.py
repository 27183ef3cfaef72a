"""Consensus: the gradient field of games that are solved by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import penalties

SHAPES = {"kernel": (2, 3), "bias": (3,), "scale": ()}


def tree(seed):
    rng = np.random.default_rng(seed)
    return {k: jnp.float32(rng.standard_normal(s)) for k, s in SHAPES.items()}


def dot(a, b):
    return sum(jnp.sum(x * y) for x, y in zip(*map(jax.tree.leaves, (a, b)), strict=True))


def size(a):
    return sum((np.float64(x) ** 2).sum() for x in jax.tree.leaves(a))


def bilinear(params):
    value = 3.0 * dot(params["x"], params["y"])
    return {"x": value, "y": -value}


def test_bilinear_game():
    params = {"x": tree(1), "y": tree(2)}
    field = penalties.vector_field(bilinear, params)
    jax.tree.map(
        lambda v, y: np.testing.assert_allclose(v, 3 * y, rtol=1e-6),
        field["x"],
        params["y"],
    )
    jax.tree.map(
        lambda v, x: np.testing.assert_allclose(v, -3 * x, rtol=1e-6),
        field["y"],
        params["x"],
    )
    value, slope = jax.value_and_grad(penalties.consensus(bilinear))(params)
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, 4.5 * size(params), rtol=1e-5)
    jax.tree.map(
        lambda g, p: np.testing.assert_allclose(g, 9 * p, rtol=1e-5), slope, params
    )


def test_players_own_gradients_only_and_three_of_them():
    # L_a = a^2 b, L_b = b c, L_c = c^3 / 3 + a b: v = (2 a b, c, c^2).
    def losses(p):
        a, b, c = p["a"], p["b"], p["c"]
        return {"a": a**2 * b, "b": b * c, "c": c**3 / 3.0 + a * b}

    a, b, c = 1.5, -2.0, 0.5
    params = {"a": jnp.float32(a), "b": jnp.float32(b), "c": jnp.float32(c)}
    value, slope = jax.value_and_grad(penalties.consensus(losses))(params)
    np.testing.assert_allclose(value, 0.5 * ((2 * a * b) ** 2 + c**2 + c**4), rtol=1e-6)
    np.testing.assert_allclose(slope["a"], 4 * a * b**2, rtol=1e-6)
    np.testing.assert_allclose(slope["b"], 4 * a**2 * b, rtol=1e-6)
    np.testing.assert_allclose(slope["c"], c + 2 * c**3, rtol=1e-6)


def test_descent_with_consensus_is_its_closed_form():
    # With z = x + i y, v = -i z for V = x y, and the penalty adds gamma z:
    # z <- (1 - eta gamma + i eta) z, which shrinks where plain descent grows.
    eta, gamma = 0.1, 0.6

    def losses(p):
        value = p["x"] * p["y"]
        return {"x": value, "y": -value}

    @jax.jit
    def step(p):
        field = penalties.vector_field(losses, p)
        agreed = jax.grad(penalties.consensus(losses))(p)
        return jax.tree.map(lambda w, v, g: w - eta * (v + gamma * g), p, field, agreed)

    params, z = {"x": jnp.float32(1.0), "y": jnp.float32(-0.5)}, 1.0 - 0.5j
    for _ in range(30):
        params, z = step(params), z * (1 - eta * gamma + 1j * eta)
    np.testing.assert_allclose([params["x"], params["y"]], [z.real, z.imag], rtol=1e-4)


def test_losses_of_other_players_are_refused():
    with pytest.raises(ValueError, match="must name the players"):
        penalties.consensus(lambda p: {"x": p["x"] * 2.0})(
            {"x": jnp.float32(1.0), "y": jnp.float32(1.0)}
        )


def test_low_precision_parameters_give_float32():
    params = jax.tree.map(lambda x: x.astype(jnp.bfloat16), {"x": tree(1), "y": tree(2)})
    value = penalties.consensus(bilinear)(params)
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, 4.5 * size(params), rtol=2**-6)
