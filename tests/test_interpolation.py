"""Interpolations of latents against float64 closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.interpolation import lerp, slerp

A = np.random.default_rng(0).normal(size=(5, 16)).astype(np.float32)
B = np.random.default_rng(1).normal(size=(5, 16)).astype(np.float32)
T = np.array([0.0, 0.25, 0.5, 0.8, 1.0], np.float32)


def reference(a, b, t):
    """Shoemake's formula on directions, lengths in proportion, float64 vectors."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    long_a, long_b = np.linalg.norm(a), np.linalg.norm(b)
    angle = np.arccos(np.dot(a, b) / (long_a * long_b))
    first = np.sin((1 - t) * angle) / np.sin(angle) * a / long_a
    second = np.sin(t * angle) / np.sin(angle) * b / long_b
    return ((1 - t) * long_a + t * long_b) * (first + second)


def test_lerp_is_exact_at_its_ends_and_linear_between():
    np.testing.assert_array_equal(lerp(A, B, 0.0), A)
    np.testing.assert_array_equal(lerp(A, B, 1.0), B)
    wide = T[:, None].astype(np.float64)
    np.testing.assert_allclose(lerp(A, B, T), A + wide * (B - A), rtol=0, atol=1e-6)


def test_slerp_of_random_vectors():
    expected = np.stack([reference(*row) for row in zip(A, B, T, strict=True)])
    np.testing.assert_allclose(jax.jit(slerp)(A, B, T), expected, rtol=0, atol=2e-6)


def test_slerp_keeps_the_length_of_equally_long_vectors_and_turns_evenly():
    unit_a = A / np.linalg.norm(A, axis=1, keepdims=True)
    unit_b = B / np.linalg.norm(B, axis=1, keepdims=True)
    steps = np.linspace(0.0, 1.0, 9).astype(np.float32)
    points = np.stack([slerp(4.0 * unit_a, 4.0 * unit_b, t) for t in steps])
    np.testing.assert_allclose(np.linalg.norm(points, axis=-1), 4.0, rtol=1e-6)
    chords = np.linalg.norm(np.diff(points, axis=0), axis=-1)
    np.testing.assert_allclose(chords, np.broadcast_to(chords[:1], chords.shape), rtol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_opposite_vectors_meet_halfway_at_a_right_angle(axis):
    a = np.zeros(3, np.float32)
    a[axis] = 2.0
    middle = np.asarray(slerp(a, -a, 0.5))
    np.testing.assert_allclose(np.dot(middle, a), 0.0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(middle), 2.0, rtol=1e-6)
    np.testing.assert_allclose(slerp(a, -a, 1.0), -a, atol=1e-6)


def test_nearly_opposite_and_nearly_parallel_vectors_arrive():
    for tiny in (1e-8, 1e-7, 1e-6, 1e-5, 1e-3):
        for sign in (1.0, -1.0):
            b = (sign * A + tiny * B).astype(np.float32)
            np.testing.assert_allclose(slerp(A, b, 0.0), A, rtol=0, atol=5e-6)
            np.testing.assert_allclose(slerp(A, b, 1.0), b, rtol=0, atol=1e-5)
            middle = np.linalg.norm(slerp(A, b, 0.5), axis=1)
            np.testing.assert_allclose(middle, np.linalg.norm(A, axis=1), rtol=5e-3)


def test_the_same_vector_stays_with_finite_gradients():
    np.testing.assert_allclose(slerp(A, A, T), A, rtol=0, atol=2e-6)

    def middles(a):
        return jnp.sum(slerp(a, jnp.asarray(A), 0.5))

    assert np.isfinite(jax.grad(middles)(jnp.asarray(A))).all()


def test_zero_is_at_a_right_angle():
    b = np.array([3.0, 4.0], np.float32)
    at = slerp(np.zeros(2, np.float32), b, 0.5)
    np.testing.assert_allclose(at, 0.5 * np.sin(np.pi / 4) * b, rtol=1e-6)


def test_t_goes_with_leading_axes():
    a, b = A.reshape(5, 4, 4), B.reshape(5, 4, 4)
    for way in (lerp, slerp):
        each = np.stack([way(x, y, t) for x, y, t in zip(a, b, T, strict=True)])
        np.testing.assert_allclose(way(a, b, T), each, rtol=0, atol=1e-6)


def test_unlike_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(5, 16\), \(4, 16\)"):
        lerp(A, B[:4], 0.5)
    with pytest.raises(ValueError, match=r"and \(4,\)"):
        slerp(A, B, T[:4])
