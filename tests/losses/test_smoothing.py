"""Label smoothing against cross entropies in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import losses
from gan_jax.losses import label_smoothing
from gan_jax.types import MeanLoss


def cross_entropy(target, logits):
    d = 1 / (1 + np.exp(-logits))
    return -(target * np.log(d) + (1 - target) * np.log(1 - d)).mean()


@pytest.mark.parametrize(("real", "fake"), [(0.9, 0.0), (0.8, 0.1), (1.0, 0.3)])
@pytest.mark.parametrize("base", [losses.minimax, losses.non_saturating])
def test_discriminator_is_a_cross_entropy_and_generator_the_bases(
    base, real, fake, differences
):
    rng = np.random.default_rng(1)
    x, y = 2 * rng.standard_normal((2, 5)), 2 * rng.standard_normal((3, 1))

    def reference(x, y):
        return cross_entropy(real, x) + cross_entropy(fake, y)

    loss = label_smoothing(base, real=real, fake=fake)
    assert isinstance(loss, MeanLoss)
    x32, y32 = jnp.float32(x), jnp.float32(y)
    value, slopes = jax.jit(jax.value_and_grad(loss.discriminator, (0, 1)))(x32, y32)
    np.testing.assert_allclose(value, reference(x, y), rtol=2e-6)
    for slope, numeric in zip(slopes, differences(reference, x, y), strict=True):
        np.testing.assert_allclose(slope, numeric, rtol=1e-5, atol=1e-6)
    assert loss.generator(x32, y32) == base.generator(x32, y32)


def test_defaults_are_one_sided():
    x, y = jnp.float32([0.5, -2.0]), jnp.float32([1.5, 0.25])
    one_sided = label_smoothing(losses.non_saturating, real=0.9, fake=0.0)
    assert label_smoothing().discriminator(x, y) == one_sided.discriminator(x, y)
    # The fake side is the unsmoothed one: its slopes are those of the plain loss.
    plain = jax.jit(jax.grad(losses.non_saturating.discriminator, 1))(x, y)
    np.testing.assert_array_equal(
        jax.jit(jax.grad(one_sided.discriminator, 1))(x, y), plain
    )
    # No smoothing at all is the base.
    none = label_smoothing(real=1.0)
    expected = losses.non_saturating.discriminator(x, y)
    np.testing.assert_allclose(none.discriminator(x, y), expected, rtol=1e-6)


def test_the_best_logit_of_a_real_example_is_that_of_its_target():
    best = jnp.float32([np.log(0.9 / 0.1)])
    slope = jax.jit(jax.grad(label_smoothing().discriminator))(best, best)
    np.testing.assert_allclose(slope, 0.0, atol=1e-7)


def test_extreme_logits(dtype):
    up, down = jnp.full((3,), 100.0, dtype), jnp.full((3,), -100.0, dtype)
    side = label_smoothing(real=0.75, fake=0.25).discriminator
    derivatives = jax.jit(jax.value_and_grad(side, (0, 1)))
    for real, fake, expected in ((up, down, 50.0), (down, up, 150.0)):
        value, slopes = derivatives(real, fake)
        np.testing.assert_allclose(value, expected, rtol=1e-6)
        assert all(np.isfinite(np.float32(s)).all() for s in slopes)


def test_what_has_no_meaning_is_refused():
    for base in (losses.hinge, losses.wasserstein, losses.least_squares):
        with pytest.raises(ValueError, match="wrap minimax or non_saturating"):
            label_smoothing(base)
    with pytest.raises(
        ValueError, match=r"0 <= fake < real <= 1, got real=0\.4, fake=0\.5"
    ):
        label_smoothing(real=0.4, fake=0.5)
    with pytest.raises(ValueError, match=r"real=1\.1"):
        label_smoothing(real=1.1)
