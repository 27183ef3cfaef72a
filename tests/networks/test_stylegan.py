"""StyleGAN's networks: sizes, what a layer does, styles by halves, and growing."""

from __future__ import annotations

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.networks.growing import weights_at
from gan_jax.networks.progan import ProGANPlan, progan_plan
from gan_jax.networks.stylegan import (
    StyleGANDiscriminator,
    StyleGANGenerator,
    StyleGANLayer,
    StyleGANSynthesis,
    blur,
)
from gan_jax.networks.stylegan2_mapping import MappingNetwork
from gan_jax.nn.resample import avg_pool, upsample_nearest

PLAN = ProGANPlan((6, 5, 4), 5)
W, Z = 3, 7


def generator_of(plan, w_dim=W, **options):
    synthesis = StyleGANSynthesis(plan, **options)
    layers = {"layers": 8 if w_dim > W else 2}
    return StyleGANGenerator(MappingNetwork(w_dim, synthesis.num_ws, **layers), synthesis)


@pytest.fixture(scope="module")
def made():
    """A tiny generator, its variables with noise of some strength, and latents."""
    module = generator_of(PLAN)
    z = jax.random.normal(jax.random.key(1), (4, Z))
    variables = module.init(jax.random.key(0), z)

    def bumped(path, leaf):
        if not path.endswith(("noise_strength", "bias")):
            return leaf
        return 0.1 * jnp.cos(jnp.arange(leaf.size, dtype=jnp.float32))

    params = trees.map_with_path(bumped, variables["params"])
    averages = {"mapping": {"w": jnp.array([0.5, -1.0, 2.0])}}
    return module, {**variables, "params": params, "averages": averages}, z


# Sizes.


