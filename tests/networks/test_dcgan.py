"""DCGAN: the paper's shapes, any resolution, and values written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import tracing, trees
from gan_jax.networks.dcgan import DCGANDiscriminator, DCGANGenerator, halvings
from gan_jax.networks.heads import featured, flat, linear
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.norm import LayerNorm

KEY = jax.random.key(0)
LABELS = jax.ShapeDtypeStruct((2,), jnp.int32)


def kernels(net):
    params, _ = jax.eval_shape(net.init, KEY)
    leaves = trees.leaves_with_path(params)
    return {path: leaf.shape for path, leaf in leaves if path.endswith("kernel")}


@pytest.mark.parametrize(
    ("size", "count"),
    [((64, 64), 4), ((28, 28), 2), ((32, 64), 3), ((24, 40), 2), ((8, 8), 1)],
)
def test_halvings(size, count):
    assert halvings(*size) == count


@pytest.mark.parametrize("size", [(33, 32), (6, 6), (4, 64)])
def test_impossible_sizes_are_named(size):
    with pytest.raises(ValueError, match=rf"cannot build {size[0]} x {size[1]} images"):
        halvings(*size)


def test_generator_at_64_pixels_is_the_papers():
    assert kernels(from_linen(DCGANGenerator((64, 64, 3), width=128), (100,))) == {
        "project/kernel": (100, 4 * 4 * 1024),
        "conv_0/kernel": (5, 5, 1024, 512),
        "conv_1/kernel": (5, 5, 512, 256),
        "conv_2/kernel": (5, 5, 256, 128),
        "conv_3/kernel": (5, 5, 128, 3),
    }


def test_discriminator_mirrors_the_generator():
    assert kernels(from_linen(DCGANDiscriminator(width=128), (64, 64, 3))) == {
        "conv_0/kernel": (5, 5, 3, 128),
        "conv_1/kernel": (5, 5, 128, 256),
        "conv_2/kernel": (5, 5, 256, 512),
        "conv_3/kernel": (5, 5, 512, 1024),
        "logit/kernel": (4 * 4 * 1024, 1),
    }


def test_biases_stand_only_where_no_norm_follows():
    generator, _ = jax.eval_shape(from_linen(DCGANGenerator((16, 16, 1)), (4,)).init, KEY)
    plain = DCGANDiscriminator(norm=None)
    critic, _ = jax.eval_shape(from_linen(plain, (16, 16, 1)).init, KEY)
    biases = [path for path, _ in trees.leaves_with_path(generator) if "bias" in path]
    assert biases == ["conv_1/bias", "norm_0/bias", "norm_1/bias"]
    assert all("bias" in critic[name] for name in ("conv_0", "conv_1", "logit"))


@pytest.mark.parametrize("shape", [(28, 28, 1), (16, 32, 5)])
@pytest.mark.parametrize("num_classes", [None, 3])
def test_any_shape_conditional_or_not(shape, num_classes):
    labels = () if num_classes is None else (LABELS,)
    generator = from_linen(
        DCGANGenerator(shape, width=4, num_classes=num_classes), (5,), *labels
    )
    critic = DCGANDiscriminator(width=4, norm=LayerNorm, num_classes=num_classes)
    critic = from_linen(critic, shape, *labels)

    def both(key, z, y):
        images, stats = generator.apply(*generator.init(key), z, y, train=True)
        return images, critic.apply(*critic.init(key), images, y, train=True)[0], stats

    images, logits, stats = jax.eval_shape(
        both, KEY, jnp.ones((6, 5)), jnp.zeros(6, jnp.int32)
    )
    assert (images.shape, logits.shape) == ((6, *shape), (6,))
    _, fresh = jax.eval_shape(generator.init, KEY)
    assert jax.tree.structure(stats) == jax.tree.structure(fresh)


def test_discriminator_is_convolutions_norm_and_leaky_relu():
    net = from_linen(DCGANDiscriminator(width=2, kernel_size=4), (16, 16, 1))
    params, stats = net.init(KEY)
    params = jax.tree.map(lambda p: p + 0.3, params)
    x = jax.random.normal(KEY, (3, 16, 16, 1))

    def layer(h, kernel):
        dims = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            h, kernel, (2, 2), "SAME", dimension_numbers=dims
        )

    h = layer(x, params["conv_0"]["kernel"]) + params["conv_0"]["bias"][None, None, None]
    h = layer(jnp.where(h > 0, h, 0.2 * h), params["conv_1"]["kernel"])
    scale = params["norm_1"]["scale"] / np.sqrt(1.0 + 1e-5)
    h = h * scale[None, None, None] + params["norm_1"]["bias"][None, None, None]
    h = jnp.where(h > 0, h, 0.2 * h).reshape(3, -1)
    expected = (h @ params["logit"]["kernel"] + params["logit"]["bias"][None])[:, 0]
    logits, _ = net.apply(params, stats, x, train=False)
    np.testing.assert_allclose(logits, expected, rtol=1e-4)


def test_generator_is_the_same_on_every_platform():
    net = from_linen(DCGANGenerator((16, 16, 3), width=3), (5,))
    params, stats = net.init(KEY)
    z = jax.random.normal(KEY, (4, 5))
    with tracing.platform("tpu"):
        expected, _ = net.apply(params, stats, z, train=True)
    images, _ = net.apply(params, stats, z, train=True)
    np.testing.assert_allclose(images, expected, atol=1e-5)


def test_bfloat16_compute_returns_float32_near_the_float32_result():
    z = jax.random.normal(KEY, (4, 5))
    nets = [
        from_linen(DCGANGenerator((16, 16, 3), width=3, dtype=dtype), (5,))
        for dtype in (jnp.float32, jnp.bfloat16)
    ]
    params, stats = nets[0].init(KEY)
    wide, narrow = (net.apply(params, stats, z, train=True)[0] for net in nets)
    assert narrow.dtype == jnp.float32
    # Three layers with 8 bits of mantissa: some percent of the largest value, not zero.
    error = float(jnp.abs(narrow - wide).max() / jnp.abs(wide).max())
    assert 1e-4 < error < 5e-2


def test_dense_layers_stand_at_the_codes_end():
    made = kernels(from_linen(DCGANGenerator((8, 8, 1), 2, 4, dense=(5, 3)), (7,)))
    assert list(made)[:3] == ["conv_0/kernel", "dense_0/kernel", "dense_1/kernel"]
    assert (made["dense_0/kernel"], made["dense_1/kernel"]) == ((7, 5), (5, 3))
    assert made["project/kernel"] == (3, 4 * 4 * 2)
    judged = kernels(from_linen(DCGANDiscriminator(2, 4, dense=(6,)), (8, 8, 1)))
    assert (judged["dense_0/kernel"], judged["logit/kernel"]) == ((4 * 4 * 2, 6), (6, 1))


def test_dense_layers_by_hand():
    module = DCGANDiscriminator(1, 4, norm=None, dense=(3,))
    x = jax.random.normal(KEY, (2, 8, 8, 1))
    logits, variables = module.init_with_output(KEY, x)
    plain = DCGANDiscriminator(1, 4, norm=None, head=flat)
    params = variables["params"]
    h = np.asarray(plain.apply({"params": {"conv_0": params["conv_0"]}}, x), np.float64)
    for name in ("dense_0", "logit"):
        h = h @ np.asarray(params[name]["kernel"]) + np.asarray(params[name]["bias"])
        h = np.where(h > 0, h, 0.2 * h) if name == "dense_0" else h
    np.testing.assert_allclose(logits, h[:, 0], rtol=1e-4, atol=1e-6)


def test_features_after_every_layer_but_the_first():
    module = DCGANDiscriminator(2, 4, head=linear, all_features=True)
    x = jax.random.normal(KEY, (3, 32, 32, 1))
    outputs, variables = module.init_with_output(KEY, x)
    shapes = [feature.shape for feature in outputs.features]
    assert shapes == [(3, 8, 8, 4), (3, 4, 4, 8)]
    alone = DCGANDiscriminator(2, 4, head=linear).apply(variables, x)
    np.testing.assert_array_equal(outputs.logits, alone)
    last = DCGANDiscriminator(2, 4, head=featured(linear)).apply(variables, x).features
    np.testing.assert_array_equal(outputs.features[-1].reshape(3, -1), last)
