"""Composition of augmentations, and draws that happen with a probability."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import prng
from gan_jax.augment import compose
from gan_jax.augment.operation import angle, factor, roll

KEY = jax.random.key(0)
IMAGES = jnp.float32(np.random.default_rng(0).uniform(-1, 1, (3, 2, 4, 2)))


def add(key, image, p):
    return image + p * jax.random.uniform(prng.stream(key, "add"), ())


def double(key, image, p):
    del key, p
    return 2.0 * image


def test_operations_run_from_left_to_right_on_each_example_with_its_own_key():
    keys = jax.random.split(KEY, 3)
    drawn = [jax.random.uniform(prng.stream(k, "add"), ()) for k in keys]
    expected = [2.0 * (x + 0.5 * u) for x, u in zip(IMAGES, drawn, strict=True)]
    np.testing.assert_allclose(
        compose(add, double)(keys, IMAGES, 0.5), jnp.stack(expected), rtol=1e-6
    )


def test_one_key_is_folded_with_the_rows():
    augment = compose(add)
    folded = augment(prng.per_example(KEY, 3), IMAGES, 1.0)
    np.testing.assert_array_equal(augment(KEY, IMAGES, 1.0), folded)


@pytest.mark.parametrize(("given", "used"), [(-0.5, 0.0), (1.5, 1.0), (0.25, 0.25)])
def test_the_probability_is_clipped(given, used):
    augment = compose(add)
    np.testing.assert_array_equal(augment(KEY, IMAGES, given), augment(KEY, IMAGES, used))


def test_nothing_composed_changes_nothing():
    np.testing.assert_array_equal(compose()(KEY, IMAGES, 1.0), IMAGES)


def test_an_operation_twice_is_refused():
    with pytest.raises(ValueError, match="comes twice"):
        compose(add, double, add)


def test_a_wrong_number_of_keys_is_refused():
    with pytest.raises(ValueError, match="expected one key, or 3 keys"):
        compose(add)(jax.random.split(KEY, 2), IMAGES, 1.0)


N = 6000


def rolled(p, **numbers):
    keys = jax.random.split(KEY, N)
    return jax.jit(lambda: prng.draw(keys, lambda k: roll(k, "a", p, **numbers)))()


def test_dice():
    # Seed 0, n = 6000, 5 standard errors.
    dice = jax.tree.map(
        np.float64, rolled(jnp.float32(0.3), gates=2, normals=1, uniforms=1)
    )
    bound = 5 / np.sqrt(N)
    np.testing.assert_allclose(dice.gates.mean(0), [0.3, 0.3], atol=bound * 0.21**0.5)
    np.testing.assert_allclose(dice.normals.mean(), 0.0, atol=bound)
    np.testing.assert_allclose(dice.normals.std(), 1.0, rtol=bound / 2**0.5)
    np.testing.assert_allclose(dice.uniforms.mean(), 0.5, atol=bound / 12**0.5)
    # All four are independent: correlations have a standard error of 1 / sqrt(n).
    columns = np.concatenate(dice, axis=1)
    np.testing.assert_allclose(np.corrcoef(columns.T), np.eye(4), atol=bound)


def test_gates_may_have_probabilities_of_their_own():
    dice = rolled(jnp.float32([0.0, 1.0, 0.5]), gates=3)
    np.testing.assert_array_equal(dice.gates[:, :2].mean(axis=0), [0.0, 1.0])
    np.testing.assert_allclose(dice.gates[:, 2].mean(), 0.5, atol=2.5 / np.sqrt(N))


def test_streams_differ_by_name():
    one, other = (roll(KEY, name, jnp.float32(0.5), gates=0, normals=4) for name in "ab")
    assert (one.normals != other.normals).all()


def test_factors_and_angles():
    gates = jnp.array([True, False, True])
    np.testing.assert_array_equal(factor(gates, jnp.float32([2, 9, -1])), [4.0, 1.0, 0.5])
    turned = angle(gates, jnp.float32([0.0, 0.9, 0.75]))
    np.testing.assert_allclose(turned, [-np.pi, 0.0, np.pi / 2], rtol=1e-6)
