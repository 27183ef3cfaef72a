"""Consistency: linear critics and generators, whose changes are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import penalties, prng

KEY = jax.random.key(0)
SHAPES = {"image": (4, 3), "code": (2,), "scalar": ()}


def batch(n, seed):
    rng = np.random.default_rng(seed)
    return {k: jnp.float32(rng.standard_normal((n, *s))) for k, s in SHAPES.items()}


def total(x):
    """The sum over an example's leaves."""
    return sum(jnp.sum(leaf.reshape(len(leaf), -1), axis=1) for leaf in x.values())


def exact_total(x):
    return sum(np.float64(leaf).reshape(len(leaf), -1).sum(1) for leaf in x.values())


def shift(keys, x):
    """Adds one normal draw per example to every element: 15 of them."""
    noise = prng.draw(keys, lambda key: jax.random.normal(key, ()))
    return {k: v + noise.reshape(-1, *(1,) * (v.ndim - 1)) for k, v in x.items()}


def double(keys, x):
    del keys
    return jax.tree.map(lambda leaf: 2.0 * leaf, x)


def logits(weight, x):
    return weight * total(x)


PENALTIES = {
    "cr": penalties.consistency(double),
    "bcr": penalties.balanced_consistency(double, real_weight=2.0, fake_weight=0.5),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_known_augmentation_of_a_linear_critic(name):
    # D(2 x) - D(x) = w <1, x>.
    real, fake = batch(6, 1), batch(6, 2)
    on_real, on_fake = (exact_total(real) ** 2).mean(), (exact_total(fake) ** 2).mean()
    expected = {"cr": on_real, "bcr": 2.0 * on_real + 0.5 * on_fake}[name]
    lifted = penalties.lift(logits, PENALTIES[name])
    value, slope = jax.value_and_grad(lifted)(jnp.float32(3.0), real, fake, KEY)
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, 9.0 * expected, rtol=1e-5)
    # Both sides are differentiated: with D(x) held fixed it would be 12 times.
    np.testing.assert_allclose(slope, 6.0 * expected, rtol=1e-5)


def test_draws_are_per_example_and_independent_between_the_sides():
    # The change is 15 times a normal draw, n = 4096 (seed 0): its mean square is 225,
    # bound 4 deviations, sd 225 sqrt(2).
    n = 4096
    x = jax.tree.map(lambda leaf: jnp.zeros((n, *leaf.shape[1:])), batch(1, 0))
    bound = 4 * 225 * np.sqrt(2 / n)
    value = penalties.consistency(shift)(total, x, x, KEY)
    np.testing.assert_allclose(value, 225.0, atol=bound)
    real = penalties.balanced_consistency(shift, fake_weight=0.0)(total, x, x, KEY)
    fake = penalties.balanced_consistency(shift, real_weight=0.0)(total, x, x, KEY)
    both = penalties.balanced_consistency(shift)(total, x, x, KEY)
    for side in (real, fake):
        np.testing.assert_allclose(side, 225.0, atol=bound)
    assert real != fake
    np.testing.assert_allclose(both, real + fake, rtol=1e-6)


@pytest.mark.parametrize("name", ["cr", "bcr"])
def test_rows_with_their_own_keys_are_independent_of_their_order(name):
    factory = {"cr": penalties.consistency, "bcr": penalties.balanced_consistency}[name]
    penalty, order = factory(shift), np.array([3, 0, 5, 1, 4, 2])
    keys, real, fake = prng.per_example(KEY, 6), batch(6, 1), batch(6, 2)
    whole = penalty(total, real, fake, keys)
    np.testing.assert_array_equal(whole, penalty(total, real, fake, KEY))
    real, fake = jax.tree.map(lambda leaf: leaf[order], (real, fake))
    np.testing.assert_allclose(penalty(total, real, fake, keys[order]), whole, rtol=1e-5)


