"""Penalties as functions of parameters."""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import penalties


def apply(params, x):
    return jnp.tanh(x @ params["inner"]["kernel"]) @ params["outer"] + params["bias"]


def test_lifted_penalty_is_the_penalty_of_the_closed_critic():
    rng = np.random.default_rng(0)
    params = {
        "inner": {"kernel": jnp.float32(rng.standard_normal((3, 5)))},
        "outer": jnp.float32(rng.standard_normal((5,))),
        "bias": jnp.zeros((), jnp.float32),
    }
    real, fake = (jnp.float32(rng.standard_normal((4, 3))) for _ in range(2))
    key = jax.random.key(1)
    for penalty in (penalties.gradient_penalty(), penalties.r1(), penalties.dragan()):
        lifted = penalties.lift(apply, penalty)
        direct = penalty(lambda x: apply(params, x), real, fake, key)
        np.testing.assert_array_equal(lifted(params, real, fake, key), direct)


def test_gradient_in_the_parameters_of_a_linear_critic():
    # R1 of <w, x> is ||w||^2 / 2, so its gradient in w is w, and 0 in what it ignores.
    params = {"w": jnp.float32([1.0, -2.0]), "b": jnp.float32(3.0), "c": jnp.ones((2, 2))}
    lifted = penalties.lift(lambda p, x: x @ p["w"] + p["b"], penalties.r1())
    x = jnp.ones((3, 2), jnp.float32)
    gradient = jax.grad(lifted)(params, x, x, jax.random.key(0))
    np.testing.assert_allclose(gradient["w"], [1.0, -2.0], rtol=1e-6)
    assert gradient["b"] == 0.0
    np.testing.assert_array_equal(gradient["c"], np.zeros((2, 2)))
