"""Noise by one key per example."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import prng
from gan_jax.networks import MLPDiscriminator
from gan_jax.nn import dropout, from_linen, gaussian_noise

N = 4000
KEYS = prng.per_example(jax.random.key(3), N)
ONES = jnp.ones((N, 5))


def test_gaussian_noise_has_the_deviation_asked_for():
    noise = np.asarray(gaussian_noise(ONES, KEYS, 0.5, "a"), np.float64) - 1.0
    # 20,000 draws: the mean within 4 deviations of it, the deviation likewise.
    assert abs(noise.mean()) < 4 * 0.5 / np.sqrt(noise.size)
    assert abs(noise.std() - 0.5) < 4 * 0.5 / np.sqrt(2 * noise.size)
    assert abs(np.corrcoef(noise.T)[0, 1]) < 4 / np.sqrt(N)


def test_dropout_keeps_the_mean():
    dropped = np.asarray(dropout(ONES, KEYS, 0.2, "a"), np.float64)
    assert set(np.unique(dropped)) == {0.0, 1.25}
    share = (dropped == 0.0).mean()
    assert abs(share - 0.2) < 4 * np.sqrt(0.2 * 0.8 / dropped.size)


@pytest.mark.parametrize("layer", [gaussian_noise, dropout])
def test_noise_belongs_to_examples_and_layers(layer):
    whole = layer(ONES, KEYS, 0.5, "a")
    np.testing.assert_array_equal(layer(ONES[7:9], KEYS[7:9], 0.5, "a"), whole[7:9])
    assert (layer(ONES, KEYS, 0.5, "b") != whole).any()
    np.testing.assert_array_equal(layer(ONES, None, 0.5, "a"), ONES)
    np.testing.assert_array_equal(layer(ONES, KEYS, 0.0, "a"), ONES)
    assert layer(ONES.astype(jnp.bfloat16), KEYS, 0.5, "a").dtype == jnp.bfloat16


def test_a_rate_of_one_is_refused():
    with pytest.raises(ValueError, match=r"from 0 to below 1, got 1\.0"):
        dropout(ONES, KEYS, 1.0, "a")


def test_a_network_draws_noise_only_by_keys():
    module = MLPDiscriminator((6, 4), input_noise=0.3, hidden_noise=0.2, dropout=0.5)
    net = from_linen(module, (5,), stochastic=True)
    params, stats = net.init(jax.random.key(0))
    plain = from_linen(MLPDiscriminator((6, 4)), (5,))

    def logits(keys, train=True):
        return net.apply(params, stats, ONES[:8], train=train, keys=keys)[0]

    expected = plain.apply(params, stats, ONES[:8], train=True)[0]
    np.testing.assert_array_equal(logits(None), expected)
    noisy = np.asarray(logits(KEYS[:8]))
    assert len(np.unique(noisy)) == 8
    np.testing.assert_allclose(logits(KEYS[:8][::-1])[::-1], noisy, rtol=1e-6)
