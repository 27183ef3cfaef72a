"""BigGAN against reference vectors, parameter counts and tables of public code."""

import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.networks.biggan import (
    BIGGAN_PLANS,
    BigGANDiscriminator,
    BigGANGenerator,
    BigGANPlan,
    biggan_plan,
)
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.initializers import glorot_uniform
from gan_jax.nn.norm import BatchNorm

GOLDEN = Path(__file__).parents[1] / "golden"
KEY = jax.random.key(0)
LABELS = jax.ShapeDtypeStruct((2,), jnp.int32)
SMALL = BigGANPlan((1, 2), (2, 2, 1), (1, 2, 2), (True, True, False), (0,), (0,))
TINY = BigGANPlan((2, 4), (2, 1), (1, 2), (True, False), (0,), (0,))
# Orthogonal kernels take longer to draw than these networks to compute.
QUICK = glorot_uniform()
ROWS = json.loads((GOLDEN / "01_biggan_param_counts.json").read_text())["rows"]


def size_of(net, *inputs):
    return trees.count(jax.eval_shape(from_linen(net, *inputs).init, KEY)[0])


def generator_size(
    plan, width, latent, *, classes=1000, embedding: int | None = 128, hierarchical=True
):
    net = BigGANGenerator(
        plan,
        width,
        num_classes=classes,
        embedding=embedding,
        hierarchical=hierarchical,
    )
    return size_of(net, (latent,), LABELS)


def discriminator_size(resolution, width, classes=1000):
    net = BigGANDiscriminator(BIGGAN_PLANS[resolution], width, num_classes=classes)
    return size_of(net, (resolution, resolution, 3), LABELS)


@pytest.mark.parametrize("resolution", [32, 64, 128, 256, 512])
def test_parameter_counts_are_those_of_the_public_code(resolution):
    chosen = [
        row
        for row in ROWS
        if row["model"] == "BigGAN" and row["resolution"] == resolution and "params" in row
    ]
    for row in chosen:
        if row["net"] == "D":
            count = discriminator_size(resolution, row["D_ch"], row["n_classes"])
        else:
            count = generator_size(
                BIGGAN_PLANS[resolution],
                row["G_ch"],
                row.get("dim_z_effective", row["dim_z"]),
                classes=row["n_classes"],
                embedding=128 if row["G_shared"] else None,
                hierarchical=row["hier"],
            )
        assert count == row["params"], row
    assert len(chosen) == {32: 2, 64: 2, 128: 10, 256: 10, 512: 8}[resolution]


@pytest.mark.parametrize(
    ("width", "shared", "hierarchical", "millions"),
    [
        (64, False, False, 81.5),
        (96, False, False, 173.5),
        (96, True, False, 160.6),
        (96, True, True, 158.3),
        (64, True, True, 71.3),
    ],
)
def test_parameter_counts_are_those_of_the_ablation(width, shared, hierarchical, millions):
    # Table 1 of the paper, which leaves out the shared embedding.
    g = generator_size(
        BIGGAN_PLANS[128],
        width,
        120 if hierarchical else 128,
        embedding=128 if shared else None,
        hierarchical=hierarchical,
    )
    both = g + discriminator_size(128, width) - (128_000 if shared else 0)
    assert round(both / 1e6, 1) == millions


def test_counts_of_compare_gan_at_512():
    # Its latent has 160 dimensions; its discriminator has 98,801,378 parameters, without
    # the shortcut convolutions of the two blocks that halve but keep channels.
    assert generator_size(BIGGAN_PLANS[512], 96, 160) == 82_468_068
    shortcuts = (96 * 96 + 96) + (768 * 768 + 768)
    assert discriminator_size(512, 96) == 98_801_378 + shortcuts


def test_plans_of_other_shapes():
    wide = biggan_plan(128, 256)
    assert wide == BIGGAN_PLANS[128]._replace(base=(4, 8))
    assert biggan_plan(96, 96) == BIGGAN_PLANS[64]._replace(base=(6, 6))
    assert biggan_plan(160, 192).generator_attention == (3,)
    assert biggan_plan(1024, 1024).generator == (16, 16, 8, 8, 4, 2, 1, 1, 1)
    assert biggan_plan(8, 8) == BigGANPlan(
        (4, 4), (4, 4), (4, 4, 4, 4), (True, False, False, False)
    )
    chosen = biggan_plan(128, 128, attention=(128, 32, 4))
    assert chosen.generator_attention == (2, 4)
    assert chosen.discriminator_attention == (1, 4)
    with pytest.raises(ValueError, match="side of 48 for attention: choose among"):
        biggan_plan(64, 64, attention=(48,))


