"""Guided backpropagation against derivatives by hand."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from gan_jax.analysis import guided_gradient
from gan_jax.networks.dcgan import DCGANDiscriminator

DRAWS = np.random.default_rng(0)
W1 = DRAWS.standard_normal((6, 5))
W2 = DRAWS.standard_normal((5, 4))
W3 = DRAWS.standard_normal(4)
IMAGES = DRAWS.standard_normal((3, 1, 2, 3))
SLOPE = 0.2


def f32(x):
    return jnp.asarray(x, jnp.float32)


def network(activation):
    def fn(images):
        h = activation(images.reshape(len(images), -1) @ f32(W1))
        return activation(h @ f32(W2)) @ f32(W3)

    return fn


def by_hand(slope, guided):
    """Gradients (n, 6) in float64; `guided(R)` is what an activation lets through of R."""
    a1 = IMAGES.reshape(3, -1) @ W1
    a2 = np.where(a1 > 0, a1, slope * a1) @ W2
    back = guided(np.broadcast_to(W3, a2.shape)) * np.where(a2 > 0, 1.0, slope)
    back = guided(back @ W2.T) * np.where(a1 > 0, 1.0, slope)
    return (back @ W1.T).reshape(IMAGES.shape)


ACTIVATIONS = {
    "relu": (jax.nn.relu, 0.0),
    "leaky_relu": (partial(jax.nn.leaky_relu, negative_slope=SLOPE), SLOPE),
}


@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_two_layers_by_hand(name, jitted):
    activation, slope = ACTIVATIONS[name]
    fn = jax.jit(network(activation)) if jitted else network(activation)
    expected = by_hand(slope, lambda r: np.maximum(r, 0.0))
    plain = by_hand(slope, lambda r: r)
    np.testing.assert_allclose(
        jax.grad(lambda x: fn(x).sum())(f32(IMAGES)), plain, rtol=1e-4
    )
    run = (
        jax.jit(lambda x: guided_gradient(fn, x))
        if jitted
        else partial(guided_gradient, fn)
    )
    np.testing.assert_allclose(run(f32(IMAGES)), expected, rtol=1e-4, atol=1e-6)
    assert np.abs(expected - plain).max() > 0.1


def test_within_remat_and_other_calls():
    relu = network(jax.nn.relu)
    expected = by_hand(0.0, lambda r: np.maximum(r, 0.0))
    within = jax.checkpoint(jax.jit(relu))
    np.testing.assert_allclose(
        guided_gradient(within, f32(IMAGES)), expected, rtol=1e-4, atol=1e-6
    )


def test_where_all_weights_are_positive_it_is_the_gradient():
    """Nothing then pulls downwards, in any layer of a convolutional network."""
    net = DCGANDiscriminator(2, 3, norm=None)
    images = f32(DRAWS.uniform(-1, 1, (2, 8, 8, 1)))
    variables = jax.tree.map(jnp.abs, net.init(jax.random.key(0), images))
    fn = partial(net.apply, variables)
    plain = jax.jit(jax.grad(lambda x: fn(x).sum()))(images)
    made = jax.jit(lambda x: guided_gradient(fn, x))(images)
    np.testing.assert_allclose(made, plain, rtol=1e-4, atol=1e-8)
    # And where the last weights are negative, nothing arrives.
    negative = lambda x: -fn(x)  # noqa: E731
    np.testing.assert_array_equal(guided_gradient(negative, images), 0.0)


def test_networks_it_does_not_know():
    with pytest.raises(ValueError, match="needs a network with rectifiers"):
        guided_gradient(lambda x: jnp.tanh(x).sum((1, 2, 3)), f32(IMAGES))

    def loop(images):
        body = lambda h, _: (jax.nn.relu(h), None)  # noqa: E731
        return jax.lax.scan(body, images, None, length=2)[0].sum((1, 2, 3))

    with pytest.raises(ValueError, match="does not reach into 'scan'"):
        guided_gradient(loop, f32(IMAGES))


def test_a_relu_of_flax_is_found():
    module = linen.Sequential([linen.Dense(3), linen.relu, linen.Dense(1)])
    x = f32(DRAWS.standard_normal((2, 4)))
    variables = module.init(jax.random.key(0), x)
    first, last = (
        np.asarray(variables["params"][n]["kernel"]) for n in ("layers_0", "layers_2")
    )
    on = np.asarray(x) @ first > 0
    expected = (on * np.maximum(last[:, 0], 0.0)) @ first.T
    made = guided_gradient(lambda x: module.apply(variables, x)[:, 0], x)
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-6)
