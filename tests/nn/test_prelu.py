"""The rectifier with a trained slope."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.nn import PReLU

X = jnp.asarray([[[-2.0, 1.0], [4.0, -8.0]]])


@pytest.mark.parametrize(("per_channel", "slopes"), [(False, [0.25]), (True, [0.25, 0.25])])
def test_it_starts_from_a_quarter(per_channel, slopes):
    seen, variables = PReLU(per_channel).init_with_output(jax.random.key(0), X)
    np.testing.assert_array_equal(variables["params"]["slope"], slopes)
    np.testing.assert_array_equal(seen, [[[-0.5, 1.0], [4.0, -2.0]]])


def test_slopes_by_channel_and_their_gradient():
    def total(slope):
        return PReLU(per_channel=True).apply({"params": {"slope": slope}}, X).sum()

    value, gradient = jax.value_and_grad(total)(jnp.asarray([0.5, 3.0]))
    assert value == -1.0 + 1.0 + 4.0 - 24.0
    np.testing.assert_array_equal(gradient, [-2.0, -8.0])


def test_the_result_has_the_type_asked_for():
    module = PReLU(dtype=jnp.bfloat16)
    seen, variables = module.init_with_output(jax.random.key(0), X)
    assert seen.dtype == jnp.bfloat16
    assert variables["params"]["slope"].dtype == jnp.float32
