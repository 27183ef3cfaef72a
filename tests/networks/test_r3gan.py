"""R3GAN against the arithmetic of its published layers."""

import math
from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.networks.r3gan import (
    R3GAN_PLANS,
    R3GANBlock,
    R3GANDiscriminator,
    R3GANGenerator,
    R3GANPlan,
    r3gan_plan,
)
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.lowpass import lowpass_downsample, lowpass_upsample

KEY = jax.random.key(0)
LABELS = jax.ShapeDtypeStruct((2,), jnp.int32)
TINY = R3GANPlan((2, 3), (6, 4), (3, 2), (1, 2))


def published(plan, classes, latent=64):
    """Parameters of the layers that the authors' code creates: (generator,
    discriminator).
    """

    def block(width, groups):
        hidden = 2 * width
        grouped = hidden * (hidden // groups) * 9
        return 2 * width * hidden + grouped + 2 * hidden

    widths = plan.features
    shared = sum(
        count * block(width, groups)
        for width, groups, count in zip(widths, plan.groups, plan.blocks, strict=True)
    )
    shared += sum(a * b for a, b in pairwise(widths) if a != b)
    shared += 3 * widths[-1] + 16 * widths[0]
    if classes is None:
        return shared + latent * widths[0], shared + widths[0]
    g = shared + 2 * latent * widths[0] + classes * latent
    return g, shared + widths[0] ** 2 + classes * widths[0]


@pytest.mark.parametrize(
    ("name", "classes", "millions"),
    [
        ("ffhq256", None, (23.058, 23.010)),
        ("ffhq64", None, (22.430, 22.381)),
        ("cifar10", None, (20.732, 20.684)),
        ("cifar10", 10, (20.782, 21.281)),
        ("imagenet32", 1000, (82.914, 86.549)),
        ("imagenet64", 1000, (103.570, 107.205)),
    ],
)
def test_parameter_counts_are_those_of_the_published_layers(name, classes, millions):
    plan = R3GAN_PLANS[name]
    side = 4 << (len(plan.features) - 1)
    nets = (
        from_linen(R3GANGenerator(plan, num_classes=classes), (64,), LABELS),
        from_linen(R3GANDiscriminator(plan, num_classes=classes), (side, side, 3), LABELS),
    )
    counts = [trees.count(jax.eval_shape(net.init, KEY)[0]) for net in nets]
    assert counts == list(published(plan, classes))
    assert tuple(round(count / 1e6, 3) for count in counts) == millions


def test_plans():
    assert R3GAN_PLANS["ffhq256"] == R3GANPlan(
        (4, 4), (768,) * 4 + (384, 192, 96), (96,) * 4 + (48, 24, 12), (2,) * 7, 2, 3
    )
    assert R3GAN_PLANS["imagenet64"].groups == (96,) * 5
    assert r3gan_plan(24, 40, features=32, tapered=1).features == (32, 32, 16)
    with pytest.raises(ValueError, match="3 stages can taper 0 to 2 times"):
        r3gan_plan(16, 16, tapered=3)
    with pytest.raises(ValueError, match="do not make whole groups of 16"):
        r3gan_plan(16, 16, features=24, tapered=1)


@pytest.mark.parametrize("classes", [None, 4])
def test_other_shapes_and_channels(classes):
    plan = r3gan_plan(12, 20, features=16)
    g = R3GANGenerator(plan, 5, num_classes=classes)
    d = R3GANDiscriminator(plan, num_classes=classes)
    y = jnp.zeros(2, jnp.int32)
    images, _ = jax.eval_shape(partial(g.init_with_output, KEY), jnp.zeros((2, 7)), y)
    assert (images.shape, images.dtype) == ((2, 12, 20, 5), jnp.float32)
    logits, _ = jax.eval_shape(partial(d.init_with_output, KEY), images, y)
    assert (logits.shape, logits.dtype) == ((2,), jnp.float32)


def drawn(variables):
    """Parameters none of which are zero, unlike at the start."""
    leaves, structure = jax.tree.flatten(variables)
    keys = jax.random.split(KEY, len(leaves))
    pairs = zip(keys, leaves, strict=True)
    return jax.tree.unflatten(
        structure, [0.5 * jax.random.normal(key, x.shape) for key, x in pairs]
    )


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def exact_block(x, params, groups):
    """A block in float64: bias and LeakyReLU after the first two convolutions."""
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    h = leaky(x @ p["conv_0"]["kernel"][0, 0] + p["conv_0"]["bias"])
    kernel, size = p["conv_1"]["kernel"], h.shape[-1] // groups
    padded = np.pad(h, ((0, 0), (1, 1), (1, 1), (0, 0)))
    out = np.zeros_like(h)
    for i, j in np.ndindex(3, 3):
        seen = padded[:, i : i + h.shape[1], j : j + h.shape[2]]
        for group in range(groups):
            part = slice(group * size, (group + 1) * size)
            out[..., part] += seen[..., part] @ kernel[i, j, :, part]
    return x + leaky(out + p["conv_1"]["bias"]) @ p["conv_2"]["kernel"][0, 0]


def test_the_generator_equals_a_float64_reference():
    z, y = jax.random.normal(KEY, (2, 5)), jnp.array([1, 0])
    net = R3GANGenerator(TINY, 3, num_classes=2, embedding=3)
    params = drawn(net.init(KEY, z, y)["params"])
    inputs = np.concatenate([z, params["embed"]["embedding"][y]], axis=1)
    h = params["basis"][None] * (inputs @ params["project"]["kernel"])[:, None, None]
    h = exact_block(np.asarray(h), params["block_0_0"], 3)
    h = h @ params["transition_1"]["kernel"][0, 0]
    h = np.asarray(lowpass_upsample(jnp.asarray(h, jnp.float32)))
    for index in range(2):
        h = exact_block(h, params[f"block_1_{index}"], 2)
    expected = h @ params["image"]["kernel"][0, 0]
    actual = jax.jit(net.apply)({"params": params}, z, y)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)
    assert float(jnp.abs(actual).max()) > 1.0


