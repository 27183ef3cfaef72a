"""Virtual batch normalisation: the reference batch plus the example, and nobody else."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from gan_jax import penalties, tracing
from gan_jax.networks.dcgan import DCGANDiscriminator
from gan_jax.networks.labels import concatenation
from gan_jax.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.norm import BatchNorm
from gan_jax.nn.virtual_norm import VirtualBatchNorm, WithReference, drawn, fixed
from gan_jax.priors import normal

KEY = jax.random.key(0)
EPS = 1e-5


def randomised(params):
    leaves, treedef = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    moved = [
        p + 0.3 * jax.random.normal(k, p.shape) for k, p in zip(keys, leaves, strict=True)
    ]
    return jax.tree.unflatten(treedef, moved)


def bits(x):
    return jax.lax.bitcast_convert_type(x, jnp.uint32)


def floats(x):
    return jax.lax.bitcast_convert_type(x, jnp.float32)


def critic():
    """A wrapped critic of points, with parameters not at init."""
    reference = 0.5 * jax.random.normal(jax.random.key(2), (3, 2))
    net = MLPDiscriminator((4, 3), norm=VirtualBatchNorm)
    net = from_linen(WithReference(net, fixed(reference)), (2,))
    params, stats = net.init(KEY)
    return net, randomised(params), stats


@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 5, 3)])
def test_each_example_is_normalised_with_the_reference_batch(shape):
    reference = 100.0 + 2.0 * jax.random.normal(jax.random.key(1), (6, *shape[1:]))
    x = 103.0 + jax.random.normal(jax.random.key(2), shape)
    net = WithReference(VirtualBatchNorm(), fixed(reference))
    variables = net.init(KEY, x)
    scale, bias = jnp.array([1.0, 2.0, -1.0]), jnp.array([0.5, 0.0, 3.0])
    params = {"network": {"scale": scale, "bias": bias}}
    out = jax.jit(net.apply)({**variables, "params": params}, x)
    for i, example in enumerate(np.asarray(x, np.float64)):
        pool = np.concatenate([np.asarray(reference, np.float64), example[None]])
        axes = tuple(range(pool.ndim - 1))
        normal = (example - pool.mean(axes)) / np.sqrt(pool.var(axes) + EPS)
        expected = normal * np.asarray(scale) + np.asarray(bias)
        np.testing.assert_allclose(out[i], expected, rtol=1e-4, atol=1e-4)


def test_later_layers_see_the_reference_normalised_by_its_own_moments():
    net = WithReference(
        MLPGenerator((3, 2), (2,), norm=VirtualBatchNorm, out_activation=None),
        drawn(normal(4), 5),
    )
    z = jax.random.normal(jax.random.key(3), (2, 4))
    variables = net.init(KEY, z)
    params = jax.tree.map(
        partial(np.asarray, dtype=np.float64), randomised(variables["params"]["network"])
    )
    own = np.asarray(floats(variables["reference"]["inputs"]), np.float64)
    rows = np.asarray(z, np.float64)
    for index in range(2):
        layer, norm = params[f"Dense_{index}"], params[f"norm_{index}"]
        own, rows = own @ layer["kernel"], rows @ layer["kernel"]
        # One example added to five.
        mean = (5.0 * own.mean(0) + rows) / 6.0
        var = (5.0 * np.square(own).mean(0) + np.square(rows)) / 6.0 - np.square(mean)
        rows = (rows - mean) / np.sqrt(var + EPS) * norm["scale"] + norm["bias"]
        own = (own - own.mean(0)) / np.sqrt(own.var(0) + EPS)
        own = own * norm["scale"] + norm["bias"]
        own, rows = np.maximum(own, 0.0), np.maximum(rows, 0.0)
    expected = rows @ params["Dense_2"]["kernel"] + params["Dense_2"]["bias"]
    params = jax.tree.map(partial(jnp.asarray, dtype=jnp.float32), params)
    apply = jax.jit(net.apply, static_argnames="train")
    out = apply({**variables, "params": {"network": params}}, z, train=True)
    np.testing.assert_allclose(out, expected, rtol=2e-4, atol=1e-5)


def test_examples_stay_apart_so_that_a_gradient_penalty_is_exact():
    net, params, stats = critic()
    x = jax.random.normal(KEY, (3, 2))

    @jax.jit
    def logits(inputs):
        return net.apply(params, stats, inputs, train=True)[0]

    penalties.assert_per_example(logits, x)
    penalty = jax.jit(lambda x: penalties.r1()(logits, x, x, KEY))
    together, alone = penalty(x), [penalty(x[i : i + 1]) for i in range(3)]
    assert float(together) > 1e-3
    np.testing.assert_allclose(together, np.mean(alone), rtol=1e-5)


def test_training_keeps_the_reference_and_equals_evaluation():
    net, params, stats = critic()
    x = jax.random.normal(KEY, (2, 2))
    apply = jax.jit(net.apply, static_argnames="train")
    logits, after = apply(params, stats, x, train=True)
    jax.tree.map(np.testing.assert_array_equal, after, stats)
    np.testing.assert_array_equal(apply(params, stats, x, train=False)[0], logits)


def test_the_reference_outlives_means_over_devices_to_the_last_bit():
    net, params, stats = critic()
    mesh = jax.make_mesh(
        (7,),
        ("data",),
        axis_types=(jax.sharding.AxisType.Auto,),
        devices=jax.devices()[:7],
    )

    def one(x):
        local = tracing.varying(stats)
        return tracing.pmean(net.apply(params, local, x, train=True)[1])

    with tracing.batch_axis("data"):
        mapped = jax.shard_map(one, mesh=mesh, in_specs=P("data"), out_specs=P())
        after = jax.jit(mapped)(jax.random.normal(KEY, (7, 2)))
    jax.tree.map(np.testing.assert_array_equal, after, stats)


def test_parameters_are_differentiated_through_the_reference_batch_too():
    net = WithReference(
        MLPGenerator((3,), (2,), norm=VirtualBatchNorm, out_activation=None),
        drawn(normal(4), 5),
    )
    z = jax.random.normal(jax.random.key(3), (2, 4))
    variables = net.init(KEY, z)

    def loss(kernel):
        inner = dict(variables["params"]["network"])
        inner["Dense_0"] = {"kernel": kernel}
        out = net.apply({**variables, "params": {"network": inner}}, z)
        return jnp.square(out).sum()

    kernel = variables["params"]["network"]["Dense_0"]["kernel"]
    # Scaling the layer before it changes a norm's output only through epsilon, if the
    # moments move with the layer; held fixed, this slope would be of the loss's order.
    value, slope = jax.jit(jax.value_and_grad(loss))(kernel)
    assert abs(float((slope * kernel).sum())) < 1e-3 * float(value)


def test_the_result_does_not_depend_on_devices():
    reference = 0.5 * jax.random.normal(jax.random.key(2), (3, 16, 16, 1))
    net = DCGANDiscriminator(2, 4, VirtualBatchNorm)
    net = from_linen(WithReference(net, fixed(reference)), (16, 16, 1))
    params, stats = jax.jit(net.init)(KEY)
    x = jax.random.normal(KEY, (4, 16, 16, 1))
    mesh = jax.make_mesh(
        (4,),
        ("data",),
        axis_types=(jax.sharding.AxisType.Auto,),
        devices=jax.devices()[:4],
    )
    with tracing.batch_axis("data"):
        mapped = jax.shard_map(
            lambda rows: net.apply(params, stats, rows, train=True)[0],
            mesh=mesh,
            in_specs=P("data"),
            out_specs=P("data"),
        )
        actual = jax.jit(mapped)(x)
    expected = jax.jit(lambda x: net.apply(params, stats, x, train=True)[0])(x)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_a_reference_batch_of_latents_and_labels_is_drawn_once():
    network = MLPGenerator((3,), (2,), norm=VirtualBatchNorm, num_classes=2)
    net = WithReference(network, drawn(normal(4), 3, num_classes=2))
    net = from_linen(net, (4,), jax.ShapeDtypeStruct((2,), jnp.int32))
    (_, first), (_, again), (_, other) = (
        net.init(key) for key in (KEY, KEY, jax.random.key(9))
    )
    jax.tree.map(np.testing.assert_array_equal, first, again)
    np.testing.assert_array_equal(first["reference"]["labels"], [0, 1, 0])
    gap = floats(first["reference"]["inputs"]) - floats(other["reference"]["inputs"])
    assert gap.shape == (3, 4)
    assert float(jnp.abs(gap).min()) > 0


def test_a_network_without_its_reference_is_refused():
    net = MLPDiscriminator((2,), norm=VirtualBatchNorm)
    x = jnp.ones((2, 2))
    with pytest.raises(ValueError, match="wrap the network in WithReference"):
        net.apply(net.init(KEY, x), x)


def test_other_statistics_are_refused():
    x = jnp.ones((2, 2))
    net = WithReference(MLPDiscriminator((2,), norm=BatchNorm), fixed(x))
    with pytest.raises(ValueError, match=r"cannot keep \['batch_stats'\]"):
        net.apply(net.init(KEY, x), x)


def test_the_labels_of_the_reference_batch_go_with_it():
    options = {"norm": VirtualBatchNorm, "input_labels": concatenation()}
    conditional = MLPGenerator((3,), (2,), num_classes=2, **options)
    inputs, labels = jax.random.normal(KEY, (3, 4)), jnp.array([0, 1, 1])
    z, y = jax.random.normal(jax.random.key(3), (2, 4)), jnp.array([1, 0])
    net = WithReference(conditional, fixed(inputs, labels))
    variables = net.init(KEY, z, y)

    def beside(rows, of):
        return jnp.concatenate([rows, jnp.eye(2)[of]], axis=1)

    plain = WithReference(MLPGenerator((3,), (2,), **options), fixed(inputs))
    stored = {"reference": {"inputs": bits(beside(inputs, labels))}}
    expected = plain.apply({"params": variables["params"], **stored}, beside(z, y))
    np.testing.assert_allclose(net.apply(variables, z, y), expected, rtol=1e-5)
