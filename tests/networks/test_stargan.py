"""StarGAN's networks: the published sizes, domains, and two heads."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.networks import StarGANDiscriminator, StarGANGenerator
from gan_jax.nn import RunningInstanceNorm, from_linen

KEY = jax.random.key(0)
IMAGES = jax.random.uniform(KEY, (3, 16, 24, 3), minval=-1.0)
GENERATOR = StarGANGenerator(3, width=2, blocks=1)


def test_published_sizes():
    attributes = jax.ShapeDtypeStruct((2, 5), jnp.float32)
    image = jax.ShapeDtypeStruct((2, 128, 128, 3), jnp.float32)
    generator = jax.eval_shape(StarGANGenerator(5).init, KEY, image, attributes)
    assert trees.count(generator["params"]) == 8_430_528
    critic = jax.eval_shape(StarGANDiscriminator(5).init, KEY, image)
    assert trees.count(critic["params"]) == 44_762_048


def test_a_label_is_the_attribute_of_its_domain():
    labels = jnp.asarray([2, 0, 1])
    variables = GENERATOR.init(KEY, IMAGES, labels)
    assert list(variables) == ["params"]
    images = GENERATOR.apply(variables, IMAGES, labels)
    assert (images.shape, images.dtype) == (IMAGES.shape, jnp.float32)
    attributes = jnp.eye(3)[labels]
    np.testing.assert_array_equal(GENERATOR.apply(variables, IMAGES, attributes), images)
    others = GENERATOR.apply(variables, IMAGES, labels[::-1])
    assert np.abs(others - images)[0].max() > 1e-3
    np.testing.assert_allclose(others[1], images[1], atol=1e-6)


def test_attributes_enter_linearly_through_the_first_kernel():
    stem = GENERATOR.init(KEY, IMAGES, jnp.zeros((3, 3)))["params"]["stem"]["kernel"]
    assert stem.shape == (7, 7, 3 + 3, 2)
    variables = GENERATOR.init(KEY, IMAGES, jnp.zeros((3, 3)))
    doubled = jax.tree.map(lambda p: p, variables)
    doubled["params"]["stem"]["kernel"] = stem.at[:, :, 3:].multiply(2.0)
    half = GENERATOR.apply(doubled, IMAGES, jnp.full((3, 3), 0.5))
    whole = GENERATOR.apply(variables, IMAGES, jnp.ones((3, 3)))
    np.testing.assert_allclose(half, whole, atol=1e-6)


def test_running_statistics_are_an_option():
    module = GENERATOR.clone(norm=RunningInstanceNorm)
    net = from_linen(module, (16, 24, 3), (3,))
    params, stats = net.init(KEY)
    domains = jnp.eye(3)
    images, new = net.apply(params, stats, IMAGES, domains, train=True)
    plain = GENERATOR.apply({"params": params}, IMAGES, domains)
    np.testing.assert_allclose(images, plain, atol=1e-6)
    again, same = net.apply(params, new, IMAGES, domains, train=False)
    assert same is new
    assert np.abs(again - plain).max() > 1e-3


def test_both_heads_are_convolutions_of_the_last_features():
    module = StarGANDiscriminator(4, width=2, layers=3)
    variables = module.init(KEY, IMAGES)
    outputs = module.apply(variables, IMAGES)
    assert outputs.features.shape == (3, 2, 3, 8)
    assert variables["params"]["classes"]["kernel"].shape == (2, 3, 8, 4)
    kernel = np.asarray(variables["params"]["classes"]["kernel"], np.float64)
    h = np.asarray(outputs.features, np.float64)
    np.testing.assert_allclose(
        outputs.classes, np.einsum("bhwc,hwcd->bd", h, kernel), atol=1e-5
    )
    kernel = np.asarray(variables["params"]["logit"]["kernel"], np.float64)
    padded = np.pad(h, ((0, 0), (1, 1), (1, 1), (0, 0)))
    logit = np.einsum("bhwc,hwco->b", padded[:, :3, :3], kernel)
    np.testing.assert_allclose(outputs.logits[:, 0, 0], logit, atol=1e-5)
    assert outputs.logits.shape == (3, 2, 3)


def test_what_cannot_be_asked_for():
    with pytest.raises(ValueError, match="conditional on 3 classes: pass labels"):
        GENERATOR.init(KEY, IMAGES)
    with pytest.raises(ValueError, match=r"or attributes \(batch, 3\), got \(3, 4\) for"):
        GENERATOR.init(KEY, IMAGES, jnp.zeros((3, 4)))
    with pytest.raises(ValueError, match="sides are multiples of 4, got 16 x 22"):
        GENERATOR.init(KEY, IMAGES[:, :, :22], jnp.zeros((3, 3)))
    with pytest.raises(ValueError, match="6 layers needs images of at least 64 x 64, got"):
        StarGANDiscriminator(3).init(KEY, IMAGES)