@pytest.mark.parametrize(("height", "width", "channels"), [(24, 40, 1), (20, 16, 5)])
def test_other_shapes_and_channels(height, width, channels):
    plan = biggan_plan(height, width, attention=(2 * min(biggan_plan(height, width).base),))
    g = BigGANGenerator(plan, 3, channels, num_classes=4)
    d = BigGANDiscriminator(plan, 3, num_classes=4)
    z = jnp.zeros((2, 3 * len(plan.generator)))
    y = jnp.zeros(2, jnp.int32)
    images, _ = jax.eval_shape(partial(g.init_with_output, KEY), z, y)
    assert images.shape == (2, height, width, channels)
    logits, variables = jax.eval_shape(partial(d.init_with_output, KEY), images, y)
    assert (logits.shape, logits.dtype) == ((2,), jnp.float32)
    assert f"attention_{plan.discriminator_attention[0]}" in variables["params"]


# Reference vectors.


def load(name):
    return np.load(GOLDEN / f"01_biggan_{name}.npz", allow_pickle=False)


def nhwc(images):
    return images.transpose(0, 2, 3, 1)


def weight(file, name):
    """A weight divided by the reference's singular value: one power iteration from u0."""
    w, u = file[f"sd/{name}.weight"], file[f"sd/{name}.u0"]
    matrix = w.reshape(w.shape[0], -1)
    v = u @ matrix
    image = v / np.linalg.norm(v) @ matrix.T
    return w / np.linalg.norm(image)


def layer(file, name):
    w = weight(file, name)
    found = {"kernel": w.transpose((2, 3, 1, 0) if w.ndim == 4 else (1, 0))}
    bias = f"sd/{name}.bias"
    return found | ({"bias": file[bias]} if bias in file.files else {})


def convolutions(file, name):
    names = {"conv_0": "conv1", "conv_1": "conv2", "shortcut": "conv_sc"}
    return {
        ours: layer(file, f"{name}.{theirs}")
        for ours, theirs in names.items()
        if f"sd/{name}.{theirs}.weight" in file.files
    }


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
    for index in range(3):
        name = f"blocks.{index}.0"
        norms = {
            f"norm_{i}": {
                each: layer(file, f"{name}.bn{i + 1}.{each}") for each in ("gain", "bias")
            }
            for i in range(2)
        }
        params[f"block_{index}"] = convolutions(file, name) | norms
        stats[f"block_{index}"] = {
            f"norm_{i}": {"norm": statistics(file, f"{name}.bn{i + 1}")} for i in range(2)
        }
    return params, {"batch_stats": stats}


def test_generator_equals_the_reference_in_evaluation_and_training():
    file = load("G32_hier_shared")
    z, y = file["in/z"], file["in/y"].astype(np.int32)
    net = BigGANGenerator(BIGGAN_PLANS[32], 8, num_classes=10, embedding=12)
    apply = jax.jit(from_linen(net, (20,), LABELS).apply, static_argnames="train")
    params, stats = generator_variables(file)
    images, _ = apply(params, stats, z, y, train=False)
    np.testing.assert_allclose(images, nhwc(file["out/eval"]), atol=2e-5)
    images, _ = apply(params, stats, z, y, train=True)
    np.testing.assert_allclose(images, nhwc(file["out/train"]), atol=5e-5)


def test_discriminator_equals_the_reference():
    file = load("D32")
    y = file["in/y"].astype(np.int32)
    net = BigGANDiscriminator(BIGGAN_PLANS[32], 4, num_classes=10)
    params = {f"block_{i}": convolutions(file, f"blocks.{i}.0") for i in range(4)}
    params["logit"] = layer(file, "linear")
    params["embed"] = {"embedding": weight(file, "embed")}

    def total(x):
        logits = net.apply({"params": params}, x, y)
        return logits.sum(), logits

    gradient, logits = jax.jit(jax.grad(total, has_aux=True))(nhwc(file["in/x"]))
    np.testing.assert_allclose(logits, file["out/eval"][:, 0], rtol=2e-5)
    expected = nhwc(file["out/eval_gradx"])
    np.testing.assert_allclose(gradient, expected, atol=2e-5 * np.abs(expected).max())


# Options.


def players(**both):
    both |= {"num_classes": 3, "rows": 5, "kernel_init": QUICK}
    return BigGANGenerator(TINY, 8, embedding=4, **both), BigGANDiscriminator(
        TINY, 8, **both
    )


def variables():
    g, d = players()
    keys = jax.random.split(KEY)
    z, y = jax.random.normal(KEY, (4, 4)), jnp.array([0, 2, 1, 0])
    x = jnp.ones((4, 4, 8, 3))
    return z, y, *jax.jit(lambda: (g.init(keys[0], z, y), d.init(keys[1], x, y)))()


