"""Adversarial losses against closed forms, float64 references and published code."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import losses

GOLDEN = Path(__file__).parents[1] / "golden"


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


# name: (discriminator, generator) in float64.
REFERENCES = {
    "minimax": (
        lambda r, f: -np.log(sigmoid(r)).mean() - np.log(1.0 - sigmoid(f)).mean(),
        lambda r, f: np.log(1.0 - sigmoid(f)).mean(),
    ),
    "non_saturating": (
        lambda r, f: -np.log(sigmoid(r)).mean() - np.log(1.0 - sigmoid(f)).mean(),
        lambda r, f: -np.log(sigmoid(f)).mean(),
    ),
    "hinge": (
        lambda r, f: np.maximum(0.0, 1.0 - r).mean() + np.maximum(0.0, 1.0 + f).mean(),
        lambda r, f: -f.mean(),
    ),
    "least_squares": (
        lambda r, f: 0.5 * ((r - 1.0) ** 2).mean() + 0.5 * (f**2).mean(),
        lambda r, f: 0.5 * ((f - 1.0) ** 2).mean(),
    ),
    "wasserstein": (
        lambda r, f: f.mean() - r.mean(),
        lambda r, f: -f.mean(),
    ),
}
# At real = +100, fake = -100 and at real = -100, fake = +100: (discriminator, generator).
AT_100 = {
    "minimax": ((0.0, 0.0), (200.0, -100.0)),
    "non_saturating": ((0.0, 100.0), (200.0, 0.0)),
    "hinge": ((0.0, 100.0), (202.0, -100.0)),
    "least_squares": (
        ((99.0**2 + 100.0**2) / 2, 101.0**2 / 2),
        ((101.0**2 + 100.0**2) / 2, 99.0**2 / 2),
    ),
    "wasserstein": ((-200.0, 100.0), (200.0, -100.0)),
}


def logits(shape_real, shape_fake):
    rng = np.random.default_rng(3)
    return 2.0 * rng.standard_normal(shape_real), 2.0 * rng.standard_normal(shape_fake)


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("shapes", [((5,), (5,)), ((4, 1), (7, 1)), ((2, 3, 3, 1), (6,))])
def test_values_agree_with_float64(name, shapes):
    real, fake = logits(*shapes)
    real32, fake32 = jnp.float32(real), jnp.float32(fake)
    loss = getattr(losses, name)
    discriminator, generator = REFERENCES[name]
    np.testing.assert_allclose(
        loss.discriminator(real32, fake32), discriminator(real, fake), rtol=2e-6, atol=1e-6
    )
    np.testing.assert_allclose(
        loss.generator(real32, fake32), generator(real, fake), rtol=2e-6, atol=1e-6
    )


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("name", REFERENCES)
def test_extreme_logits_give_exact_values_and_finite_gradients(name, dtype):
    loss = getattr(losses, name)
    for sign, expected in zip((1.0, -1.0), AT_100[name], strict=True):
        real = jnp.full((4,), 100.0 * sign, dtype)
        fake = jnp.full((4,), -100.0 * sign, dtype)
        for player, value in zip(loss, expected, strict=True):
            result, slopes = jax.value_and_grad(player, argnums=(0, 1))(real, fake)
            assert result.dtype == jnp.float32
            assert result.shape == ()
            np.testing.assert_allclose(result, value, rtol=1e-6, atol=1e-6)
            assert all(np.isfinite(np.float32(s)).all() for s in slopes)
            assert all(s.dtype == dtype for s in slopes)


def test_hinge_at_and_around_its_corners():
    real = jnp.float32([1.0, 3.0, -1.0])
    fake = jnp.float32([-1.0, -3.0, 1.0])
    assert losses.hinge.discriminator(real[:1], fake[:1]) == 0.0
    assert losses.hinge.discriminator(real[1:2], fake[1:2]) == 0.0
    assert losses.hinge.discriminator(real[2:], fake[2:]) == 4.0
    slope = jax.grad(losses.hinge.discriminator, argnums=(0, 1))(real[1:], fake[1:])
    np.testing.assert_array_equal(slope[0], [0.0, -0.5])
    np.testing.assert_array_equal(slope[1], [0.0, 0.5])


def test_minimax_saturates_where_non_saturating_does_not():
    real = jnp.zeros((1,), jnp.float32)
    fake = jnp.float32([-20.0])
    minimax = jax.grad(losses.minimax.generator, argnums=1)(real, fake)
    other = jax.grad(losses.non_saturating.generator, argnums=1)(real, fake)
    np.testing.assert_allclose(minimax, -sigmoid(np.float64(-20.0)), rtol=1e-5)
    np.testing.assert_allclose(other, -1.0, rtol=1e-6)


def test_minimax_is_zero_sum_in_the_fake_logits():
    real, fake = map(jnp.float32, logits((6,), (6,)))
    d = jax.grad(losses.minimax.discriminator, argnums=1)(real, fake)
    g = jax.grad(losses.minimax.generator, argnums=1)(real, fake)
    np.testing.assert_array_equal(d, -g)


@pytest.mark.parametrize("name", REFERENCES)
def test_bfloat16_logits_are_averaged_in_float32(name):
    # 3000 copies of 0.3: a bfloat16 running sum would stop growing far below.
    real = jnp.full((3000,), 0.3, jnp.bfloat16)
    fake = jnp.full((3000,), -0.6, jnp.bfloat16)
    exact = np.float64(real[0]), np.float64(fake[0])
    for player, reference in zip(getattr(losses, name), REFERENCES[name], strict=True):
        np.testing.assert_allclose(
            player(real, fake), reference(*map(np.atleast_1d, exact)), rtol=1e-5
        )


def test_published_losses():
    golden = np.load(GOLDEN / "01_biggan_losses_ortho.npz", allow_pickle=False)
    real, fake = jnp.asarray(golden["in/d_real"]), jnp.asarray(golden["in/d_fake"])
    for name, loss in {"hinge": losses.hinge, "dcgan": losses.non_saturating}.items():
        discriminator = golden[f"out/{name}_dis_real"] + golden[f"out/{name}_dis_fake"]
        np.testing.assert_allclose(loss.discriminator(real, fake), discriminator, rtol=1e-6)
        np.testing.assert_allclose(
            loss.generator(real, fake), golden[f"out/{name}_gen"], rtol=1e-6
        )
