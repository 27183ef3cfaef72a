"""Latent projection recovers what a smooth generator was given."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import analysis
from gan_jax.networks.dcgan import DCGANDiscriminator

DRAWS = np.random.default_rng(0)
WEIGHTS = jnp.asarray(DRAWS.standard_normal((3, 16)), jnp.float32)
WANTED = jnp.asarray([[0.6, -1.1, 0.4]], jnp.float32)
STARTS = jnp.asarray(DRAWS.standard_normal((4, 3)), jnp.float32)


def generate(z):
    return jnp.tanh(0.5 * z @ WEIGHTS).reshape(-1, 4, 4, 1)


TARGET = generate(WANTED)[0]


def search(starts=STARTS, **options):
    return analysis.project(
        generate, TARGET, starts, analysis.pixel_distance, jax.random.key(0), **options
    )


def test_a_generated_image_gives_its_latent_back():
    found = search(steps=400)
    np.testing.assert_allclose(found.latents[0], WANTED[0], atol=1e-3)
    assert found.losses[0] < 1e-6
    np.testing.assert_array_equal(found.losses, jnp.sort(found.losses))
    assert sorted(found.order.tolist()) == [0, 1, 2, 3]
    assert found.history.shape == (400, 4)
    made = analysis.pixel_distance(generate(found.latents), TARGET)
    np.testing.assert_allclose(found.losses, made, rtol=1e-3, atol=1e-9)


def test_it_is_deterministic_and_searches_do_not_disturb_each_other():
    one, two = search(steps=20), search(steps=20)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    quiet = search(steps=20, noise=0.0)
    alone = search(STARTS[2:3], steps=20, noise=0.0)
    row = int(np.flatnonzero(quiet.order == 2)[0])
    np.testing.assert_allclose(quiet.latents[row], alone.latents[0], atol=1e-6)


def test_the_first_step_is_adams():
    """Of the sign of the gradient, by the rate; here without ramps but the first part of
    the one up: after one of one steps the rate is 0, so two are taken.
    """
    found = search(STARTS[:1], steps=2, learning_rate=0.2, noise=0.0)
    gradient = jax.grad(lambda z: analysis.pixel_distance(generate(z), TARGET)[0])(
        STARTS[:1]
    )
    # Half way through: no ramp up any more, and no ramp down yet.
    moved = STARTS[:1] - 0.2 * jnp.sign(gradient)
    loss = analysis.pixel_distance(generate(moved), TARGET)
    np.testing.assert_allclose(found.history[1, 0], loss[0], rtol=1e-4)
    start = analysis.pixel_distance(generate(STARTS[:1]), TARGET)
    np.testing.assert_allclose(found.history[0, 0], start[0], rtol=1e-5)


def test_rows_with_labels_of_their_own_compete():
    shift = jnp.asarray([0.0, 3.0, -3.0, 0.0])[:, None, None, None]
    target = generate(WANTED)[0] + 3.0
    found = analysis.project(
        lambda z: generate(z) + shift,
        target,
        STARTS,
        analysis.pixel_distance,
        jax.random.key(0),
        steps=200,
    )
    assert int(found.order[0]) == 1
    np.testing.assert_allclose(found.losses[0], 0.0, atol=1e-4)


def test_numbers_out_of_range_and_targets_of_another_shape():
    for options in ({"steps": 0}, {"learning_rate": 0.0}, {"noise": -1.0}):
        with pytest.raises(ValueError, match="need steps"):
            search(**options)
    with pytest.raises(ValueError, match=r"the target is \(2, 2, 1\)"):
        analysis.project(
            generate, TARGET[:2, :2], STARTS, analysis.pixel_distance, jax.random.key(0)
        )


def test_a_distance_in_feature_maps_by_hand():
    net = DCGANDiscriminator(2, 3, norm=None)
    images = jnp.asarray(DRAWS.uniform(-1, 1, (3, 16, 16, 1)), jnp.float32)
    variables = net.init(jax.random.key(1), images)
    network = partial(net.apply, variables)
    distance = jax.jit(analysis.layer_distance(network))
    made = distance(images, images[2])
    seen = analysis.record(network, images)[1]
    maps = [np.asarray(seen[name], np.float64) for name in ("conv_0", "conv_1")]
    expected = np.zeros(3)
    for features in maps:
        unit = features / np.linalg.norm(features, axis=-1, keepdims=True)
        expected += np.square(unit - unit[2:]).sum(-1).mean((1, 2)) / 2.0
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="feature maps"):
        analysis.layer_distance(lambda x: x.sum())(images, images[0])
