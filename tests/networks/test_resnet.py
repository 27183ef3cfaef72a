"""Residual networks against reference vectors and parameter counts of public code."""

import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.networks.resnet import (
    DISCRIMINATOR_PLANS,
    GENERATOR_PLANS,
    DiscriminatorPlan,
    GeneratorPlan,
    ResNetDiscriminator,
    ResNetGenerator,
)
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.conv import BILINEAR
from gan_jax.nn.norm import LayerNorm
from gan_jax.nn.resample import global_mean_pool

GOLDEN = Path(__file__).parents[1] / "golden"
KEY = jax.random.key(0)
LABELS = jax.ShapeDtypeStruct((2,), jnp.int32)


def load(name):
    return np.load(GOLDEN / f"04_mimicry_sngan32_{name}.npz", allow_pickle=False)


def nhwc(images):
    return images.transpose(0, 2, 3, 1)


def layer(file, name, suffix="weight"):
    """A convolution or linear layer; spectrally normalised where it is stored so."""
    weight = file[f"sd/{name}.{suffix}"]
    if suffix == "weight_orig":
        u, v = file[f"sd/{name}.weight_u"], file[f"sd/{name}.weight_v"]
        weight = weight / (u @ weight.reshape(weight.shape[0], -1) @ v)
    axes = (2, 3, 1, 0) if weight.ndim == 4 else (1, 0)
    return {"kernel": weight.transpose(axes), "bias": file[f"sd/{name}.bias"]}


def generator_variables(file):
    def norm(name):
        return {"scale": file[f"sd/{name}.weight"], "bias": file[f"sd/{name}.bias"]}

    def stat(name):
        return {
            "mean": file[f"sd/{name}.running_mean"],
            "var": file[f"sd/{name}.running_var"],
        }

    params, stats = {}, {"norm": stat("b5")}
    project = layer(file, "l1")
    # Channels first in the reference: reorder the outputs of the projection.
    order = np.arange(16 * 16).reshape(16, 4, 4).transpose(1, 2, 0).ravel()
    params["project"] = {
        "kernel": project["kernel"][:, order],
        "bias": project["bias"][order],
    }
    params |= {"norm": norm("b5"), "image": layer(file, "c5")}
    for index in range(3):
        name = f"block{index + 2}"
        params[f"block_{index}"] = {
            "norm_0": norm(f"{name}.b1"),
            "norm_1": norm(f"{name}.b2"),
            "conv_0": layer(file, f"{name}.c1"),
            "conv_1": layer(file, f"{name}.c2"),
            "shortcut": layer(file, f"{name}.c_sc"),
        }
        stats[f"block_{index}"] = {
            "norm_0": stat(f"{name}.b1"),
            "norm_1": stat(f"{name}.b2"),
        }
    return params, {"batch_stats": stats}


def discriminator_params(file):
    params = {"logit": layer(file, "l5", "weight_orig")}
    for index in range(4):
        names = {"conv_0": "c1", "conv_1": "c2"} | (
            {"shortcut": "c_sc"} if index < 2 else {}
        )
        params[f"block_{index}"] = {
            ours: layer(file, f"block{index + 1}.{theirs}", "weight_orig")
            for ours, theirs in names.items()
        }
    return params


def generator():
    plan = GeneratorPlan((4, 4, 16), (16, 16, 16))
    return from_linen(ResNetGenerator(plan, use_bias=True, upsampling=BILINEAR), (16,))


def test_generator_equals_the_reference_in_evaluation_and_training():
    file = load("G")
    params, stats = generator_variables(file)
    apply = jax.jit(generator().apply, static_argnames="train")
    images, _ = apply(params, stats, file["in/z"], train=False)
    np.testing.assert_allclose(images, nhwc(file["out/eval"]), atol=2e-5)
    images, updated = apply(params, stats, file["in/z"], train=True)
    np.testing.assert_allclose(images, nhwc(file["out/train"]), atol=5e-5)
    final = updated["batch_stats"]["norm"]
    np.testing.assert_allclose(
        final["mean"], file["out/after/b5.running_mean"], rtol=1e-4, atol=1e-5
    )
    # The reference keeps the unbiased variance of its 3 * 32 * 32 values.
    old, n = file["sd/b5.running_var"], 3 * 32 * 32
    batch = (final["var"] - 0.9 * old) / 0.1 * n / (n - 1)
    np.testing.assert_allclose(
        0.9 * old + 0.1 * batch, file["out/after/b5.running_var"], rtol=1e-4
    )


@pytest.mark.parametrize(
    ("rectified", "name"), [(True, "eval"), (False, "eval_no_inplace")]
)
def test_discriminator_equals_the_reference(rectified, name):
    file = load("D")
    plan = DiscriminatorPlan((16,) * 4, (True, True, False, False))
    net = ResNetDiscriminator(plan, rectified_shortcut=rectified)

    def logits(x):
        return net.apply({"params": discriminator_params(file)}, x)

    x = nhwc(file["in/x"])
    out, gradient = jax.jit(lambda x: (logits(x), jax.grad(lambda x: logits(x).sum())(x)))(
        x
    )
    np.testing.assert_allclose(out, file[f"out/{name}"][:, 0], rtol=2e-5, atol=2e-5)
    if rectified:
        expected = nhwc(file["out/eval_gradx"])
        np.testing.assert_allclose(gradient, expected, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("model", "resolution"),
    [
        ("sngan32", 32),
        ("sngan48", 48),
        ("sngan64", 64),
        ("sngan128", 128),
        ("cganpd32", 32),
    ],
)
def test_parameter_counts_are_the_published_ones(model, resolution):
    rows = json.loads((GOLDEN / "04_mimicry_param_counts.json").read_text())["rows"]
    row = next(row for row in rows if row["model"] == model)
    num_classes = row["kwargs"].get("num_classes")
    labels = () if num_classes is None else (LABELS,)
    g = ResNetGenerator(GENERATOR_PLANS[resolution], use_bias=True, num_classes=num_classes)
    d = ResNetDiscriminator(DISCRIMINATOR_PLANS[resolution], num_classes=num_classes)
    nets = (
        from_linen(g, (128,), *labels),
        from_linen(d, (resolution, resolution, 3), *labels),
    )
    counts = [trees.count(jax.eval_shape(net.init, KEY)[0]) for net in nets]
    assert counts == [row["G"], row["D"]]


def test_biases_before_batch_norm_are_left_out_by_default():
    params, _ = jax.eval_shape(from_linen(ResNetGenerator(), (128,)).init, KEY)
    block = params["block_0"]
    assert [list(block[name]) for name in ("conv_0", "conv_1", "shortcut")] == [
        ["kernel"]
    ] * 3
    bare, _ = jax.eval_shape(from_linen(ResNetGenerator(norm=None), (128,)).init, KEY)
    assert set(bare["block_0"]["conv_0"]) == {"kernel", "bias"}


def test_layer_norm_critic_keeps_examples_apart():
    plan = DiscriminatorPlan((4, 6), (True, False))
    net = from_linen(
        ResNetDiscriminator(plan, norm=LayerNorm, pool=global_mean_pool), (8, 12, 2)
    )
    params, stats = net.init(KEY)
    x = jax.random.normal(KEY, (3, 8, 12, 2))
    apply = jax.jit(partial(net.apply, train=True))
    together, _ = apply(params, stats, x)
    alone = [apply(params, stats, x[i : i + 1])[0] for i in range(3)]
    assert stats == {}
    np.testing.assert_allclose(together, jnp.concatenate(alone), rtol=1e-4, atol=1e-6)
    assert float(together.std()) > 1e-3