def published_sizes(stages, channels):
    """By layers, (generator, discriminator), latents and w of 512."""
    f = [min(2**13 // 2 ** (k + 1), 512) for k in range(stages)]
    g = 8 * (512 * 512 + 512) + 16 * f[0] + 9 * f[0] ** 2
    d = 9 * (f[0] + 1) * f[0] + f[0] + 16 * f[0] * 512 + 512 + 512 + 1
    for coarse, fine in pairwise(f):
        g += 9 * coarse * fine + 9 * fine**2
        d += 9 * fine**2 + fine + 9 * fine * coarse + coarse
    # Noise, bias and the style's linear map of two layers a stage.
    g += sum(2 * (2 * width + 512 * 2 * width + 2 * width) for width in f)
    g += sum(channels * width + channels for width in f)
    return g, d + sum(channels * width + width for width in f)


@pytest.mark.parametrize(("side", "channels"), [(4, 1), (64, 4), (1024, 3)])
def test_published_sizes(side, channels):
    plan = progan_plan(side, side)
    module = generator_of(plan, 512, channels=channels)
    key, image = jax.random.key(0), jnp.zeros((1, side, side, channels))
    g = jax.eval_shape(module.init, key, jnp.zeros((1, 512)))
    d = jax.eval_shape(StyleGANDiscriminator(plan).init, key, image)
    sizes = tuple(trees.count(x["params"]) for x in (g, d))
    assert sizes == published_sizes(len(plan.features), channels)
    if side == 1024:
        assert sizes == (26_219_627, 23_087_249)


# Layers.


def test_blur_is_binomial_and_keeps_means():
    x = jnp.zeros((1, 5, 5, 2)).at[0, 2, 2].set(jnp.array([16.0, 32.0]))
    expected = np.outer([1, 2, 1], [1, 2, 1])
    y = np.asarray(blur(x))
    np.testing.assert_allclose(y[0, 1:4, 1:4, 0], expected)
    np.testing.assert_allclose(y[0, 1:4, 1:4, 1], 2 * expected)
    assert y.sum() == 48.0
    corner = blur(jnp.ones((1, 4, 4, 1)))
    np.testing.assert_allclose(corner[0, 0, :, 0], [0.5625, 0.75, 0.75, 0.5625])


def same_convolution(x, kernel):
    """A "SAME" 3 x 3 correlation in float64."""
    side = x.shape[1]
    padded = np.pad(np.asarray(x, np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = [
        padded[:, row : row + side, column : column + side] @ kernel[row, column]
        for row in range(3)
        for column in range(3)
    ]
    return sum(windows)


def blurred(x):
    """The binomial filter of each channel."""
    taps = np.outer([1, 2, 1], [1, 2, 1])[..., None, None] / 16.0
    return same_convolution(x, taps * np.eye(x.shape[-1]))


@pytest.mark.parametrize("up", [False, True])
def test_a_layer_by_hand(up):
    """Doubling, convolution, blur, noise by channel, bias, LeakyReLU, AdaIN."""
    layer = StyleGANLayer(3, up)
    keys = jax.random.split(jax.random.key(0), 3)
    x = jax.random.normal(keys[0], (2, 4, 4, 5))
    w = jax.random.normal(keys[1], (2, W))
    variables = layer.init(keys[2], x, w, "const")
    params = variables["params"] | {
        "noise_strength": jnp.array([0.3, -0.2, 0.5]), "bias": jnp.array([0.1, 0.0, -0.4])
    }  # fmt: skip
    ours = layer.apply({**variables, "params": params}, x, w, "const")
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    kernel = p["kernel"] * np.sqrt(2.0 / 45.0)
    maps = np.asarray(x).repeat(2, axis=1).repeat(2, axis=2) if up else np.asarray(x)
    h = same_convolution(maps, kernel)
    h = blurred(h) if up else h
    plane = np.asarray(variables["noise"]["plane"], np.float64)
    h += plane[None, :, :, None] * p["noise_strength"] + p["bias"]
    h = np.where(h > 0, h, 0.2 * h)
    mean, var = h.mean((1, 2), keepdims=True), h.var((1, 2), keepdims=True)
    h = (h - mean) / np.sqrt(var + 1e-8)
    style = np.asarray(w, np.float64) @ p["affine"]["kernel"] / np.sqrt(W)
    style = (style + p["affine"]["bias"])[:, None, None, :]
    np.testing.assert_allclose(ours, h * (1 + style[..., :3]) + style[..., 3:], atol=2e-5)


def test_the_discriminator_halves_the_blurred_maps():
    module = StyleGANDiscriminator(ProGANPlan((4, 3), 4))
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
    params = module.init(jax.random.key(1), x)["params"]
    _, kept = module.apply({"params": params}, x, capture_intermediates=True)
    found = {k: np.asarray(v["__call__"][0]) for k, v in kept["intermediates"].items()
             if k.startswith("conv")}  # fmt: skip
    h = np.where(found["conv_1_0"] > 0, found["conv_1_0"], 0.2 * found["conv_1_0"])
    convolved = same_convolution(blurred(h), np.asarray(params["conv_1_1"]["kernel"]))
    means = convolved.reshape(2, 4, 2, 4, 2, 4).mean((2, 4))
    np.testing.assert_allclose(found["conv_1_1"], means, rtol=1e-4, atol=1e-3)


# Styles and noise.


def test_a_generator_by_halves(made):
    module, variables, z = made
    ws = module.apply(variables, z, method="styles")
    assert ws.shape == (4, 6, W)
    np.testing.assert_array_equal(ws[:, 0], ws[:, 5])
    halves = module.apply(variables, ws, method="images")
    np.testing.assert_array_equal(halves, module.apply(variables, z))


def test_truncation_is_around_the_running_mean_in_some_layers(made):
    module, variables, z = made
    ws = np.asarray(module.apply(variables, z, method="styles"))
    mean = np.array([0.5, -1.0, 2.0], np.float32)
    pulled = module.apply(variables, z, truncation=0.7, layers=(0, 2), method="styles")
    np.testing.assert_allclose(pulled[:, :2], mean + 0.7 * (ws[:, :2] - mean), atol=1e-6)
    np.testing.assert_array_equal(pulled[:, 2:], ws[:, 2:])
    still = module.apply(variables, z, truncation=0.0)
    np.testing.assert_allclose(still[0], still[1], atol=1e-6)


def test_the_running_mean_follows_w_in_training(made):
    module, variables, z = made
    w = np.asarray(module.apply(variables, z, method="styles"))[:, 0]
    _, new = module.apply(variables, z, train=True, mutable=["averages"])
    expected = w.mean(0) + 0.995 * (np.array([0.5, -1.0, 2.0]) - w.mean(0))
    np.testing.assert_allclose(new["averages"]["mapping"]["w"], expected, rtol=1e-5)


def test_mixed_styles_take_the_later_layers(made):
    module, variables, z = made
    other = jax.random.normal(jax.random.key(9), z.shape)
    cut = jnp.array([0, 2, 5, 6])
    mixed = module.apply(variables, z, mixed=(other, cut))
    first, second = (module.apply(variables, x, method="styles") for x in (z, other))
    ws = np.array(first)
    for row, place in enumerate([0, 2, 5, 6]):
        ws[row, place:] = second[row, place:]
    np.testing.assert_array_equal(mixed, module.apply(variables, ws, method="images"))
    np.testing.assert_allclose(mixed[3], module.apply(variables, z)[3], atol=1e-6)
    np.testing.assert_allclose(mixed[0], module.apply(variables, other)[0], atol=1e-6)


def test_noise_is_kept_drawn_by_example_or_none(made):
    module, variables, z = made
    kept = module.apply(variables, z)
    np.testing.assert_array_equal(kept, module.apply(variables, z, noise="const"))
    keys = jax.random.split(jax.random.key(3), 4)
    drawn = module.apply(variables, z, noise=keys)
    alone = module.apply(variables, z[2:3], noise=keys[2:3])
    np.testing.assert_allclose(drawn[2:3], alone, atol=1e-4)
    assert float(jnp.abs(drawn - kept).max()) > 1e-2
    silent = generator_of(PLAN, use_noise=False)
    params = jax.tree.map(lambda x: x, variables["params"])
    for layer in params["synthesis"].values():
        layer.pop("noise_strength", None)
    none = module.apply(variables, z, noise="none")
    np.testing.assert_array_equal(none, silent.apply({"params": params}, z))
    with pytest.raises(ValueError, match="noise is 'const', 'none' or a typed key"):
        module.apply(variables, z, noise="fresh")


def test_a_wrong_number_of_styles_is_refused(made):
    module, variables, _ = made
    with pytest.raises(ValueError, match="a network of 3 stages has 6 styles, got 4"):
        module.apply(variables, jnp.zeros((2, 4, W)), method="images")


# Growing.


def test_stages_begin_as_those_before(made):
    module, variables, z = made
    for stage in (1, 2):
        before = module.apply(variables, z, stage=stage - 1)
        now = module.apply(variables, z, stage=stage, alpha=0.0)
        np.testing.assert_array_equal(now, upsample_nearest(before))
    judge = StyleGANDiscriminator(PLAN)
    x = jax.random.normal(jax.random.key(5), (4, 16, 16, 3))
    weights = judge.init(jax.random.key(6), x)
    np.testing.assert_array_equal(
        judge.apply(weights, x, alpha=0.0), judge.apply(weights, avg_pool(x), stage=1)
    )


def test_a_level_is_a_stage_and_its_weight_at_full_size(made):
    module, variables, z = made
    whole = module.apply(variables, z, alpha=weights_at(jnp.float32(0.4), 3))
    faded = module.apply(variables, z, stage=1, alpha=jnp.float32(0.4))
    np.testing.assert_allclose(whole, upsample_nearest(faded), atol=1e-5)
