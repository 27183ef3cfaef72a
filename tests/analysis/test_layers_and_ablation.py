"""What layers give, recorded and changed; the channels that make an attribute."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

from gan_jax import analysis
from gan_jax.nn.layers import Dense

DRAWS = np.random.default_rng(0)


class Inner(linen.Module):
    @linen.compact
    def __call__(self, x):
        return Dense(3, name="last")(jax.nn.relu(Dense(4, name="first")(x)))


class Outer(linen.Module):
    @linen.compact
    def __call__(self, x):
        return {"sum": Inner(name="inner")(x).sum(axis=-1)}


X = jnp.asarray(DRAWS.standard_normal((2, 5)), jnp.float32)
VARIABLES = Outer().init(jax.random.key(0), X)


def call(x):
    return Outer().apply(VARIABLES, x)


def kernel(name):
    return np.asarray(VARIABLES["params"]["inner"][name]["kernel"], np.float64)


def test_every_layer_is_recorded_by_its_path():
    outputs, seen = jax.jit(lambda x: analysis.record(call, x))(X)
    first = np.asarray(X, np.float64) @ kernel("first")
    last = np.maximum(first, 0.0) @ kernel("last")
    expected = {"inner/first": first, "inner/last": last, "inner": last}
    assert set(seen) == set(expected)
    for path, value in expected.items():
        np.testing.assert_allclose(seen[path], value, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs["sum"], last.sum(axis=1), rtol=1e-5)


def test_the_order_is_that_in_which_layers_end_and_some_may_be_chosen():
    assert list(analysis.record(call, X)[1]) == ["inner/first", "inner/last", "inner"]
    linear = analysis.record(call, X, where=analysis.has_kernel)[1]
    assert list(linear) == ["inner/first", "inner/last"]


def test_a_changed_layer_changes_what_follows():
    changes = {"inner/first": analysis.without_channels(np.array([0, 2]))}
    made = jax.jit(analysis.with_changes(call, changes))(X)["sum"]
    first = np.asarray(X, np.float64) @ kernel("first")
    first[:, [0, 2]] = 0.0
    expected = (np.maximum(first, 0.0) @ kernel("last")).sum(axis=1)
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(analysis.with_changes(call, {})(X)["sum"], call(X)["sum"])


def test_a_layer_that_is_not_there():
    changed = analysis.with_changes(call, {"inner/frist": lambda x: x})
    with pytest.raises(ValueError, match="no layer 'inner/frist'; there are: inner/first"):
        changed(X)


def test_the_regression_finds_the_channels_that_fire():
    present = np.arange(400) % 2 == 0
    activations = DRAWS.standard_normal((400, 6))
    activations[:, 1] += 3.0 * present
    activations[:, 4] += 2.0 * present
    activations[:, 2] -= 3.0 * present
    fit = analysis.attribute_channels(activations, present)
    assert fit.weights.argsort()[::-1][:2].tolist() == [1, 4]
    assert fit.channels(2).tolist() == [1, 4]
    assert 2 not in fit.channels()
    assert (fit.weights[fit.channels()] > 0.0).all()
    assert fit.baseline == 0.5
    # Two classes at a distance of sqrt(9 + 4 + 9): the error is Phi(-sqrt(22) / 2), 1%.
    np.testing.assert_allclose(fit.accuracy, 0.99, atol=0.02)


def test_what_cannot_be_fitted():
    with pytest.raises(ValueError, match="with the attribute and rows without"):
        analysis.attribute_channels(np.ones((8, 2)), np.ones(8, bool))
    with pytest.raises(ValueError, match=r"need activations \(n, C\)"):
        analysis.attribute_channels(np.ones((8, 2)), np.ones(7, bool))


def test_places_are_balanced_and_keep_their_answers():
    inside = np.zeros((5, 4, 4), bool)
    inside[:, 1:3, 2] = True
    activations = np.stack([inside * 1.0, np.arange(80).reshape(5, 4, 4)], axis=-1)
    rows, present = analysis.placed(activations, inside, seed=0)
    assert rows.shape == (20, 2)
    assert present.sum() == 10
    np.testing.assert_array_equal(rows[:, 0], present)
    assert len(set(rows[:, 1])) == 20
    with pytest.raises(ValueError, match="inside and outside"):
        analysis.placed(activations, np.ones((5, 4, 4), bool), seed=0)
