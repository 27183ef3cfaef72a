"""Penalties on logits: drift and LeCam against float64 recursions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import penalties

KEY = jax.random.key(0)


def rounds(n=5, batch=6):
    rng = np.random.default_rng(3)
    return 2.0 * rng.standard_normal((n, 2, batch))


def test_drift_is_the_mean_square_of_real_logits():
    rng = np.random.default_rng(0)
    shapes = {"image": (4, 3), "code": (2,), "scalar": ()}
    real = {k: jnp.float32(rng.standard_normal((5, *s))) for k, s in shapes.items()}
    fake = jax.tree.map(lambda x: 7.0 * x, real)

    def logits(scale, x):
        parts = [jnp.sum(x[k].reshape(5, -1), axis=1) for k in shapes]
        return scale * (sum(parts) + 1.0)

    exact = sum(np.float64(real[k]).reshape(5, -1).sum(1) for k in shapes) + 1.0
    lifted = penalties.lift(logits, penalties.drift())
    value, slope = jax.value_and_grad(lifted)(jnp.float32(3.0), real, fake, KEY)
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, 9.0 * (exact**2).mean(), rtol=1e-5)
    np.testing.assert_allclose(slope, 6.0 * (exact**2).mean(), rtol=1e-5)


def test_drift_of_patches_and_of_low_precision():
    def critic(x):
        return jnp.bfloat16(x)

    x = jnp.float32([[1.0, -2.0], [0.5, 4.0]])
    value = penalties.drift()(critic, x, x, KEY)
    assert value.dtype == jnp.float32
    np.testing.assert_array_equal(value, (1 + 4 + 0.25 + 16) / 4)


@pytest.mark.parametrize("rectified", [False, True])
def test_lecam_is_its_recursion_in_float64(rectified):
    decay, start = 0.9, 2
    penalty = jax.jit(penalties.lecam(decay=decay, start=start, rectified=rectified))
    state, a_real, a_fake = penalties.lecam_averages(), 0.0, 0.0
    bend = (lambda x: np.maximum(x, 0.0)) if rectified else (lambda x: x)
    for n, (real, fake) in enumerate(rounds()):
        kept = 0.0 if n < start else decay
        a_real = kept * a_real + (1 - kept) * real.mean()
        a_fake = kept * a_fake + (1 - kept) * fake.mean()
        expected = (bend(real - a_fake) ** 2).mean() + (bend(a_real - fake) ** 2).mean()
        value, state = penalty(jnp.float32(real), jnp.float32(fake), state)
        np.testing.assert_allclose(value, expected if n >= start else 0.0, rtol=1e-5)
        np.testing.assert_allclose(state.real, a_real, rtol=1e-5)
        np.testing.assert_allclose(state.fake, a_fake, rtol=1e-5)
        assert state.updates == n + 1
        assert value.dtype == state.real.dtype == jnp.float32


def test_lecam_takes_its_averages_for_constants():
    (real, fake), n = rounds()[0], 6
    state = penalties.LeCamAverages(jnp.float32(0.5), jnp.float32(-0.25), jnp.int32(9))
    penalty = penalties.lecam(decay=0.8, start=0)

    def value(pair):
        return penalty(*pair, state)[0]

    slopes = jax.grad(value)((jnp.float32(real), jnp.float32(fake)))
    a_real = 0.8 * 0.5 + 0.2 * real.mean()
    a_fake = 0.8 * -0.25 + 0.2 * fake.mean()
    np.testing.assert_allclose(slopes[0], 2 * (real - a_fake) / n, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(slopes[1], 2 * (fake - a_real) / n, rtol=1e-4, atol=1e-6)


def test_lecam_before_its_start_moves_nothing_and_low_precision_is_float32():
    half = jnp.bfloat16([100.0, -100.0, 3.0])
    penalty = penalties.lecam(start=1)
    state = penalties.lecam_averages()
    value, slope = jax.value_and_grad(lambda x: penalty(x, -x, state)[0])(half)
    assert value == 0.0
    np.testing.assert_array_equal(np.float32(slope), np.zeros(3))
    value, state = penalty(half, -half, penalty(half, -half, state)[1])
    assert value.dtype == jnp.float32
    # Averages +-1, so the squares are 101^2, 99^2 and 4^2 on either side.
    np.testing.assert_allclose(value, 2 * (101**2 + 99**2 + 4**2) / 3, rtol=1e-5)


@pytest.mark.parametrize(("decay", "start"), [(1.0, 0), (-0.1, 0), (0.9, -1)])
def test_lecam_errors(decay, start):
    with pytest.raises(ValueError, match="lecam needs 0 <= decay < 1"):
        penalties.lecam(decay=decay, start=start)
