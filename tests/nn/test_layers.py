"""Layers: parameters, shapes and types."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.nn.initializers import glorot_uniform, he_uniform, normal, orthogonal
from gan_jax.nn.layers import Conv, ConvPool, ConvTranspose, Dense, Embed, UpsampleConv

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("layer", "kernel", "out"),
    [
        (Conv(8, kernel_size=(3, 5)), (3, 5, 6, 8), (2, 4, 6, 8)),
        (Conv(8, kernel_size=(4, 4), strides=(2, 2)), (4, 4, 6, 8), (2, 2, 3, 8)),
        (Conv(8, feature_group_count=2), (3, 3, 3, 8), (2, 4, 6, 8)),
        (ConvTranspose(8, kernel_size=(5, 5)), (5, 5, 6, 8), (2, 8, 12, 8)),
        (UpsampleConv(8), (3, 3, 6, 8), (2, 8, 12, 8)),
        (ConvPool(8), (3, 3, 6, 8), (2, 2, 3, 8)),
    ],
)
def test_kernel_and_output_shapes(layer, kernel, out):
    image = jax.ShapeDtypeStruct((2, 4, 6, 6), jnp.float32)
    y, variables = jax.eval_shape(layer.init_with_output, KEY, image)
    shapes = {name: leaf.shape for name, leaf in variables["params"].items()}
    assert (y.shape, shapes) == (out, {"kernel": kernel, "bias": (8,)})


def test_dense_is_a_product_and_a_bias():
    x = jax.random.normal(KEY, (5, 3))
    params = {"kernel": jnp.arange(6.0).reshape(3, 2), "bias": jnp.array([10.0, 20.0])}
    expected = np.asarray(x) @ np.asarray(params["kernel"]) + np.array([10.0, 20.0])
    np.testing.assert_allclose(Dense(2).apply({"params": params}, x), expected, rtol=1e-5)


def test_no_bias_means_no_parameter():
    variables = Dense(2, use_bias=False).init(KEY, jnp.ones((5, 3)))
    assert list(variables["params"]) == ["kernel"]


def test_compute_type_is_not_the_parameters_type():
    y, variables = Conv(2, dtype=jnp.bfloat16).init_with_output(KEY, jnp.ones((1, 4, 4, 3)))
    assert y.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}


def test_embed_takes_rows_and_marks_labels_outside():
    table = jnp.arange(6.0).reshape(3, 2)
    rows = Embed(3, 2).apply({"params": {"embedding": table}}, jnp.array([2, 0, 3]))
    np.testing.assert_array_equal(rows, [[4.0, 5.0], [0.0, 1.0], [np.nan, np.nan]])


# 72 * 64 = 4608 draws: the deviation of an estimated standard deviation is about
# 1 / sqrt(2 * 4608) = 1 %, and the bound is four of them. Seed 0.
@pytest.mark.parametrize(
    ("init", "deviation"),
    [
        (normal(0.02), 0.02),
        (glorot_uniform(2.0), 2.0 * np.sqrt(2 / (72 + 9 * 64))),
        (he_uniform(0.5), 0.5 * np.sqrt(2 / 72)),
    ],
)
def test_initialisers_have_the_stated_deviation(init, deviation):
    draws = init(KEY, (3, 3, 8, 64), jnp.float32)
    assert float(draws.std()) == pytest.approx(deviation, rel=0.04)


def test_orthogonal_rows_have_the_gain_as_length():
    kernel = orthogonal(2.0)(KEY, (3, 3, 2, 24), jnp.float32).reshape(18, 24)
    np.testing.assert_allclose(kernel @ kernel.T, 4.0 * np.eye(18), atol=1e-5)
