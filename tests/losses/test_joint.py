"""Losses of games with encoders and of two domains, against closed forms in float64."""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import losses

REAL = np.array([[0.5, -2.0, 1.5], [3.0, 0.1, -0.2]])
FAKE = np.array([[-0.5, 2.0, -1.5], [1.0, -0.3, 0.4]])


def f32(x):
    return jnp.asarray(x, jnp.float32)


def softplus(x):
    return np.log1p(np.exp(x))


def test_makers_minimise_the_discriminators_loss_with_sides_exchanged():
    loss = losses.swapped(losses.non_saturating)
    real, fake = REAL[:, 0], FAKE[:, 0]
    np.testing.assert_allclose(
        loss.discriminator(f32(real), f32(fake)),
        softplus(-real).mean() + softplus(fake).mean(),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        loss.generator(f32(real), f32(fake)),
        softplus(real).mean() + softplus(-fake).mean(),
        rtol=1e-6,
    )
    squares = losses.swapped(losses.least_squares).generator(f32(real), f32(fake))
    expected = 0.5 * (fake - 1.0) ** 2 + 0.5 * real**2
    np.testing.assert_allclose(squares, expected.mean(), rtol=1e-6)


def test_bigbigan_adds_up_scores_and_their_hinges():
    loss = losses.joint_hinge
    hinges = np.maximum(1 - REAL, 0).sum(1).mean() + np.maximum(1 + FAKE, 0).sum(1).mean()
    np.testing.assert_allclose(loss.discriminator(f32(REAL), f32(FAKE)), hinges, rtol=1e-6)
    gap = REAL.sum(1).mean() - FAKE.sum(1).mean()
    np.testing.assert_allclose(loss.generator(f32(REAL), f32(FAKE)), gap, rtol=1e-6)
    alone = losses.hinge.discriminator(f32(REAL[:, 0]), f32(FAKE[:, 0]))
    np.testing.assert_allclose(
        loss.discriminator(f32(REAL[:, 0]), f32(FAKE[:, 0])), alone, rtol=1e-6
    )


def test_one_sided_losses_leave_the_generator_alone():
    loss = losses.one_sided(losses.non_saturating)
    real, fake = f32(REAL[:, 0]), f32(FAKE[:, 0])
    expected = losses.non_saturating.discriminator(real, fake)
    assert float(loss.discriminator(real, fake)) == float(expected)
    value, slope = jax.value_and_grad(loss.generator, 1)(real, fake)
    assert float(value) == 0.0
    np.testing.assert_array_equal(slope, np.zeros(2))


def test_domains_are_games_of_their_own():
    loss = losses.per_domain(losses.non_saturating)
    real, fake = REAL[:, :2], FAKE[:, :2]
    expected = softplus(-real).mean(0).sum() + softplus(fake).mean(0).sum()
    np.testing.assert_allclose(
        loss.discriminator(f32(real), f32(fake)), expected, rtol=1e-6
    )
    expected = softplus(-fake).mean(0).sum()
    np.testing.assert_allclose(loss.generator(f32(real), f32(fake)), expected, rtol=1e-6)
    assert isinstance(loss, type(losses.non_saturating))
    # A relativistic one compares with the other side of its own domain.
    paired = losses.per_domain(losses.relativistic(losses.least_squares))
    assert not isinstance(paired, type(losses.least_squares))
    base = losses.relativistic(losses.least_squares)
    alone = [base.generator(f32(real[:, d]), f32(fake[:, d])) for d in (0, 1)]
    together = paired.generator(f32(real), f32(fake))
    np.testing.assert_allclose(together, alone[0] + alone[1], rtol=1e-6)
    assert losses.per_domain(losses.zero) is losses.zero
