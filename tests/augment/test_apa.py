"""Pseudo augmentation: which examples are replaced, and what passes gradients."""

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.augment import apa

N = 6000
KEYS = jax.random.split(jax.random.key(13), N)
REAL = {"image": jnp.ones((N, 2, 3, 1)), "code": jnp.ones((N, 4)), "value": jnp.ones((N,))}
FAKE = jax.tree.map(jnp.zeros_like, REAL)


def test_each_example_is_replaced_whole_with_probability_p():
    mixed = apa(KEYS, REAL, FAKE, 0.3)
    replaced = np.asarray(mixed["value"]) == 0.0
    # Seed 13, n = 6000, 5 standard errors.
    np.testing.assert_allclose(replaced.mean(), 0.3, atol=5 * np.sqrt(0.21 / N))
    for leaf in jax.tree.leaves(mixed):
        same = np.asarray(leaf).reshape(N, -1) == np.where(replaced, 0.0, 1.0)[:, None]
        assert same.all()


def test_the_ends():
    for p, expected in ((0.0, REAL), (1.0, FAKE)):
        mixed = apa(KEYS, REAL, FAKE, p)
        assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), mixed, expected))


def test_an_example_depends_on_its_key_alone():
    order = np.random.default_rng(0).permutation(N)
    mixed, permuted = apa(KEYS, REAL, FAKE, 0.5), apa(KEYS[order], REAL, FAKE, 0.5)
    np.testing.assert_array_equal(permuted["value"], mixed["value"][order])


def test_no_gradient_passes_to_what_was_generated():
    x = jnp.arange(8.0)

    def total(real, fake):
        return jnp.sum(3.0 * apa(jax.random.key(0), real, fake, jnp.float32(0.5)))

    to_real, to_fake = jax.grad(total, (0, 1))(x, -x)
    kept = np.asarray(apa(jax.random.key(0), x + 1.0, -x, 0.5)) > 0.0
    assert 0 < kept.sum() < 8
    np.testing.assert_array_equal(to_real, 3.0 * kept)
    np.testing.assert_array_equal(to_fake, np.zeros(8))
