"""Path length: linear generators, whose Jacobian is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import penalties, prng

KEY = jax.random.key(0)
HEIGHT, WIDTH, CHANNELS, DIM = 3, 4, 2, 5
ZERO = jnp.zeros((), jnp.float32)


def matrix(seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((DIM, HEIGHT * WIDTH * CHANNELS))


def generator(scale=1.0, a=None):
    a = jnp.float32(matrix() if a is None else a)

    def generate(w):
        return scale * (w @ a).reshape(-1, HEIGHT, WIDTH, CHANNELS)

    return generate


def latents(batch):
    return jnp.float32(np.random.default_rng(1).standard_normal((batch, DIM)))


def exact_lengths(batch, a):
    """||A y|| / sqrt(H W) in float64, y the unit noise of every example's own key."""
    noise = prng.draw(
        prng.per_example(KEY, batch),
        lambda key: jax.random.normal(key, (HEIGHT, WIDTH, CHANNELS)),
    )
    y = np.float64(noise).reshape(batch, -1)
    return np.linalg.norm(y @ a.T, axis=1) / np.sqrt(HEIGHT * WIDTH)


def test_lengths_penalty_and_mean_are_those_of_the_jacobian():
    lengths = exact_lengths(6, matrix())
    new = 0.7 + 0.01 * (lengths.mean() - 0.7)
    penalty = penalties.path_length()
    value, mean = penalty(generator(), latents(6), KEY, jnp.float32(0.7))
    assert value.dtype == mean.dtype == jnp.float32
    np.testing.assert_allclose(mean, new, rtol=1e-5)
    np.testing.assert_allclose(value, ((lengths - new) ** 2).mean(), rtol=1e-5)


def test_mean_square_length_is_the_squared_norm_of_the_jacobian():
    # E ||A y||^2 / (H W) = ||A||_F^2 / (H W). With decay 1 and a mean of 0 the variance
    # and mean of lengths come out; n = 4096, seed 0, bound 4 deviations of the mean square.
    n = 4096
    value, mean = penalties.path_length(decay=1.0)(generator(), latents(n), KEY, ZERO)
    gram = matrix() @ matrix().T / (HEIGHT * WIDTH)
    deviation = np.sqrt(2 * (gram**2).sum() / n)
    np.testing.assert_allclose(value + mean**2, np.trace(gram), atol=4 * deviation)


def test_moving_average_follows_the_lengths():
    lengths, mean = exact_lengths(4, matrix()).mean(), ZERO
    penalty = jax.jit(
        lambda m: penalties.path_length(decay=0.1)(generator(), latents(4), KEY, m)[1]
    )
    for n in range(1, 6):
        mean = penalty(mean)
        np.testing.assert_allclose(mean, lengths * (1 - 0.9**n), rtol=1e-5)


def test_gradient_takes_the_mean_for_a_constant():
    lengths, scale, decay = exact_lengths(6, matrix()), 1.5, 0.25

    def value(s):
        penalty = penalties.path_length(decay=decay)
        return penalty(generator(s), latents(6), KEY, jnp.float32(2.0))[0]

    new = 2.0 + decay * (scale * lengths.mean() - 2.0)
    expected = (2.0 * (scale * lengths - new) * lengths).mean()
    np.testing.assert_allclose(jax.grad(value)(jnp.float32(scale)), expected, rtol=1e-4)


def test_one_latent_per_layer_counts_in_the_mean_square():
    # Layers seen through A and 2 A: mean square (1 + 4) / 2 of that of A.
    a = jnp.float32(matrix())

    def generate(w):
        images = w[:, 0] @ a + 2.0 * (w[:, 1] @ a)
        return images.reshape(-1, HEIGHT, WIDTH, CHANNELS)

    w = jnp.stack([latents(6), latents(6)], axis=1)
    _, mean = penalties.path_length(decay=1.0)(generate, w, KEY, ZERO)
    expected = np.sqrt(2.5) * exact_lengths(6, matrix()).mean()
    np.testing.assert_allclose(mean, expected, rtol=1e-5)


def test_rows_carry_their_own_noise():
    keys, w = prng.per_example(KEY, 5), latents(5)
    bend = lambda w: jnp.tanh(generator()(w))  # noqa: E731
    penalty = penalties.path_length(decay=0.5)
    whole = penalty(bend, w, keys, ZERO)
    np.testing.assert_array_equal(whole, penalty(bend, w, KEY, ZERO))
    order = np.array([3, 0, 4, 1, 2])
    shuffled = penalty(bend, w[order], keys[order], ZERO)
    np.testing.assert_allclose(shuffled, whole, rtol=1e-5)
    assert penalty(bend, w, jax.random.key(1), ZERO)[1] != whole[1]


def test_constant_generator_has_no_length_and_finite_derivatives():
    def value(s):
        return penalties.path_length()(generator(s), latents(3), KEY, ZERO)[0]

    result, slope = jax.value_and_grad(value)(jnp.float32(0.0))
    assert result == 0.0
    assert slope == 0.0


def test_low_precision_images_give_float32():
    def generate(w):
        return generator()(w).astype(jnp.bfloat16)

    value, mean = penalties.path_length(decay=1.0)(generate, latents(6), KEY, ZERO)
    assert value.dtype == mean.dtype == jnp.float32
    np.testing.assert_allclose(mean, exact_lengths(6, matrix()).mean(), rtol=2**-7)


@pytest.mark.parametrize("decay", [0.0, 1.5])
def test_bad_decay(decay):
    with pytest.raises(ValueError, match="path_length needs 0 < decay <= 1"):
        penalties.path_length(decay=decay)
