"""Bottleneck networks: the published depth, and one block written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.networks.bottleneck import (
    DOWN,
    KEEP,
    UP,
    BottleneckBlock,
    BottleneckDiscriminator,
    BottleneckGenerator,
    blocks_per_resolution,
)
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.norm import LayerNorm
from gan_jax.nn.resample import avg_pool, upsample_nearest

KEY = jax.random.key(0)


def filled(abstract):
    """Draws in place of every parameter; seed 0."""
    draw = np.random.default_rng(0).normal
    return jax.tree.map(lambda p: jnp.asarray(0.5 * draw(size=p.shape), p.dtype), abstract)


@pytest.mark.parametrize(
    ("layers", "stages", "blocks"),
    [(101, 4, (6, 6, 6, 6, 5)), (101, 2, (11, 10, 10)), (8, 1, (1, 0)), (8, 2, (0, 0, 0))],
)
def test_blocks_per_resolution(layers, stages, blocks):
    assert blocks_per_resolution(layers, stages) == blocks


@pytest.mark.parametrize("layers", [100, 11])
def test_impossible_depths_are_named(layers):
    with pytest.raises(
        ValueError, match=f"4 stages cannot have {layers} layers: choose 14"
    ):
        blocks_per_resolution(layers, 4)


def test_an_impossible_width_is_named():
    with pytest.raises(ValueError, match="cannot have width 6: choose a multiple of 4"):
        BottleneckDiscriminator(6, 8).init(KEY, jnp.ones((1, 8, 8, 1)))


@pytest.mark.parametrize(
    ("net", "shape", "base"),
    [
        (BottleneckGenerator((64, 64, 3)), (128,), ("project", (128, 4 * 4 * 512))),
        (BottleneckDiscriminator(), (64, 64, 3), ("logit", (4 * 4 * 512, 1))),
    ],
)
def test_published_networks_have_101_layers(net, shape, base):
    params, _ = jax.eval_shape(from_linen(net, shape).init, KEY)
    leaves = trees.leaves_with_path(params)
    every = {path: leaf.shape for path, leaf in leaves if path.endswith("/kernel")}
    kernels = {path: shape for path, shape in every.items() if "shortcut" not in path}
    assert (len(kernels), len(every)) == (101, 105)
    assert kernels[f"{base[0]}/kernel"] == base[1]
    assert 32 in kernels["image/kernel"]


@pytest.mark.parametrize(
    ("resampling", "features"), [(KEEP, 4), (KEEP, 6), (UP, 4), (DOWN, 4)]
)
def test_a_block_is_three_convolutions_with_a_weight_beside_a_shortcut(
    resampling, features
):
    block = BottleneckBlock(features, resampling, norm=LayerNorm)
    x = jax.random.normal(KEY, (2, 4, 6, 4))
    params = filled(jax.eval_shape(block.init, KEY, x)["params"])

    def conv(h, name):
        out = jax.lax.conv_general_dilated(
            h,
            params[name]["kernel"],
            (1, 1),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        bias = params[name].get("bias", jnp.zeros(out.shape[-1]))
        return out + bias[None, None, None]

    grown = upsample_nearest if resampling is UP else lambda h: h
    shrunk = avg_pool if resampling is DOWN else lambda h: h
    h = conv(jnp.maximum(x, 0.0), "conv_0")
    h = shrunk(conv(grown(jnp.maximum(h, 0.0)), "conv_1"))
    h = conv(jnp.maximum(h, 0.0), "conv_2")
    h = h - h.mean((1, 2, 3), keepdims=True)
    h = h / jnp.sqrt(jnp.square(h).mean((1, 2, 3), keepdims=True) + 1e-5)
    h = (
        h * params["norm"]["scale"][None, None, None]
        + params["norm"]["bias"][None, None, None]
    )
    same = resampling is KEEP and features == 4
    shortcut = x if same else shrunk(grown(conv(x, "shortcut")))
    assert set(params["conv_2"]) == {"kernel"}
    np.testing.assert_allclose(
        jax.jit(block.apply)({"params": params}, x),
        shortcut + 0.3 * h,
        rtol=1e-3,
        atol=1e-4,
    )


@pytest.mark.parametrize("num_classes", [None, 3])
def test_small_networks_play_any_shape(num_classes):
    labels = () if num_classes is None else (jax.ShapeDtypeStruct((2,), jnp.int32),)
    generator = from_linen(
        BottleneckGenerator((8, 16, 1), 4, 11, num_classes=num_classes), (5,), *labels
    )
    critic = BottleneckDiscriminator(4, 11, LayerNorm, num_classes=num_classes)
    critic = from_linen(critic, (8, 16, 1), *labels)

    def both(key, z, y):
        images, _ = generator.apply(*generator.init(key), z, y, train=True)
        return images, critic.apply(*critic.init(key), images, y, train=True)[0]

    images, logits = jax.eval_shape(both, KEY, jnp.ones((6, 5)), jnp.zeros(6, jnp.int32))
    assert (images.shape, logits.shape) == ((6, 8, 16, 1), (6,))
