"""Normalisations against float64 references."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from gan_jax import tracing, trees
from gan_jax.nn.norm import (
    BatchNorm,
    ConditionalBatchNorm,
    InstanceNorm,
    LayerNorm,
    Modulated,
    PixelNorm,
    adaptive_instance_norm,
    conditioned,
)
from gan_jax.transforms.base import kernels

EPS = 1e-5


@pytest.fixture
def x():
    return 100.0 + 3.0 * jax.random.normal(jax.random.key(0), (8, 3, 5, 4))


def moments(x, axes):
    wide = np.asarray(x, np.float64)
    return wide.mean(axes, keepdims=True), wide.var(axes, keepdims=True)


def randomised(variables):
    leaves, treedef = jax.tree.flatten(variables)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    drawn = [
        jax.random.uniform(k, a.shape, minval=0.5)
        for k, a in zip(keys, leaves, strict=True)
    ]
    return jax.tree.unflatten(treedef, drawn)


def test_batch_norm_normalises_by_the_batch_and_moves_the_running_moments(x):
    variables = randomised(BatchNorm().init(jax.random.key(0), x))
    params, stats = variables["params"], variables["batch_stats"]
    y, updated = BatchNorm(momentum=0.8).apply(
        variables, x, train=True, mutable=["batch_stats"]
    )
    mean, var = moments(x, (0, 1, 2))
    scale, bias = np.asarray(params["scale"]), np.asarray(params["bias"])
    expected = (np.asarray(x) - mean) / np.sqrt(var + EPS) * scale + bias
    np.testing.assert_allclose(y, expected, atol=1e-4)
    new = updated["batch_stats"]
    np.testing.assert_allclose(
        new["mean"], 0.8 * stats["mean"] + 0.2 * mean.ravel(), rtol=1e-5
    )
    np.testing.assert_allclose(
        new["var"], 0.8 * stats["var"] + 0.2 * var.ravel(), rtol=1e-4
    )


def test_batch_norm_evaluates_with_the_running_moments(x):
    variables = randomised(BatchNorm().init(jax.random.key(0), x))
    params, stats = jax.tree.map(
        np.asarray, (variables["params"], variables["batch_stats"])
    )
    expected = (np.asarray(x) - stats["mean"]) / np.sqrt(stats["var"] + EPS)
    expected = expected * params["scale"] + params["bias"]
    np.testing.assert_allclose(BatchNorm().apply(variables, x), expected, rtol=1e-4)


@pytest.mark.parametrize("size", [2, 4, 8])
def test_groups_of_rows_are_normalised_apart(size, x):
    norm = BatchNorm(group_size=size, momentum=0.0)
    variables = randomised(norm.init(jax.random.key(0), x))
    y, updated = norm.apply(variables, x, train=True, mutable=["batch_stats"])
    groups = np.asarray(x, np.float64).reshape(8 // size, size, 3, 5, 4)
    mean, var = moments(groups, (1, 2, 3))
    normal = ((groups - mean) / np.sqrt(var + EPS)).reshape(x.shape)
    params = variables["params"]
    expected = normal * np.asarray(params["scale"]) + np.asarray(params["bias"])
    np.testing.assert_allclose(y, expected, atol=1e-4)
    running = updated["batch_stats"]
    np.testing.assert_allclose(running["mean"], mean.mean(0).ravel(), rtol=1e-5)
    np.testing.assert_allclose(running["var"], var.mean(0).ravel(), rtol=1e-4)


@pytest.mark.parametrize("size", [3, 16])
def test_groups_must_divide_the_batch(size, x):
    with pytest.raises(ValueError, match=f"groups of {size} needs a batch"):
        BatchNorm(group_size=size).init(jax.random.key(0), x, train=True)


@pytest.mark.parametrize(
    "norm",
    [
        BatchNorm(),
        ConditionalBatchNorm(num_classes=3),
        # Groups within a device of two rows, and over two of the four.
        BatchNorm(group_size=1),
        ConditionalBatchNorm(num_classes=3, group_size=4),
    ],
)
def test_batch_statistics_are_global_under_shard_map(norm, x):
    y = jnp.arange(8) % 3
    variables = randomised(norm.init(jax.random.key(0), x, y))
    apply = partial(norm.apply, variables, train=True, mutable=["batch_stats"])
    mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    with tracing.batch_axis("data"):
        sharded = jax.shard_map(
            apply, mesh=mesh, in_specs=P("data"), out_specs=(P("data"), P())
        )
        actual = jax.jit(sharded)(x, y)
    jax.tree.map(
        partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4), actual, apply(x, y)
    )


def test_conditional_batch_norm_starts_as_plain_normalisation(x):
    y = jnp.arange(8) % 3
    norm = ConditionalBatchNorm(num_classes=3)
    variables = norm.init(jax.random.key(0), x, y)
    out, _ = norm.apply(variables, x, y, train=True, mutable=["batch_stats"])
    mean, var = moments(x, (0, 1, 2))
    np.testing.assert_allclose(out, (x - mean) / np.sqrt(var + EPS), atol=1e-4)


def test_conditional_batch_norm_uses_the_gain_and_bias_of_each_label(x):
    y = jnp.array([2, 0, 1, 1, 0, 2, 2, 0])
    norm = ConditionalBatchNorm(num_classes=3)
    variables = randomised(norm.init(jax.random.key(0), x, y))
    stats = jax.tree.map(np.asarray, variables["batch_stats"])
    tables = jax.tree.map(np.asarray, variables["params"])
    normal = (np.asarray(x) - stats["mean"]) / np.sqrt(stats["var"] + EPS)
    gain, bias = (tables[name]["embedding"][np.asarray(y)] for name in ("gain", "bias"))
    expected = normal * (1.0 + gain[:, None, None]) + bias[:, None, None]
    np.testing.assert_allclose(norm.apply(variables, x, y), expected, rtol=1e-4)


def test_conditional_batch_norm_asks_for_labels(x):
    with pytest.raises(ValueError, match="needs labels y"):
        ConditionalBatchNorm(num_classes=3).init(jax.random.key(0), x)


def test_layer_norm_normalises_each_example_over_space_and_channels(x):
    variables = randomised(LayerNorm().init(jax.random.key(0), x))
    params = jax.tree.map(np.asarray, variables["params"])
    mean, var = moments(x, (1, 2, 3))
    x = np.asarray(x)
    expected = (x - mean) / np.sqrt(var + EPS) * params["scale"] + params["bias"]
    np.testing.assert_allclose(
        LayerNorm().apply(variables, jnp.asarray(x)), expected, atol=1e-4
    )


@pytest.mark.parametrize("norm", [BatchNorm, LayerNorm])
def test_bfloat16_statistics_are_float32(norm, x):
    module = norm(dtype=jnp.bfloat16)
    narrow = x.astype(jnp.bfloat16)
    variables = module.init(jax.random.key(0), narrow)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
    y, _ = module.apply(variables, narrow, train=True, mutable=["batch_stats"])
    wide, _ = norm().apply(
        variables, narrow.astype(jnp.float32), train=True, mutable=["batch_stats"]
    )
    assert y.dtype == jnp.bfloat16
    np.testing.assert_array_equal(y, wide.astype(jnp.bfloat16))


def test_a_generator_without_norm_cannot_be_conditional():
    assert conditioned(LayerNorm, None) is LayerNorm
    with pytest.raises(ValueError, match="cannot have norm=None"):
        conditioned(None, 3)


def test_instance_norm_normalises_each_channel_of_each_example(x):
    variables = randomised(InstanceNorm().init(jax.random.key(0), x))
    params = jax.tree.map(np.asarray, variables["params"])
    mean, var = moments(x, (1, 2))
    wide = np.asarray(x, np.float64)
    expected = (wide - mean) / np.sqrt(var + EPS) * params["scale"] + params["bias"]
    for train in (False, True):
        out = InstanceNorm().apply(variables, x, train=train)
        np.testing.assert_allclose(out, expected, atol=1e-4)


def test_instance_norm_needs_space():
    with pytest.raises(ValueError, match="needs images"):
        InstanceNorm().init(jax.random.key(0), jnp.ones((2, 3)))


@pytest.mark.parametrize("shape", [(5, 4), (2, 3, 5, 4)])
def test_pixel_norm_gives_vectors_of_unit_mean_square(shape):
    x = 7.0 * jax.random.normal(jax.random.key(0), shape)
    out, variables = PixelNorm().init_with_output(jax.random.key(0), x)
    wide = np.asarray(x, np.float64)
    expected = wide / np.sqrt(np.square(wide).mean(-1, keepdims=True) + 1e-8)
    assert variables == {}
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("norm", [BatchNorm, LayerNorm, InstanceNorm])
def test_a_norm_without_gain_and_bias_is_one_at_their_beginning(norm, x):
    bare = norm(affine=False)
    variables = bare.init(jax.random.key(0), x)
    assert "params" not in variables
    full = norm().init(jax.random.key(0), x)
    out, _ = bare.apply(variables, x, train=True, mutable=["batch_stats"])
    expected, _ = norm().apply(full, x, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(out, expected, atol=1e-5)


def test_modulated_norm_starts_as_plain_normalisation(x):
    style = jax.random.normal(jax.random.key(2), (8, 6))
    norm = Modulated()
    out, _ = norm.apply(
        norm.init(jax.random.key(0), x, style),
        x,
        style,
        train=True,
        mutable=["batch_stats"],
    )
    mean, var = moments(x, (0, 1, 2))
    np.testing.assert_allclose(out, (x - mean) / np.sqrt(var + EPS), atol=1e-4)


def test_modulated_norm_has_gain_and_bias_linear_in_the_style(x):
    style = jax.random.normal(jax.random.key(2), (8, 6))
    norm = adaptive_instance_norm()
    variables = randomised(norm.init(jax.random.key(0), x, style))
    mean, var = moments(x, (1, 2))
    params = jax.tree.map(np.asarray, variables["params"])
    gain, bias = (
        np.asarray(style) @ params[n]["kernel"] + params[n]["bias"]
        for n in ("gain", "bias")
    )
    wide = np.asarray(x, np.float64)
    expected = (wide - mean) / np.sqrt(var + EPS) * (1.0 + gain[:, None, None])
    expected = expected + bias[:, None, None]
    np.testing.assert_allclose(norm.apply(variables, x, style), expected, atol=2e-4)


def test_self_modulation_has_a_rectified_hidden_layer_for_each_map(x):
    z = jax.random.normal(jax.random.key(2), (8, 6))
    norm = Modulated(base=PixelNorm, hidden=3, use_bias=False)
    variables = randomised(norm.init(jax.random.key(0), x, z))
    params = jax.tree.map(np.asarray, variables["params"])

    def mapped(name):
        hidden = params[f"{name}_hidden"]
        rectified = np.maximum(np.asarray(z) @ hidden["kernel"] + hidden["bias"], 0.0)
        assert list(params[name]) == ["kernel"]
        return (rectified @ params[name]["kernel"])[:, None, None]

    wide = np.asarray(x, np.float64)
    normal = wide / np.sqrt(np.square(wide).mean(-1, keepdims=True) + 1e-8)
    expected = normal * (1.0 + mapped("gain")) + mapped("bias")
    np.testing.assert_allclose(norm.apply(variables, x, z), expected, rtol=1e-4)


def test_kernels_of_a_modulated_norm_are_selected_by_path(x):
    style = jnp.ones((8, 6))
    params = Modulated().init(jax.random.key(0), x, style)["params"]
    chosen = [path for path, leaf in trees.leaves_with_path(params) if kernels(path, leaf)]
    assert chosen == ["bias/kernel", "gain/kernel"]


@pytest.mark.parametrize("style", [None, jnp.zeros(8, jnp.int32)])
def test_a_modulated_norm_asks_for_a_style(style, x):
    with pytest.raises(ValueError, match="needs a float style"):
        Modulated().init(jax.random.key(0), x, style)


@pytest.mark.parametrize("norm", [Modulated(), Modulated(base=InstanceNorm)])
def test_modulated_norms_are_the_same_on_a_mapped_axis(norm, x):
    style = jax.random.normal(jax.random.key(2), (8, 6))
    variables = randomised(norm.init(jax.random.key(0), x, style))
    apply = partial(norm.apply, variables, train=True, mutable=["batch_stats"])
    mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    with tracing.batch_axis("data"):
        sharded = jax.shard_map(
            apply, mesh=mesh, in_specs=P("data"), out_specs=(P("data"), P())
        )
        actual = jax.jit(sharded)(x, style)
    jax.tree.map(
        partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-4), actual, apply(x, style)
    )