def test_rematerialisation_changes_neither_gradients_nor_names_nor_statistics():
    z, y, g_vars, d_vars = variables()

    def gradients(remat):
        g, d = players(remat=remat)
        shapes = (
            jax.eval_shape(g.init, KEY, z, y),
            jax.eval_shape(d.init, KEY, jnp.ones((4, 4, 8, 3)), y),
        )
        same = jax.tree.map(lambda a, b: a.shape == b.shape, shapes, (g_vars, d_vars))
        assert all(jax.tree.leaves(same))

        def loss(g_params, d_params):
            bound = g_vars | {"params": g_params}
            fake, new = g.apply(bound, z, y, train=True, mutable=["batch_stats"])
            logits = d.apply({"params": d_params}, fake, y, train=True)
            return jnp.square(logits).mean(), new

        both = jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))
        return both(g_vars["params"], d_vars["params"])

    plain, again = gradients(remat=False), gradients(remat=True)
    # Biases before a batch norm have gradients of zero; what they show is rounding.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=5e-6), plain, again
    )
    assert float(jnp.abs(plain[0][0]["block_0"]["conv_0"]["kernel"]).max()) > 1e-5


@pytest.mark.parametrize("net", ["generator", "discriminator"])
def test_rematerialisation_is_by_block(net):
    def count(remat):
        if net == "generator":
            module, x = BigGANGenerator(SMALL, 8, remat=remat), jnp.ones((2, 6))
        else:
            module, x = BigGANDiscriminator(SMALL, 8, remat=remat), jnp.ones((2, 4, 8, 3))
        variables = jax.eval_shape(module.init, KEY, x)
        jaxpr = jax.make_jaxpr(lambda v: module.apply(v, x))(variables)
        return sum(equation.primitive.name == "remat2" for equation in jaxpr.eqns)

    blocks = {"generator": 2, "discriminator": 3}[net]
    assert (count(False), count(True)) == (0, blocks)


def test_bfloat16_keeps_parameters_statistics_images_and_logits_in_float32():
    z, y, g_vars, d_vars = variables()

    def both(dtype):
        g, d = players(dtype=dtype)
        images, new = g.apply(g_vars, z, y, train=True, mutable=["batch_stats"])
        return images, d.apply(d_vars, images, y), new

    half = jax.jit(partial(both, jnp.bfloat16))()
    assert {x.dtype for x in jax.tree.leaves(half)} == {jnp.dtype(jnp.float32)}
    whole = jax.jit(partial(both, jnp.float32))()
    np.testing.assert_allclose(half[0], whole[0], atol=0.05)
    np.testing.assert_allclose(half[1], whole[1], atol=0.05 * np.abs(whole[1]).max())
    assert float(jnp.abs(half[0] - whole[0]).max()) > 1e-5


@pytest.mark.parametrize(
    ("classes", "embedding", "hierarchical", "norm"),
    [
        (None, None, False, {"scale", "bias"}),
        (None, None, True, {"gain/kernel", "bias/kernel"}),
        (3, None, False, {"gain/embedding", "bias/embedding"}),
        (3, 4, False, {"gain/kernel", "bias/kernel"}),
        (3, 4, True, {"gain/kernel", "bias/kernel"}),
    ],
)
def test_what_the_norms_are_conditioned_on(classes, embedding, hierarchical, norm):
    net = BigGANGenerator(
        SMALL, 8, num_classes=classes, embedding=embedding, hierarchical=hierarchical
    )
    params, _ = jax.eval_shape(from_linen(net, (6,), LABELS).init, KEY)
    block = dict(trees.leaves_with_path(params["block_1"]["norm_0"]))
    assert set(block) == norm
    if "gain/kernel" in norm:
        inputs = (embedding or 0) + (2 if hierarchical else 0)
        assert block["gain/kernel"].shape == (inputs, 16)
    assert ("shared_embed" in params) == (embedding is not None and classes is not None)
    assert params["project"]["kernel"].shape[0] == (2 if hierarchical else 6)


def test_norm_settings_reach_the_norms():
    def images(epsilon):
        norm = partial(BatchNorm, epsilon=epsilon)
        net = BigGANGenerator(SMALL, 8, norm=norm, kernel_init=QUICK)
        return jax.jit(lambda: net.init_with_output(KEY, jnp.ones((2, 6)))[0])()

    assert float(jnp.abs(images(1e-5) - images(100.0)).max()) > 1e-3


def test_impossible_latents_are_refused():
    with pytest.raises(ValueError, match=r"7 dimensions .* multiple of 3, such as 6"):
        BigGANGenerator(SMALL, 8).init(KEY, jnp.ones((2, 7)))
    net = BigGANGenerator(SMALL, 8, num_classes=3, embedding=None)
    with pytest.raises(ValueError, match="needs a shared embedding"):
        net.init(KEY, jnp.ones((2, 6)), jnp.zeros(2, jnp.int32))
