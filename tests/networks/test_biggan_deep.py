"""BigGAN-deep against reference vectors and parameter counts of public code."""

import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.networks.biggan_deep import (
    BIGGAN_DEEP_PLANS,
    BigGANDeepDiscriminator,
    BigGANDeepGenerator,
    BigGANDeepPlan,
    DeepDiscriminatorBlock,
    DeepGeneratorBlock,
    biggan_deep_plan,
)
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.initializers import glorot_uniform

GOLDEN = Path(__file__).parents[1] / "golden"
KEY = jax.random.key(0)
LABELS = jax.ShapeDtypeStruct((2,), jnp.int32)
QUICK = glorot_uniform()
TINY = BigGANDeepPlan(
    (2, 4), (2, 2, 1), (False, True), (1, 2, 2), (True, False), (0, 1), (0,)
)


def rows(name):
    return json.loads((GOLDEN / f"{name}_param_counts.json").read_text())["rows"]


def size_of(net, *inputs):
    return trees.count(jax.eval_shape(from_linen(net, *inputs).init, KEY)[0])


@pytest.mark.parametrize("resolution", [128, 256])
def test_parameter_counts_are_those_of_the_public_code(resolution):
    plan = BIGGAN_DEEP_PLANS[resolution]
    g = size_of(BigGANDeepGenerator(plan, num_classes=1000), (128,), LABELS)
    image = (resolution, resolution, 3)
    d = size_of(BigGANDeepDiscriminator(plan, num_classes=1000), image, LABELS)
    published = {
        row["net"]: row["params"]
        for row in rows("01_biggan")
        if (row["model"], row["resolution"]) == ("BigGAN-deep", resolution)
    }
    assert {"G": g, "D": d} == published


@pytest.mark.parametrize("index", [0, 1, 2])
def test_parameter_counts_and_plans_are_those_of_the_tensorflow_modules(index):
    row = rows("02_biggandeep_hf")[index]
    layers = row["config"]["layers"]
    plan = BIGGAN_DEEP_PLANS[row["resolution"]]
    assert plan.generator == (layers[0][1], *(out for _, _, out in layers))
    assert plan.up == tuple(up for up, _, _ in layers)
    # There attention stands before a block.
    assert plan.generator_attention == (row["config"]["attention_layer_position"] - 1,)
    net = BigGANDeepGenerator(plan, num_classes=1000, latent_first=True, image_features=128)
    assert size_of(net, (128,), LABELS) == row["params"]


def test_plans_of_other_depths_and_shapes():
    plan = biggan_deep_plan(64, 128, depth=3, attention=(32,))
    assert plan.base == (4, 8)
    assert plan.generator == (16,) * 4 + (16, 16, 8, 8, 8, 4, 4, 4, 2)
    assert plan.up == (False, False, True) * 4
    assert plan.discriminator == (1, *(2,) * 3, *(4,) * 3, *(8,) * 3, *(16,) * 3)
    assert plan.down == (True, False, False) * 4
    assert (plan.generator_attention, plan.discriminator_attention) == ((8,), (2,))
    assert biggan_deep_plan(32, 32, depth=1).down == (True, True, False)
    with pytest.raises(ValueError, match="1 or more blocks a resolution, got 0"):
        biggan_deep_plan(32, 32, depth=0)


@pytest.mark.parametrize("classes", [None, 4])
def test_other_shapes_and_channels(classes):
    plan = biggan_deep_plan(24, 40, attention=(12,))
    g = BigGANDeepGenerator(plan, 3, 5, num_classes=classes)
    d = BigGANDeepDiscriminator(plan, 3, num_classes=classes)
    y = jnp.zeros(2, jnp.int32)
    images, variables = jax.eval_shape(
        partial(g.init_with_output, KEY), jnp.zeros((2, 7)), y
    )
    assert (images.shape, images.dtype) == ((2, 24, 40, 5), jnp.float32)
    condition = 7 if classes is None else 7 + 128
    gain = variables["params"]["block_0"]["norm_3"]["gain"]["kernel"]
    assert gain.shape == (condition, 3)
    logits, _ = jax.eval_shape(partial(d.init_with_output, KEY), images, y)
    assert (logits.shape, logits.dtype) == ((2,), jnp.float32)


def layer(file, name):
    """Divided by the reference's singular value: one power iteration from u0."""
    w, u = file[f"sd/{name}.weight"], file[f"sd/{name}.u0"]
    matrix = w.reshape(w.shape[0], -1)
    v = u @ matrix
    w = w / np.linalg.norm(v / np.linalg.norm(v) @ matrix.T)
    found = {"kernel": w.transpose((2, 3, 1, 0) if w.ndim == 4 else (1, 0))}
    bias = f"sd/{name}.bias"
    return found | ({"bias": file[bias]} if bias in file.files else {})


def statistics(file, name):
    return {"mean": file[f"sd/{name}.stored_mean"], "var": file[f"sd/{name}.stored_var"]}


