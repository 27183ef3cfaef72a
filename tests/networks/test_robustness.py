"""The robustness grid: the published shapes of each pair, and gated networks' values."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import penalties, trees
from gan_jax.networks.robustness import ARCHITECTURES
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.norm import LayerNorm

KEY = jax.random.key(0)
SHAPE = (64, 64, 3)


def shapes(name):
    """Shapes of the generator's and the discriminator's parameters, by path."""
    pair = ARCHITECTURES[name](SHAPE, 64)
    found = []
    for net, inputs in zip(pair, [(128,), SHAPE], strict=True):
        params, _ = jax.eval_shape(from_linen(net, inputs).init, KEY)
        found.append({path: leaf.shape for path, leaf in trees.leaves_with_path(params)})
    return found


def channels(tree):
    """Inputs and outputs of every kernel, in order."""
    return [shape[-2:] for path, shape in tree.items() if path.endswith("/kernel")]


def test_the_grid_has_the_papers_seven_columns():
    assert list(ARCHITECTURES) == [
        "baseline",
        "constant_width",
        "mlp",
        "no_norm",
        "gated",
        "tanh",
        "resnet_101",
    ]


def test_baseline_is_dcgan_with_batch_norm():
    generator, discriminator = shapes("baseline")
    up = [(512, 256), (256, 128), (128, 64), (64, 3)]
    assert channels(generator) == [*up, (128, 4 * 4 * 512)]
    assert channels(discriminator) == [
        (3, 64),
        (64, 128),
        (128, 256),
        (256, 512),
        (8192, 1),
    ]
    assert {path.split("/")[0] for path in generator if "norm" in path} == {
        f"norm_{index}" for index in range(4)
    }
    assert sum("norm" in path for path in discriminator) == 2 * 3


def test_constant_width_has_no_norm_in_the_generator_alone():
    generator, discriminator = shapes("constant_width")
    assert channels(generator) == [(64, 64)] * 3 + [(64, 3), (128, 4 * 4 * 64)]
    assert not any("norm" in path for path in generator)
    assert discriminator == shapes("baseline")[1]


def test_mlp_has_four_hidden_layers_of_512():
    generator, discriminator = shapes("mlp")
    assert channels(generator) == [(128, 512)] + [(512, 512)] * 3 + [(512, 64 * 64 * 3)]
    assert discriminator == shapes("baseline")[1]


def test_no_norm_is_the_baseline_with_biases_in_place_of_norms():
    for bare, full in zip(shapes("no_norm"), shapes("baseline"), strict=True):
        assert not any("norm" in path for path in bare)
        assert channels(bare) == channels(full)


def test_gated_networks_are_twice_as_wide_before_each_gate():
    generator, discriminator = shapes("gated")
    up = [(512, 512), (256, 256), (128, 128), (64, 3)]
    assert channels(generator) == [*up, (128, 4 * 4 * 1024)]
    down = [(3, 128), (64, 256), (128, 512), (256, 1024)]
    assert channels(discriminator) == [*down, (8192, 1)]


def small(name, num_classes=None):
    labels = () if num_classes is None else (jax.ShapeDtypeStruct((2,), jnp.int32),)
    build = ARCHITECTURES[name]
    generator, critic = build((8, 8, 1), 4, num_classes=num_classes, d_norm=LayerNorm)
    return from_linen(generator, (3,), *labels), from_linen(critic, (8, 8, 1), *labels)


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("tanh", np.tanh),
        (
            "gated",
            lambda h: (
                np.tanh(h[..., h.shape[-1] // 2 :])
                / (1.0 + np.exp(-h[..., : h.shape[-1] // 2]))
            ),
        ),
    ],
)
def test_activations_stand_everywhere(name, activation):
    generator, critic = small(name)
    (g_params, g_stats), (d_params, d_stats) = generator.init(KEY), critic.init(KEY)
    z, x = jax.random.normal(KEY, (2, 3)), jax.random.normal(KEY, (2, 8, 8, 1))

    def conv(h, kernel, op, **options):
        dims = ("NHWC", "HWIO", "NHWC")
        h = jnp.asarray(h, jnp.float32)
        return np.asarray(op(h, kernel, (2, 2), "SAME", dimension_numbers=dims, **options))

    h = np.asarray(z) @ np.asarray(g_params["project"]["kernel"]) / np.sqrt(1.0 + 1e-5)
    h = activation(h.reshape(2, 4, 4, -1))
    h = conv(h, g_params["conv_0"]["kernel"], jax.lax.conv_transpose)
    evaluate = partial(jax.jit, static_argnames="train")
    images, _ = evaluate(generator.apply)(g_params, g_stats, z, train=False)
    np.testing.assert_allclose(images, np.tanh(h), rtol=1e-3, atol=1e-6)
    h = conv(x, d_params["conv_0"]["kernel"], jax.lax.conv_general_dilated)
    h = activation(h).reshape(2, -1) @ np.asarray(d_params["logit"]["kernel"])
    logits, _ = evaluate(critic.apply)(d_params, d_stats, x, train=False)
    np.testing.assert_allclose(logits, h[:, 0], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_every_pair_is_conditional_where_there_are_classes(name):
    generator, critic = small(name, num_classes=3)

    z, y = jnp.ones((4, 3)), jnp.zeros(4, jnp.int32)
    g_made, d_made = (jax.eval_shape(net.init, KEY) for net in (generator, critic))
    images, _ = jax.eval_shape(partial(generator.apply, train=True), *g_made, z, y)
    logits, _ = jax.eval_shape(partial(critic.apply, train=True), *d_made, images, y)
    assert (images.shape, logits.shape) == ((4, 8, 8, 1), (4,))
    with pytest.raises(ValueError, match="pass labels y"):
        jax.eval_shape(partial(generator.apply, train=True), *g_made, z)


@pytest.mark.parametrize("name", ["gated", "tanh"])
def test_critics_with_layer_norm_keep_examples_apart(name):
    _, critic = small(name)
    params, stats = critic.init(KEY)
    x = jax.random.normal(KEY, (3, 8, 8, 1))
    penalties.assert_per_example(
        jax.jit(lambda x: critic.apply(params, stats, x, train=True)[0]), x
    )
