"""Minibatch layers: closed forms, reference vectors, and one batch on any devices."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from gan_jax import penalties, tracing
from gan_jax.networks.mlp import MLPDiscriminator
from gan_jax.nn.minibatch import MinibatchDiscrimination, MinibatchStddev

GOLDEN = Path(__file__).parents[1] / "golden" / "03_sg2_minibatch_std.npz"
KEY = jax.random.key(0)


def sharded(fn):
    """`fn(params, x) -> rows`, and the gradient of a sum over them, with mapped rows."""
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))

    def both(params, x):
        params = tracing.varying(params)
        rows, pull = jax.vjp(lambda p: fn(p, x), params)
        (gradient,) = pull(jnp.cos(rows))
        return rows, jax.tree.map(lambda g: jax.lax.psum(g, "data"), gradient)

    def run(params, x):
        with tracing.batch_axis("data"):
            specs = {"in_specs": (P(), P("data")), "out_specs": (P("data"), P())}
            return jax.jit(jax.shard_map(both, mesh=mesh, **specs))(params, x)

    return run


def close(actual, expected):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6),
        actual,
        expected,
    )


def test_discrimination_is_the_papers_sum_over_the_other_examples():
    layer = MinibatchDiscrimination(kernels=3, dims=2)
    x = jax.random.normal(KEY, (5, 2, 2))
    out, variables = layer.init_with_output(KEY, x)
    flat = np.asarray(x, np.float64).reshape(5, 4)
    tensor = np.asarray(variables["params"]["kernel"], np.float64).reshape(4, 3, 2)
    m = np.einsum("ia,abc->ibc", flat, tensor)
    closeness = np.zeros((5, 3))
    for i in range(5):
        for j in range(5):
            if i != j:
                closeness[i] += np.exp(-np.abs(m[i] - m[j]).sum(axis=-1))
    np.testing.assert_allclose(out, np.concatenate([flat, closeness], 1), rtol=1e-5)


def test_discrimination_counts_equal_examples_and_not_the_example_itself():
    layer = MinibatchDiscrimination(kernels=2, dims=2)
    x = jnp.array([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1e4, -1e4]])
    out = layer.apply(layer.init(KEY, x), x)
    np.testing.assert_array_equal(out[:, 2:], [[2.0] * 2] * 3 + [[0.0] * 2])


@pytest.mark.parametrize(
    "layer", [MinibatchDiscrimination(kernels=3, dims=2), MinibatchStddev(4, 2)]
)
def test_the_batch_is_the_one_of_all_devices(layer):
    x = jax.random.normal(KEY, (8, 2, 2, 4))
    kernel = jax.random.normal(jax.random.key(1), (4, 4))
    fixed = layer.init(KEY, x)

    def rows(kernel, x):
        return layer.apply(fixed, jnp.dot(x, kernel))

    expected, pull = jax.vjp(lambda kernel: rows(kernel, x), kernel)
    actual = sharded(rows)(kernel, x)
    close(actual, (expected, *pull(jnp.cos(expected))))


def test_stddev_equals_the_reference():
    file = np.load(GOLDEN, allow_pickle=False)
    x = jnp.asarray(file["in/x"].transpose(0, 2, 3, 1))
    for name, (group, channels) in json.loads(str(file["meta"]))["cases"].items():
        out = MinibatchStddev(group, channels).apply({}, x)
        np.testing.assert_allclose(
            out, file[f"out/{name}"].transpose(0, 2, 3, 1), rtol=1e-5, atol=1e-6
        )


def test_stddev_of_vectors_and_of_equal_examples():
    x = jnp.array([[1.0, 2.0], [5.0, 5.0], [3.0, 2.0], [5.0, 5.0]])
    out = MinibatchStddev(2).apply({}, x)
    # Groups (0, 2) and (1, 3): deviations (1, 0) and (0, 0), plus 1e-8 in the variance.
    np.testing.assert_allclose(out[:, 2], [0.50005, 1e-4, 0.50005, 1e-4], rtol=1e-5)


def test_impossible_groups_and_channels_are_named():
    with pytest.raises(ValueError, match="6 examples into groups of 4"):
        MinibatchStddev(4).apply({}, jnp.ones((6, 3)))
    with pytest.raises(ValueError, match="3 channels into 2"):
        MinibatchStddev(4, 2).apply({}, jnp.ones((4, 3)))


@pytest.mark.parametrize("layer", [MinibatchDiscrimination, MinibatchStddev])
def test_minibatch_layers_couple_examples(layer):
    net = MLPDiscriminator((3,), minibatch=layer)
    x = jax.random.normal(KEY, (4, 2))
    variables = net.init(KEY, x)
    with pytest.raises(ValueError, match="couples examples"):
        penalties.assert_per_example(lambda inputs: net.apply(variables, inputs), x)


def test_bfloat16_features_stay_bfloat16():
    x = jax.random.normal(KEY, (4, 2, 2, 3), jnp.bfloat16)
    assert MinibatchStddev().apply({}, x).dtype == jnp.bfloat16
    out, variables = MinibatchDiscrimination().init_with_output(KEY, x)
    assert (out.dtype, variables["params"]["kernel"].dtype) == (jnp.bfloat16, jnp.float32)
