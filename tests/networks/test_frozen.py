"""Parts of fixed networks, against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gan_jax.networks import frozen

X = np.random.default_rng(0).standard_normal((2, 9, 8, 3)).astype(np.float32)


def windows(x, stride, low, high, fill):
    pads = ((0, 0), (low, high), (low, high), (0, 0))
    padded = np.pad(x, pads, constant_values=fill)
    found = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return found[:, ::stride, ::stride]


@pytest.mark.parametrize(
    ("stride", "pads"), [(2, (0, 0)), (1, (1, 1)), (2, (0, 1)), (2, (1, 1))]
)
def test_maxima(stride, pads):
    expected = windows(X, stride, *pads, -np.inf).max((-1, -2))
    np.testing.assert_array_equal(frozen.max_pool(jnp.asarray(X), stride, pads), expected)


def test_means_of_the_pixels_that_there_are():
    expected = np.nanmean(windows(X.astype(np.float64), 1, 1, 1, np.nan), (-1, -2))
    np.testing.assert_allclose(frozen.mean_around(jnp.asarray(X)), expected, atol=1e-6)


@pytest.mark.parametrize(("side", "stride"), [(3, 1), (3, 2), (5, 2), (5, 1)])
def test_depthwise_is_the_grouped_convolution(side, stride):
    layer = frozen.Depthwise(side, stride, jax.nn.relu6)
    x, rng = jnp.asarray(X), np.random.default_rng(1)
    shapes = jax.eval_shape(layer.init, jax.random.key(0), x)
    variables = jax.tree.map(
        lambda leaf: jnp.asarray(rng.standard_normal(leaf.shape), jnp.float32), shapes
    )
    kernel, bias = variables["params"]["kernel"], variables["params"]["bias"]
    y = lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=3,
    )  # fmt: skip
    expected = np.clip(np.asarray(y) + np.asarray(bias), 0.0, 6.0)
    np.testing.assert_allclose(layer.apply(variables, x), expected, atol=1e-5)
