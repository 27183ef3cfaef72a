"""Gated units."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.nn.activations import GATED_TANH, inputs_of


def test_a_gate_multiplies_the_halves_of_the_channels():
    x = 3.0 * jax.random.normal(jax.random.key(0), (2, 3, 4))
    a, b = np.split(np.asarray(x, np.float64), 2, axis=-1)
    np.testing.assert_allclose(GATED_TANH(x), np.tanh(b) / (1.0 + np.exp(-a)), rtol=1e-5)


def test_a_gate_takes_two_channels_for_one():
    assert (inputs_of(GATED_TANH), inputs_of(jnp.tanh)) == (2, 1)


def test_an_odd_number_of_channels_cannot_be_halved():
    with pytest.raises(ValueError, match="even number of channels, got 3"):
        GATED_TANH(jnp.ones((2, 3)))