def generator_variables(file):
    project = layer(file, "linear")
    # Channels first in the reference: reorder the outputs of the projection.
    order = np.arange(32 * 16).reshape(32, 4, 4).transpose(1, 2, 0).ravel()
    last = "output_layer.0"
    params = {
        "shared_embed": {"embedding": file["sd/shared.weight"]},
        "project": {"kernel": project["kernel"][:, order], "bias": project["bias"][order]},
        "norm": {"scale": file[f"sd/{last}.gain"], "bias": file[f"sd/{last}.bias"]},
        "image": layer(file, "output_layer.2"),
    }
    stats = {"norm": statistics(file, last)}
    for index in range(6):
        block, means = {}, {}
        for i in range(4):
            name = f"blocks.{index}.0.bn{i + 1}"
            block[f"conv_{i}"] = layer(file, f"blocks.{index}.0.conv{i + 1}")
            block[f"norm_{i}"] = {
                each: layer(file, f"{name}.{each}") for each in ("gain", "bias")
            }
            means[f"norm_{i}"] = {"norm": statistics(file, name)}
        params[f"block_{index}"], stats[f"block_{index}"] = block, means
    return params, {"batch_stats": stats}


def test_generator_equals_the_reference_in_evaluation_and_training():
    path = GOLDEN / "01_biggandeep_G32_hier_shared.npz"
    file = np.load(path, allow_pickle=False)
    z, y = file["in/z"], file["in/y"].astype(np.int32)
    net = BigGANDeepGenerator(BIGGAN_DEEP_PLANS[32], 8, num_classes=10, embedding=12)
    apply = jax.jit(from_linen(net, (20,), LABELS).apply, static_argnames="train")
    params, stats = generator_variables(file)
    for train, name in ((False, "out/eval"), (True, "out/train")):
        images, _ = apply(params, stats, z, y, train=train)
        np.testing.assert_allclose(images, file[name].transpose(0, 2, 3, 1), atol=5e-5)


def test_the_order_of_the_condition_and_unused_outputs_only_rename_weights():
    z, y = jax.random.normal(KEY, (2, 3)), jnp.array([1, 0])
    both = {"num_classes": 2, "embedding": 2, "kernel_init": QUICK}
    net = BigGANDeepGenerator(TINY, 8, 2, **both)
    variables = jax.jit(net.init)(KEY, z, y)

    def renamed(path, leaf):
        if path in ("project/kernel",) or path.split("/")[-2] in ("gain", "bias"):
            return jnp.concatenate([leaf[2:], leaf[:2]])
        if path.startswith("image"):
            return jnp.concatenate([leaf, jnp.ones((*leaf.shape[:-1], 3))], axis=-1)
        return leaf

    other = BigGANDeepGenerator(TINY, 8, 2, latent_first=True, image_features=5, **both)
    params = trees.map_with_path(renamed, variables["params"])
    expected = jax.jit(net.apply)(variables, z, y)
    actual = jax.jit(other.apply)(variables | {"params": params}, z, y)
    np.testing.assert_allclose(actual, expected, atol=1e-6)
    assert float(expected.std()) > 1e-3


def test_blocks_keep_what_they_drop_or_add_to():
    x = jax.random.normal(KEY, (1, 4, 4, 8))
    dropping = DeepGeneratorBlock(6, up=True, norm=None)
    params = jax.tree.map(jnp.zeros_like, dropping.init(KEY, x))
    expected = x[..., :6].repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(dropping.apply(params, x), expected)
    adding = DeepDiscriminatorBlock(11, down=True)
    params = adding.init(KEY, x)["params"]
    params["conv_3"] = jax.tree.map(jnp.zeros_like, params["conv_3"])
    mean = x.reshape(1, 2, 2, 2, 2, 8).mean(axis=(2, 4))
    out = adding.apply({"params": params}, x)
    np.testing.assert_allclose(out[..., :8], mean, atol=1e-6)
    new = mean @ params["shortcut"]["kernel"][0, 0]
    np.testing.assert_allclose(out[..., 8:], new, atol=1e-5)
    with pytest.raises(ValueError, match="cannot make 9 of 8"):
        DeepGeneratorBlock(9).init(KEY, x)
    with pytest.raises(ValueError, match="cannot make 7 of 8"):
        DeepDiscriminatorBlock(7).init(KEY, x)


def test_rematerialisation_changes_neither_gradients_nor_names():
    z, x = jax.random.normal(KEY, (3, 4)), jax.random.normal(KEY, (3, 4, 8, 3))

    plan = BigGANDeepPlan((2, 4), (2, 1), (True,), (1, 2), (True,))

    def players(remat):
        both = {"remat": remat, "kernel_init": QUICK}
        return BigGANDeepGenerator(plan, 4, **both), BigGANDeepDiscriminator(
            plan, 4, **both
        )

    g, d = players(remat=False)
    variables = jax.jit(lambda: (g.init(KEY, z), d.init(KEY, x)))()

    def gradients(remat):
        g, d = players(remat)
        shapes = jax.eval_shape(lambda: (g.init(KEY, z), d.init(KEY, x)))
        same = jax.tree.map(lambda a, b: a.shape == b.shape, shapes, variables)
        assert all(jax.tree.leaves(same))

        def loss(g_vars, d_vars):
            return jnp.square(g.apply(g_vars, z)).sum() + d.apply(d_vars, x).sum()

        return jax.jit(jax.grad(loss, argnums=(0, 1)))(*variables)

    plain, again = gradients(remat=False), gradients(remat=True)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), plain, again
    )
    kernel = plain[0]["params"]["block_0"]["conv_0"]["kernel"]
    assert float(jnp.abs(kernel).max()) > 1e-4


def test_an_image_needs_its_channels():
    net = BigGANDeepGenerator(TINY, 4, image_features=2)
    with pytest.raises(ValueError, match="2 image_features do not hold"):
        jax.eval_shape(net.init, KEY, jnp.ones((1, 4)))