def test_the_discriminator_equals_a_float64_reference():
    x, y = jax.random.normal(KEY, (2, 4, 6, 3)), jnp.array([1, 0])
    net = R3GANDiscriminator(TINY, num_classes=2)
    params = drawn(net.init(KEY, x, y)["params"])
    h = np.asarray(x) @ params["image"]["kernel"][0, 0]
    for index in range(2):
        h = exact_block(np.asarray(h), params[f"block_1_{index}"], 2)
    h = lowpass_downsample(jnp.asarray(h, jnp.float32))
    h = exact_block(
        np.asarray(h @ params["transition_1"]["kernel"][0, 0]), params["block_0_0"], 3
    )
    features = (h * np.asarray(params["basis"])).sum(axis=(1, 2))
    products = features @ params["logit"]["kernel"] * params["embed"]["embedding"][y]
    actual = jax.jit(net.apply)({"params": params}, x, y)
    np.testing.assert_allclose(actual, products.sum(axis=-1), rtol=1e-4, atol=1e-4)


def test_blocks_start_as_the_identity_with_scaled_branches():
    x = jax.random.normal(KEY, (1, 4, 4, 64))
    block = R3GANBlock(groups=2, expansion=2, total=16)
    out, variables = block.init_with_output(KEY, x)
    np.testing.assert_array_equal(out, x)
    # Seed 0; 8,192 and 73,728 draws: four standard errors are 3.2% and 1.1%.
    gain = math.sqrt(2 / 1.04) * 16**-0.25
    for name, fan_in, bound in (("conv_0", 64, 0.032), ("conv_1", 64 * 9, 0.011)):
        spread = float(variables["params"][name]["kernel"].std())
        assert spread == pytest.approx(gain / math.sqrt(fan_in), rel=bound)
    assert not variables["params"]["conv_2"]["kernel"].any()


def test_coarse_stages_are_float32_under_bfloat16():
    z = jax.random.normal(KEY, (2, 5))

    def images(full, dtype):
        net = R3GANGenerator(TINY._replace(full=full), dtype=dtype)
        params = drawn(jax.eval_shape(net.init, KEY, z)["params"])
        return np.asarray(jax.jit(net.apply)({"params": params}, z))

    exact = images(0, jnp.float32)
    np.testing.assert_array_equal(images(2, jnp.bfloat16), exact)
    errors = [np.abs(images(full, jnp.bfloat16) - exact).mean() for full in (0, 1)]
    assert 0.0 < errors[1] < errors[0] < 0.05 * np.abs(exact).max()


def test_rematerialisation_keeps_values_and_is_by_block():
    z = jax.random.normal(KEY, (2, 5))
    plain, again = (R3GANGenerator(TINY, remat=remat) for remat in (False, True))
    params = drawn(plain.init(KEY, z)["params"])
    assert jax.tree.map(jnp.shape, params) == jax.tree.map(
        jnp.shape, again.init(KEY, z)["params"]
    )

    def loss(net, params):
        return jnp.square(net.apply({"params": params}, z)).sum()

    gradients = [jax.jit(jax.grad(partial(loss, net)))(params) for net in (plain, again)]
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), *gradients
    )
    jaxpr = jax.make_jaxpr(partial(loss, again))(params)
    assert sum(each.primitive.name == "remat2" for each in jaxpr.eqns) == 3
