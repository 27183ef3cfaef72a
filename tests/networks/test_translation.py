"""Networks between images: the published sizes, what a logit sees, and dropout by keys."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import prng, tracing, trees
from gan_jax.networks import (
    PatchDiscriminator,
    PixelDiscriminator,
    ResNetTranslator,
    UNetGenerator,
)
from gan_jax.nn import BatchNorm, from_linen

KEY = jax.random.key(0)
KEYS = prng.per_example(jax.random.key(3), 3)
IMAGES = jax.random.uniform(KEY, (3, 16, 16, 3), minval=-1.0)
BATCH = {"norm": BatchNorm, "use_bias": False}


def parameters(module, *shape):
    params, _ = jax.eval_shape(from_linen(module, shape).init, KEY)
    return trees.count(params)


@pytest.mark.parametrize(
    ("module", "side", "channels", "count"),
    [
        (ResNetTranslator(), 256, 3, 11_378_179),
        (ResNetTranslator(blocks=6), 128, 3, 7_837_699),
        (UNetGenerator(), 256, 3, 54_413_955),
        (UNetGenerator(levels=7), 128, 3, 41_828_995),
        (PatchDiscriminator(), 256, 3, 2_764_737),
        (PatchDiscriminator(**BATCH), 256, 6, 2_768_705),
        (PixelDiscriminator(**BATCH), 256, 6, 9_024),
    ],
)
def test_published_sizes(module, side, channels, count):
    assert parameters(module, side, side, channels) == count


@pytest.mark.parametrize(("layers", "window"), [(1, 16), (2, 34), (3, 70)])
def test_a_logit_sees_a_patch(layers, window):
    module = PatchDiscriminator(layers, width=1, norm=None)
    x = jax.random.normal(KEY, (1, window + (8 << layers), window + (8 << layers), 1))
    variables = module.init(KEY, x)
    middle = module.apply(variables, x).shape[1] // 2

    @jax.jit
    def seen(x):
        return jax.grad(lambda x: module.apply(variables, x)[0, middle, middle])(x)

    for axis in (1, 2):
        columns = np.flatnonzero(np.asarray(seen(x))[0].any(axis=(2 - axis, 2)))
        assert len(columns) == window == columns[-1] - columns[0] + 1


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (PatchDiscriminator(2, width=2), (3, 2, 2)),
        (PatchDiscriminator(1, width=2), (3, 6, 6)),
        (PixelDiscriminator(width=2), (3, 16, 16)),
    ],
)
def test_several_images_are_one_of_all_their_channels(module, shape):
    pair = (IMAGES, IMAGES[..., :1] ** 2)
    variables = module.init(KEY, pair)
    logits = module.apply(variables, pair)
    assert logits.shape == shape
    whole = module.apply(variables, jnp.concatenate(pair, axis=-1))
    np.testing.assert_array_equal(logits, whole)


def test_pixels_are_judged_by_themselves():
    module = PixelDiscriminator(width=4, norm=None)
    variables = module.init(KEY, IMAGES)
    logits = module.apply(variables, IMAGES)
    turned = module.apply(variables, IMAGES.transpose(0, 2, 1, 3)[:, ::-1])
    np.testing.assert_allclose(turned, logits.transpose(0, 2, 1)[:, ::-1], atol=1e-6)
    h, params = np.asarray(IMAGES, np.float64), variables["params"]
    for name in ("conv_0", "conv_1", "logit"):
        h = h @ np.asarray(params[name]["kernel"][0, 0], np.float64)
        h = h if name == "logit" else np.where(h > 0, h, 0.2 * h)
    np.testing.assert_allclose(logits, h[..., 0], atol=1e-6)


RESNET = ResNetTranslator(width=2, blocks=2, dropout=0.5)
UNET = UNetGenerator(levels=4, width=2)


@pytest.mark.parametrize(
    ("module", "side"),
    [(RESNET, 16), (UNetGenerator(levels=5, width=2, norm=None), 32)],
    ids=["resnet", "unet"],
)
def test_dropout_is_drawn_by_keys(module, side):
    images = jax.random.uniform(KEY, (3, side, side, 1), minval=-1.0)
    net = from_linen(module, (side, side, 1), stochastic=True)
    params, stats = net.init(KEY)
    params = jax.tree.map(lambda p: p + 0.05, params)
    plain = from_linen(module.clone(dropout=0.0), (side, side, 1))

    def seen(keys):
        return net.apply(params, stats, images, train=False, keys=keys)[0]

    expected = plain.apply(params, stats, images, train=False)[0]
    unnoisy = net.apply(params, stats, images, train=True, keys=None)[0]
    np.testing.assert_allclose(unnoisy, expected, atol=1e-5)
    noisy = np.asarray(seen(KEYS))
    assert (np.abs(noisy - expected).max(axis=(1, 2, 3)) > 1e-3).all()
    np.testing.assert_array_equal(seen(KEYS), noisy)
    # An example's noise is its key's, in evaluation too.
    exchanged = np.asarray(seen(KEYS[jnp.asarray([0, 2, 1])]))
    np.testing.assert_allclose(exchanged[0], noisy[0], atol=1e-5)
    assert np.abs(exchanged[1] - noisy[1]).max() > 1e-3


def test_only_doublings_of_full_width_are_noisy():
    images = jax.random.uniform(KEY, (3, 32, 32, 1), minval=-1.0)
    module = UNetGenerator(levels=5, width=2, norm=None, dropout=0.9)
    variables = jax.tree.map(lambda p: p + 0.05, module.init(KEY, images))

    def seen(noisy):
        return module.clone(noisy=noisy).apply(variables, images, keys=KEYS)

    plain = module.apply(variables, images)
    np.testing.assert_array_equal(seen((1, 2, 3)), plain)
    first = seen((0,))
    np.testing.assert_array_equal(seen((0, 1, 2)), first)
    assert np.abs(first - plain).max() > 1e-3


def test_a_unet_without_its_inner_levels_is_its_skip():
    module = UNetGenerator(levels=2, width=1, out_channels=1, norm=None)
    x = jax.random.normal(KEY, (2, 8, 8, 1))
    params = dict(module.init(KEY, x)["params"])
    params["up_1"] = jax.tree.map(jnp.zeros_like, params["up_1"])
    dims = ("NHWC", "HWIO", "NHWC")
    kernel = params["down_0"]["kernel"]
    h = jax.lax.conv_general_dilated(x, kernel, (2, 2), "SAME", dimension_numbers=dims)
    kernel = params["image"]["kernel"][:, :, :1]
    h = jax.lax.conv_transpose(
        jax.nn.relu(h), kernel, (2, 2), "SAME", dimension_numbers=dims
    )
    seen = module.apply({"params": params}, x)
    np.testing.assert_allclose(seen, np.tanh(h), atol=1e-6)


def test_blocks_without_kernels_are_the_identity():
    module = ResNetTranslator(width=2, blocks=2, norm=None)
    variables = module.init(KEY, IMAGES)
    params = dict(variables["params"])
    for name in ("block_0", "block_1"):
        params[name] = jax.tree.map(jnp.zeros_like, params[name])
    none = module.clone(blocks=0).apply(variables, IMAGES)
    seen = module.apply({"params": params}, IMAGES)
    np.testing.assert_allclose(seen, none, atol=1e-6)


@pytest.mark.parametrize("module", [RESNET, UNET], ids=["resnet", "unet"])
def test_the_same_on_every_platform_and_nearly_so_in_bfloat16(module):
    variables = module.init(KEY, IMAGES)
    images = module.apply(variables, IMAGES)
    with tracing.platform("tpu"):
        expected = module.apply(variables, IMAGES)
    np.testing.assert_allclose(images, expected, atol=1e-6)
    narrow = module.clone(dtype=jnp.bfloat16).apply(variables, IMAGES)
    assert narrow.dtype == jnp.float32
    # Up to ten layers with 8 bits of mantissa: some percent of the largest value, not zero.
    error = float(jnp.abs(narrow - images).max() / jnp.abs(images).max())
    assert 1e-5 < error < 0.1


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (ResNetTranslator(), "sides are multiples of 4, got 18 x 16: resize, crop or pad"),
        (UNetGenerator(levels=5), "sides are multiples of 32, got 18 x 16"),
        (PatchDiscriminator(3), "3 layers needs images of at least 24 x 24, got 18 x 16"),
        (ResNetTranslator(padding="wrap"), "sides are multiples of 4"),
    ],
)
def test_images_of_an_impossible_size(module, message):
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(module.init, KEY, jnp.zeros((1, 18, 16, 3)))


def test_images_too_small_to_reflect():
    with pytest.raises(
        ValueError, match="reflecting 1 pixels needs images of at least 2 x"
    ):
        jax.eval_shape(ResNetTranslator(width=2).init, KEY, jnp.zeros((1, 4, 8, 3)))
