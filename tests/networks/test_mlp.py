"""Multi-layer perceptrons against products written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.networks.labels import concatenation
from gan_jax.networks.mlp import MLPDiscriminator, MLPGenerator

KEY = jax.random.key(0)


def relu_layers(params, h, count):
    for index in range(count):
        layer = params[f"Dense_{index}"]
        h = np.maximum(h @ np.asarray(layer["kernel"]) + np.asarray(layer["bias"]), 0.0)
    return h


def test_generator_of_images_is_dense_layers_and_tanh():
    net = MLPGenerator((7, 6), (3, 4, 2))
    z = jax.random.normal(KEY, (5, 8))
    images, variables = net.init_with_output(KEY, z)
    h = relu_layers(variables["params"], np.asarray(z), 2)
    expected = np.tanh(h @ np.asarray(variables["params"]["Dense_2"]["kernel"]))
    np.testing.assert_allclose(images, expected.reshape(5, 3, 4, 2), rtol=1e-4, atol=1e-6)


def test_conditional_generator_appends_the_embedding_to_the_latent():
    net = MLPGenerator(
        (7,), (2,), out_activation=None, num_classes=3, input_labels=concatenation(4)
    )
    z, y = jax.random.normal(KEY, (5, 8)), jnp.array([2, 0, 1, 2, 0])
    points, variables = net.init_with_output(KEY, z, y)
    params = variables["params"]
    label = np.asarray(params["Embed_0"]["embedding"])[np.asarray(y)]
    h = relu_layers(params, np.concatenate([z, label], axis=1), 1)
    expected = h @ np.asarray(params["Dense_1"]["kernel"])
    np.testing.assert_allclose(points, expected, rtol=1e-4, atol=1e-6)


def test_projection_discriminator_adds_the_product_with_the_embedding():
    net = MLPDiscriminator((7, 6), activation=jax.nn.relu, num_classes=3)
    x, y = jax.random.normal(KEY, (5, 2, 2, 1)), jnp.array([2, 0, 1, 2, 0])
    logits, variables = net.init_with_output(KEY, x, y)
    params = variables["params"]
    h = relu_layers(params, np.asarray(x).reshape(5, 4), 2)
    embedding = np.asarray(params["embed"]["embedding"])[np.asarray(y)]
    expected = h @ np.asarray(params["logit"]["kernel"])[:, 0] + (h * embedding).sum(1)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-6)


def test_a_conditional_network_asks_for_labels():
    with pytest.raises(ValueError, match="conditional on 3 classes: pass labels y"):
        MLPDiscriminator((4,), num_classes=3).init(KEY, jnp.ones((2, 2)))


def test_an_unconditional_network_ignores_labels():
    net, z = MLPGenerator((4,), (2,)), jax.random.normal(KEY, (3, 5))
    variables = net.init(KEY, z)
    with_labels = net.apply(variables, z, jnp.array([0, 1, 2]))
    np.testing.assert_array_equal(with_labels, net.apply(variables, z))
