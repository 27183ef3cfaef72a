"""Grouped convolutions as sums of products equal those of XLA."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gan_jax.nn.conv_forms import NHWC
from gan_jax.nn.grouped import GroupedConv, grouped_conv

KEY = jax.random.key(0)


def reference(x, kernel, groups):
    return lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=NHWC, feature_group_count=groups
    )


@pytest.mark.parametrize(
    ("window", "inputs", "outputs", "groups"), [(3, 6, 9, 3), (2, 4, 4, 4), (1, 4, 6, 2)]
)
def test_values_and_gradients_equal_xlas(window, inputs, outputs, groups):
    x = jax.random.normal(KEY, (2, 5, 4, inputs))
    shape = (window, window, inputs // groups, outputs)
    kernel = jax.random.normal(jax.random.key(1), shape)

    def all_of(conv):
        def loss(x, kernel):
            return jnp.sin(conv(x, kernel, groups)).sum()

        def penalty(x, kernel):
            return (jax.grad(loss)(x, kernel) ** 2).sum()

        both = jax.jit(lambda *a: (conv(*a, groups), jax.grad(loss, (0, 1))(*a)))
        return both(x, kernel), jax.jit(jax.grad(penalty, (0, 1)))(x, kernel)

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
        all_of(grouped_conv),
        all_of(reference),
    )


def test_the_layer_has_kernel_and_bias():
    x = jax.random.normal(KEY, (1, 4, 4, 6))
    layer = GroupedConv(9, 3, dtype=jnp.bfloat16)
    params = layer.init(KEY, x)["params"]
    shapes = {name: (leaf.shape, leaf.dtype) for name, leaf in params.items()}
    assert shapes == {"kernel": ((3, 3, 2, 9), jnp.float32), "bias": ((9,), jnp.float32)}
    params = params | {"bias": jnp.arange(9.0)}
    out = layer.apply({"params": params}, x)
    assert out.dtype == jnp.bfloat16
    expected = reference(x, params["kernel"], 3) + params["bias"].reshape(1, 1, 1, -1)
    np.testing.assert_allclose(out.astype(jnp.float32), expected, atol=0.05)


def test_groups_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="3 groups do not divide 4 inputs and 6 outputs"):
        GroupedConv(6, 3).init(KEY, jnp.ones((1, 2, 2, 4)))
