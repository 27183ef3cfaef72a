"""Samples of rows, however they are cut and however many devices draw them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import parallel, prng
from gan_jax.engine import Algorithm
from gan_jax.sampler import PER_DEVICE, always, in_turn, make_sampler, sampling_key


def shifted(state, key, n, labels=None):
    """Samples that tell their latents, state and label."""
    noise = jax.vmap(lambda k: jax.random.normal(k, (2,)))(prng.per_example(key, n))
    label = jnp.zeros((n, 1)) if labels is None else labels[:, None].astype(jnp.float32)
    return jnp.concatenate([noise + state, label], axis=1)


ALGORITHM = Algorithm(None, None, shifted, None)


@pytest.mark.parametrize("devices", [None, 1, 8])
def test_rows_do_not_depend_on_how_they_are_cut(devices):
    key, state = jax.random.key(5), jnp.float32(10.0)
    mesh = None if devices is None else parallel.make_mesh(jax.devices()[:devices])
    sampler = make_sampler(ALGORITHM, key, in_turn(3), mesh)
    assert sampler.batch == PER_DEVICE * (devices or 1)
    images, labels = sampler.draw(state, 150, 0)
    rows = jnp.arange(150)
    np.testing.assert_array_equal(labels, np.arange(150) % 3)
    assert labels.dtype == np.int32
    expected = shifted(state, prng.fold_rows(key, rows), 150, rows % 3)
    np.testing.assert_array_equal(images, expected)
    later, later_labels = sampler.draw(state, 6, 70)
    np.testing.assert_array_equal(later, images[70:76])
    np.testing.assert_array_equal(later_labels, labels[70:76])


def test_one_label_or_none():
    key, state = jax.random.key(5), jnp.float32(0.0)
    images, labels = make_sampler(ALGORITHM, key, always(2)).draw(state, 5, 0)
    np.testing.assert_array_equal(images[:, 2], np.full(5, 2.0))
    np.testing.assert_array_equal(labels, np.full(5, 2))
    images, labels = make_sampler(ALGORITHM, key, in_turn(None)).draw(state, 5, 0)
    assert labels is None
    np.testing.assert_array_equal(images[:, 2], np.zeros(5))


def test_a_seed_is_a_key():
    expected = prng.fold_name(jax.random.key(7), "samples")
    assert sampling_key(7) == expected
    assert sampling_key(8) != expected
