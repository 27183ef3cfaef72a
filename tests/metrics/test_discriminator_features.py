"""DCGAN's features of a discriminator: by hand, and of every kind of network."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from gan_jax.analysis.layers import record
from gan_jax.game import View
from gan_jax.metrics.discriminator_features import (
    activation_maps,
    discriminator_features,
    grid_maxima,
)
from gan_jax.metrics.probes import svm_probe
from gan_jax.networks import (
    BigGANDiscriminator,
    BigGANPlan,
    DCGANDiscriminator,
    DiscriminatorPlan,
    ResNetDiscriminator,
)
from gan_jax.nn import GATED_TANH, from_linen

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype(np.uint8)


def view_of(module, *labels, shape=(16, 16, 3)):
    net = from_linen(module, shape, *labels)
    params, stats = jax.jit(net.init)(jax.random.key(0))
    return View(net, params, params, stats)


class Tiny(linen.Module):
    """One 1 x 1 convolution of one channel, leaky, and a sum."""

    @linen.compact
    def __call__(self, x, *, train=False):
        h = jax.nn.leaky_relu(linen.Conv(1, (1, 1), use_bias=False)(x), 0.5)
        return h.sum(axis=(1, 2, 3))


def test_by_hand():
    net = from_linen(Tiny(), (8, 8, 1))
    params = {"Conv_0": {"kernel": -jnp.ones((1, 1, 1, 1))}}
    features = discriminator_features(View(net, params, params, {}), grid=2)
    images = np.zeros((2, 8, 8, 1), np.uint8)  # -1: activation 1
    images[0, :, :4] = 255  # 1: activation -0.5
    images[0, 7, 0] = 51  # -0.6: activation 0.6
    images[1] = 255
    images[1, 0, 7] = 0
    expected = [[-0.5, 1.0, 0.6, 1.0], [-0.5, 1.0, -0.5, -0.5]]
    np.testing.assert_allclose(features.features(images), expected, atol=1e-6)


def test_grids_of_maps_that_do_not_divide():
    x = jnp.arange(6.0 * 5.0).reshape(1, 6, 5, 1)
    # Rows 0..1, 1..2, 3..4, 4..5; columns 0..1, 1..2, 2..3, 3..4.
    expected = 5.0 * np.array([1, 2, 4, 5])[:, None] + np.array([1, 2, 3, 4])[None]
    np.testing.assert_array_equal(grid_maxima(x, 4)[0, ..., 0], expected)
    np.testing.assert_array_equal(grid_maxima(x[:, :2], 4)[0, :, :, 0].shape, (2, 4))
    np.testing.assert_array_equal(grid_maxima(x[:, :2, :3], 4), x[:, :2, :3])
    np.testing.assert_array_equal(grid_maxima(x, 1), [[[[29.0]]]])


def test_dcgan_gives_every_layer_after_norm_and_rectifier():
    view = view_of(DCGANDiscriminator(width=4))
    found = discriminator_features(view).features(IMAGES)
    x = jnp.asarray(IMAGES, jnp.float32) / 127.5 - 1.0
    _, seen = record(partial(view, train=False), x)
    leaky = [np.asarray(seen[name]) for name in ("conv_0", "norm_1")]
    leaky = [np.where(each > 0.0, each, 0.2 * each) for each in leaky]
    expected = [
        leaky[0].reshape(3, 4, 2, 4, 2, 4).max(axis=(2, 4)).reshape(3, -1),
        leaky[1].reshape(3, -1),
    ]
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), atol=2e-6)


PLAN = DiscriminatorPlan((3, 5), (True, False))
BIG = BigGANPlan((4, 4), (2, 1), (1, 2), (True, False), (), (0,))
LABELS = jax.ShapeDtypeStruct((2,), jnp.int32)


@pytest.mark.parametrize(
    ("module", "labels", "channels"),
    [
        # Within the first block; the sum, within the second; its sum.
        (ResNetDiscriminator(PLAN), (), (3, 3, 3, 5)),
        (ResNetDiscriminator(PLAN, wide=True, num_classes=4), (LABELS,), (3, 3, 5, 5)),
        (BigGANDiscriminator(BIG, width=3, remat=True), (), (3, 3, 6, 6)),
        # A gate's sigmoid and tanh, of half of the channels each.
        (DCGANDiscriminator(width=2, activation=GATED_TANH), (), (2, 2, 4, 4)),
    ],
)
def test_layers_of_other_networks(module, labels, channels):
    view = view_of(module, *labels)
    net = discriminator_features(view, labelled=bool(labels))
    assert net.features(IMAGES).shape == (3, 16 * sum(channels))
    inputs = [jnp.zeros((1, 16, 16, 3)), *[jnp.zeros((1,), jnp.int32) for _ in labels]]
    maps = activation_maps(partial(view, train=False))(*inputs)
    assert tuple(each.shape[-1] for each in maps) == channels


def test_maps_are_the_networks_own():
    view = view_of(ResNetDiscriminator(PLAN))
    x = jnp.asarray(IMAGES, jnp.float32) / 127.5 - 1.0
    maps = jax.jit(activation_maps(partial(view, train=False)))(x)
    _, seen = record(partial(view, train=False), x)
    expected = [seen["block_0/conv_0"], seen["block_0"], seen["block_1/conv_0"]]
    for found, before in zip(maps, [*expected, seen["block_1"]], strict=True):
        np.testing.assert_allclose(found, np.maximum(before, 0.0), atol=2e-6)


def test_rows_do_not_depend_on_others_and_fingerprints_on_weights():
    view = view_of(DCGANDiscriminator(width=4))
    net, wide = discriminator_features(view), discriminator_features(view, grid=2)
    whole = net.features(np.repeat(IMAGES, 2, axis=0))
    np.testing.assert_array_equal(net.features(IMAGES), whole[::2])
    moved = jax.tree.map(lambda x: x + 1.0, view.params)
    other = discriminator_features(View(view.net, moved, moved, view.stats))
    assert len({net.fingerprint, wide.fingerprint, other.fingerprint}) == 3
    assert discriminator_features(view).fingerprint == net.fingerprint


def test_a_random_discriminator_tells_bright_from_dark():
    view = view_of(DCGANDiscriminator(width=4))
    draws = np.random.default_rng(1)
    labels = np.arange(80) % 2
    images = draws.integers(0, 100, (80, 16, 16, 3)) + 120 * labels[:, None, None, None]
    features = discriminator_features(view).features(images.astype(np.uint8))
    probe = svm_probe(features[:40], labels[:40], features[40:], labels[40:])
    assert probe.accuracy == 1.0


def test_networks_without_activations_are_refused():
    with pytest.raises(ValueError, match="no feature maps"):
        activation_maps(lambda x: x.sum())(jnp.ones((1, 2, 2, 1)))
    with pytest.raises(ValueError, match="within 'scan'"):
        activation_maps(
            lambda x: jax.lax.scan(lambda c, _: (jax.nn.relu(c), None), x, length=2)[0]
        )(jnp.ones((1, 2, 2, 1)))
    with pytest.raises(ValueError, match="positive side, got 0"):
        discriminator_features(view_of(Tiny()), grid=0)
