"""Perceptual path length against closed forms of linear generators."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import prng
from gan_jax.metrics.path_length import face_crop, perceptual_path_length

Z = 6
DRAWS = np.random.default_rng(0)
LINEAR = DRAWS.normal(size=(Z, 4 * 4 * 2)).astype(np.float32) / 8.0
TO_W = DRAWS.normal(size=(Z, 5)).astype(np.float32)
FROM_W = DRAWS.normal(size=(5, 4 * 4 * 2)).astype(np.float32) / 8.0


def latents(keys):
    return prng.draw(keys, lambda key: jax.random.normal(key, (Z,)))


def linear(z):
    return (z @ jnp.asarray(LINEAR)).reshape(-1, 4, 4, 2)


def mapping(z):
    return z @ jnp.asarray(TO_W)


def synthesis(w):
    return (w @ jnp.asarray(FROM_W)).reshape(-1, 4, 4, 2)


def squared(first, second):
    return jnp.sum(jnp.square(first - second), axis=(1, 2, 3))


def drawn(samples, seed=0):
    """Both ends and t of every path, float64."""
    keys = prng.fold_rows(jax.random.key(seed), jnp.arange(samples))
    first, second = (
        np.asarray(latents(prng.stream(keys, end)), np.float64)
        for end in ("first", "second")
    )
    t = prng.draw(prng.stream(keys, "t"), jax.random.uniform)
    return first, second, np.asarray(t, np.float64)[:, None]


def great_circle_speed(a, b, t):
    """The derivative in t of a great circle with lengths in proportion."""
    long_a, long_b = (np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    u, v = a / long_a, b / long_b
    angle = np.arccos(np.sum(u * v, axis=1, keepdims=True))
    direction = (np.sin((1 - t) * angle) * u + np.sin(t * angle) * v) / np.sin(angle)
    turning = angle * (np.cos(t * angle) * v - np.cos((1 - t) * angle) * u) / np.sin(angle)
    return (long_b - long_a) * direction + ((1 - t) * long_a + t * long_b) * turning


@pytest.mark.parametrize("paths", ["full", "ends"])
def test_a_linear_generator_in_w(paths):
    found = perceptual_path_length(
        synthesis, latents, squared, space="w", paths=paths, mapping=mapping, samples=40
    )
    first, second, _ = drawn(40)
    expected = np.sum(((second - first) @ TO_W @ FROM_W) ** 2, axis=1)
    np.testing.assert_allclose(found.lengths, expected, rtol=5e-3)
    kept = np.sort(found.lengths.astype(np.float64))
    np.testing.assert_allclose(found.mean, kept.mean(), rtol=1e-6)  # 1 % of 40 is none
    np.testing.assert_allclose(found.std, kept.std(), rtol=1e-6)


def test_the_mean_in_w_is_twice_the_squared_frobenius_norm():
    found = perceptual_path_length(
        synthesis,
        latents,
        squared,
        space="w",
        paths="full",
        mapping=mapping,
        samples=4000,
        batch=1000,
    )
    expected = 2.0 * np.sum((TO_W.astype(np.float64) @ FROM_W) ** 2)
    spread = found.lengths.std() / np.sqrt(4000)
    np.testing.assert_allclose(found.lengths.mean(), expected, atol=4 * spread)
    np.testing.assert_allclose(spread / expected, 0.0, atol=0.02)


@pytest.mark.parametrize("paths", ["full", "ends"])
def test_a_linear_generator_in_z(paths):
    found = perceptual_path_length(
        linear, latents, squared, space="z", paths=paths, samples=40, batch=16, seed=3
    )
    first, second, t = drawn(40, seed=3)
    speed = great_circle_speed(first, second, t if paths == "full" else 0.0 * t)
    expected = np.sum((speed @ LINEAR) ** 2, axis=1)
    np.testing.assert_allclose(found.lengths, expected, rtol=5e-3)


def test_z_goes_through_the_mapping():
    both = perceptual_path_length(
        synthesis,
        latents,
        squared,
        space="z",
        paths="full",
        mapping=mapping,
        samples=20,
        epsilon=1e-2,
    )
    whole = perceptual_path_length(
        lambda z: synthesis(mapping(z)),
        latents,
        squared,
        space="z",
        paths="full",
        samples=20,
        epsilon=1e-2,
    )
    np.testing.assert_allclose(both.lengths, whole.lengths, rtol=1e-4)


def test_paths_depend_neither_on_the_batch_nor_on_their_number():
    def lengths(samples, batch):
        return perceptual_path_length(
            linear,
            latents,
            squared,
            space="z",
            paths="full",
            samples=samples,
            batch=batch,
            epsilon=1e-2,
        ).lengths

    whole = lengths(30, 30)
    np.testing.assert_allclose(lengths(30, 7), whole, rtol=1e-4)
    np.testing.assert_array_equal(lengths(11, 30), whole[:11])


def test_paths_do_not_depend_on_the_number_of_devices(monkeypatch):
    def measure():
        return perceptual_path_length(
            generate,
            latents,
            squared,
            space="z",
            paths="full",
            samples=37,
            labels=np.arange(37),
            batch=4,
        )

    def generate(z, labels):
        return linear(z) * (1.0 + labels.astype(jnp.float32)).reshape(-1, 1, 1, 1)

    on_all, devices = measure(), jax.local_devices()
    monkeypatch.setattr(jax, "local_devices", lambda: devices[:1])
    assert len(devices) == 8
    np.testing.assert_array_equal(measure().lengths, on_all.lengths)


def test_the_longest_and_shortest_hundredth_are_left_out():
    # Lengths are 0, 1, ... 200 over the rows, whatever the order: the percentiles 1 and 99
    # are 2 and 198, and the mean of what lies between is 100.
    order = np.random.default_rng(1).permutation(201).astype(np.float32)

    def generate(z, labels):
        del z
        return jnp.asarray(order)[labels].reshape(-1, 1, 1, 1)

    def distance(first, second):
        del second
        return first[:, 0, 0, 0] * 0.25  # epsilon is 0.5

    found = perceptual_path_length(
        generate,
        latents,
        distance,
        space="z",
        paths="ends",
        samples=201,
        labels=np.arange(201),
        epsilon=0.5,
    )
    np.testing.assert_allclose(found.lengths, order)
    np.testing.assert_allclose(found.mean, 100.0)
    np.testing.assert_allclose(found.std, np.std(np.arange(2, 199)))


def test_both_ends_have_the_label_of_their_path():
    scales = np.array([1.0, 3.0], np.float32)
    labels = np.arange(10) % 2

    def generate(z, classes):
        return linear(z) * jnp.asarray(scales)[classes].reshape(-1, 1, 1, 1)

    options = {"space": "z", "paths": "ends", "samples": 10, "batch": 4, "epsilon": 1e-2}
    found = perceptual_path_length(generate, latents, squared, labels=labels, **options)
    plain = perceptual_path_length(linear, latents, squared, **options)
    np.testing.assert_allclose(
        found.lengths, plain.lengths * scales[labels] ** 2, rtol=1e-4
    )


def test_large_images_are_shrunk_and_faces_cropped():
    def generate(z):
        return jnp.broadcast_to(z[:, :1, None, None], (len(z), 9, 8, 1))

    options = {"space": "z", "paths": "ends", "samples": 5, "epsilon": 1e-2}
    whole = perceptual_path_length(generate, latents, squared, **options)
    small = perceptual_path_length(generate, latents, squared, largest=4, **options)
    # Three times smaller, 3 x 2 pixels and not 9 x 8.
    np.testing.assert_allclose(small.lengths, whole.lengths * 6 / 72, rtol=1e-4)
    crop = perceptual_path_length(generate, latents, squared, crop=face_crop, **options)
    np.testing.assert_allclose(crop.lengths, whole.lengths * 16 / 72, rtol=1e-4)
    rows = np.arange(64).reshape(1, 8, 8, 1)
    np.testing.assert_array_equal(face_crop(rows)[0, ..., 0], rows[0, 3:7, 2:6, 0])


def test_bad_options_are_refused():
    def measure(**options):
        defaults = {"space": "z", "paths": "full", "samples": 4}
        perceptual_path_length(linear, latents, squared, **(defaults | options))

    with pytest.raises(ValueError, match="need the mapping"):
        measure(space="w")
    with pytest.raises(ValueError, match="'full' or 'ends'; got 'z', 'middle'"):
        measure(paths="middle")
    with pytest.raises(ValueError, match="4 paths need as many labels"):
        measure(labels=np.zeros(3, np.int32))
    with pytest.raises(ValueError, match="epsilon > 0"):
        measure(epsilon=0.0)
    with pytest.raises(ValueError, match=r"not finite.*index \(0,\)"):
        perceptual_path_length(
            lambda z: linear(z) * jnp.inf,
            latents,
            squared,
            space="z",
            paths="full",
            samples=2,
        )