def test_patches_add_their_squares_and_low_precision_gives_float32():
    x = jnp.float32([[1.0, -2.0], [0.5, 4.0]])
    value = penalties.consistency(lambda keys, x: 3.0 * x)(jnp.bfloat16, x, x, KEY)
    assert value.dtype == jnp.float32
    np.testing.assert_array_equal(value, 4 * (1 + 4 + 0.25 + 16) / 2)


# Latent consistency ---------------------------------------------------------------------

LATENTS = {"z": (3,), "code": (2, 2), "angle": ()}


def latents(n):
    rng = np.random.default_rng(4)
    return {k: jnp.float32(rng.standard_normal((n, *s))) for k, s in LATENTS.items()}


def generate(z):
    """Two leaves of images: 2 z in one, the sum of the rest, four times, in the other."""
    rest = jnp.sum(z["code"], axis=(1, 2)) + z["angle"]
    return {"a": 2.0 * z["z"], "b": jnp.tile(rest.reshape(-1, 1, 1), (1, 2, 2))}


def judge(images):
    sums = [jnp.sum(leaf.reshape(len(leaf), -1), axis=1) for leaf in images.values()]
    return sums[0] + sums[1]


def test_latent_consistency_of_linear_nets():
    # a = 2 z: squares 4 s^2 on 3 elements; b: 5 unit draws summed, 5 s^2 on 4 elements.
    # The logit changes by 2 * (3 draws) + 4 * (5 draws): 12 s^2 + 80 s^2.
    # n = 8192, seed 0; a mean square of n normals has the relative deviation sqrt(2 / n),
    # and elements of an image are less than 5 times as variable.
    n, s = 8192, 0.1
    pair = penalties.latent_consistency(noise_scale=s)
    on_d = pair.discriminator(judge, generate, latents(n), KEY)
    on_g = pair.generator(generate, latents(n), KEY)
    np.testing.assert_allclose(on_d, 92 * s**2, rtol=4 * np.sqrt(2 / n))
    np.testing.assert_allclose(on_g, -(3 * 4 + 4 * 5) / 7 * s**2, rtol=20 * np.sqrt(2 / n))
    # The same draws, further away: exactly quadratic for linear nets.
    far = penalties.latent_consistency(noise_scale=4 * s)
    further = far.discriminator(judge, generate, latents(n), KEY)
    np.testing.assert_allclose(further, 16 * on_d, rtol=1e-4)
    np.testing.assert_allclose(
        far.generator(generate, latents(n), KEY), 16 * on_g, rtol=1e-4
    )


def test_generator_and_discriminator_see_the_same_neighbours():
    # One latent, one pixel: D's distance is then G's, with the other sign.
    z = jnp.float32(np.random.default_rng(5).standard_normal((6, 1)))
    pair = penalties.latent_consistency(noise_scale=0.3)
    on_d = pair.discriminator(lambda x: x[:, 0], jnp.tanh, z, KEY)
    np.testing.assert_allclose(pair.generator(jnp.tanh, z, KEY), -on_d, rtol=1e-6)
    keys, order = prng.per_example(KEY, 6), np.array([5, 2, 0, 1, 4, 3])
    shuffled = pair.generator(jnp.tanh, z[order], keys[order])
    np.testing.assert_allclose(shuffled, -on_d, rtol=1e-5)


def test_latent_consistency_gradients_reach_both_generator_branches():
    z = jnp.float32(np.random.default_rng(6).standard_normal((4, 3)))
    pair = penalties.latent_consistency(noise_scale=0.5)

    def value(scale):
        return pair.generator(lambda z: scale * z, z, KEY)

    at_one = value(jnp.float32(1.0))
    np.testing.assert_allclose(jax.grad(value)(jnp.float32(3.0)), 6 * at_one, rtol=1e-5)
    half = pair.generator(lambda z: z, z.astype(jnp.bfloat16), KEY)
    assert half.dtype == jnp.float32
    np.testing.assert_allclose(half, at_one, rtol=2**-4)
