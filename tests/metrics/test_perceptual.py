"""Perceptual distances against a float64 reference, and by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.metrics.extractors import squeezenet_activations
from gan_jax.metrics.perceptual import perceptual_distance, squeezenet_distance

DRAWS = np.random.default_rng(0)
MIX = DRAWS.normal(size=(3, 4)).astype(np.float32)
REAL = DRAWS.integers(0, 256, (3, 4, 6, 3)).astype(np.uint8)
FAKE = DRAWS.integers(0, 256, (3, 4, 6, 3)).astype(np.uint8)
WEIGHTS = [DRAWS.random(4), DRAWS.random(3)]


def two_layers(images):
    """A rectified mix of the colours, and means of 2 x 2 pixels."""
    n, height, width, channels = images.shape
    blocks = images.reshape(n, height // 2, 2, width // 2, 2, channels)
    return [jax.nn.relu(images @ jnp.asarray(MIX)), blocks.mean(axis=(2, 4))]


def reference(real, fake, weights):
    """LPIPS's formula, float64, one layer and one image after the other."""
    totals = []
    for x, y in zip(real, fake, strict=True):
        layers = []
        for image in (x, y):
            image = image.astype(np.float64) / 127.5 - 1.0
            means = image.reshape(2, 2, 3, 2, 3).mean(axis=(1, 3))
            layers.append([np.maximum(image @ MIX.astype(np.float64), 0.0), means])
        total = 0.0
        for a, b, w in zip(*layers, weights, strict=True):
            a = a / (np.linalg.norm(a, axis=-1, keepdims=True) + 1e-10)
            b = b / (np.linalg.norm(b, axis=-1, keepdims=True) + 1e-10)
            total += np.mean(np.sum(w * (a - b) ** 2, axis=-1))
        totals.append(total)
    return totals


def test_against_the_formula():
    plain = perceptual_distance(two_layers, name="tiny", fingerprint="ab")
    expected = reference(REAL, FAKE, [np.ones(4), np.ones(3)])
    np.testing.assert_allclose(plain.measure(REAL, FAKE), expected, rtol=2e-5)
    weighted = perceptual_distance(
        two_layers, name="tiny", fingerprint="ab", weights=WEIGHTS
    )
    expected = reference(REAL, FAKE, WEIGHTS)
    np.testing.assert_allclose(weighted.measure(REAL, FAKE), expected, rtol=2e-5)


def test_orthogonal_activations_are_two_apart_by_hand():
    distance = perceptual_distance(lambda x: [x], name="pixels", fingerprint="0").distance
    first = jnp.array([[[[3.0, 0.0], [0.0, 0.0]]]])
    second = jnp.array([[[[0.0, 0.5], [0.0, 2.0]]]])
    # |(1, 0) - (0, 1)|^2 = 2 at one place, |0 - (0, 1)|^2 = 1 at the other.
    np.testing.assert_allclose(distance(first, second), [1.5], rtol=1e-6)
    np.testing.assert_array_equal(distance(first, first), [0.0])
    np.testing.assert_allclose(distance(7.0 * first, second), [1.5], rtol=1e-6)


def test_it_is_differentiable_where_nothing_is_active():
    distance = perceptual_distance(two_layers, name="tiny", fingerprint="ab").distance
    zeros = jnp.zeros((1, 4, 6, 3))
    gradient = jax.grad(lambda x: distance(x, zeros + 0.5)[0])(zeros)
    assert np.isfinite(gradient).all()


def test_names_tell_whether_weights_were_given():
    plain = perceptual_distance(two_layers, name="tiny", fingerprint="ab")
    weighted = perceptual_distance(
        two_layers, name="tiny", fingerprint="ab", weights=WEIGHTS
    )
    assert (plain.name, plain.fingerprint) == ("perceptual/tiny", "ab")
    assert weighted.name == "weighted_perceptual/tiny"
    assert weighted.fingerprint != plain.fingerprint


def test_weights_of_other_layers_are_refused():
    distance = perceptual_distance(
        two_layers, name="tiny", fingerprint="ab", weights=WEIGHTS[::-1]
    )
    with pytest.raises(ValueError, match=r"layers of \[\(4,\), \(3,\)\] channels"):
        distance.measure(REAL, FAKE)


def test_squeezenet_by_the_formula_of_its_activations():
    found = squeezenet_distance()
    assert found.name == "perceptual/squeezenet11"
    draws = np.random.default_rng(1)
    real = np.repeat(draws.integers(60, 200, (1, 4, 4, 3)).repeat(8, 1).repeat(8, 2), 3, 0)
    noise = np.array([0, 5, 40]).reshape(3, 1, 1, 1) * draws.normal(size=(1, 32, 32, 3))
    fake = np.clip(np.round(real + noise), 0, 255).astype(np.uint8)
    layers = jax.jit(squeezenet_activations().activations)
    ours, theirs = (layers(jnp.asarray(x, jnp.float32) / 127.5 - 1.0) for x in (real, fake))
    assert [each.shape[-1] for each in ours] == [64, 128, 256, 384, 384, 512, 512]
    expected = np.zeros(3)
    for a, b in zip(ours, theirs, strict=True):
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        a = a / (np.linalg.norm(a, axis=-1, keepdims=True) + 1e-10)
        b = b / (np.linalg.norm(b, axis=-1, keepdims=True) + 1e-10)
        expected += np.sum((a - b) ** 2, axis=-1).mean(axis=(1, 2))
    measured = found.measure(real.astype(np.uint8), fake)
    np.testing.assert_allclose(measured, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(np.argsort(measured), [0, 1, 2])
