"""Penalties on parameters against float64 and published code."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import penalties

GOLDEN = Path(__file__).parents[1] / "golden"


def tree():
    rng = np.random.default_rng(0)
    shapes = {"conv": (3, 3, 2, 5), "dense": (7, 4), "wide": (2, 6)}
    params = {
        name: {
            "kernel": jnp.float32(rng.standard_normal(shape)),
            "bias": jnp.ones(shape[-1]),
        }
        for name, shape in shapes.items()
    }
    return params | {"table": {"embedding": jnp.float32(rng.standard_normal((3, 4)))}}


def reference(leaves, modified):
    total = 0.0
    for leaf in leaves:
        kernel = np.float64(leaf).reshape(-1, leaf.shape[-1])
        gram = kernel.T @ kernel
        eye = np.eye(len(gram))
        total += ((gram * (1 - eye) if modified else gram - eye) ** 2).sum()
    return total


@pytest.mark.parametrize("modified", [True, False])
def test_sum_over_all_kernels(modified):
    params = tree()
    kernels = [x for x in jax.tree.leaves(params) if x.ndim >= 2]
    assert len(kernels) == 4
    value = penalties.orthogonal(modified=modified)(params)
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, reference(kernels, modified), rtol=1e-5)


def test_where_leaves_out_the_embedding():
    params = tree()
    kernels = [params[name]["kernel"] for name in ("conv", "dense", "wide")]
    value = penalties.orthogonal(where=lambda path, x: path.endswith("kernel"))(params)
    # Biases are called "bias", so the predicate alone decides.
    np.testing.assert_allclose(value, reference(kernels, True), rtol=1e-5)


def test_orthogonal_columns_cost_nothing_and_only_standard_sees_their_norm():
    q = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 3)))[0]
    params = {"kernel": jnp.float32(q)}
    doubled = {"kernel": jnp.float32(2.0 * q)}
    modified, standard = penalties.orthogonal(), penalties.orthogonal(modified=False)
    np.testing.assert_allclose(modified(params), 0.0, atol=1e-11)
    np.testing.assert_allclose(standard(params), 0.0, atol=1e-11)
    np.testing.assert_allclose(modified(doubled), 0.0, atol=1e-11)
    np.testing.assert_allclose(standard(doubled), 3 * 3.0**2, rtol=1e-5)


@pytest.mark.parametrize(("name", "modified"), [("ortho", True), ("default_ortho", False)])
def test_published_gradients(name, modified):
    golden = np.load(GOLDEN / "01_biggan_losses_ortho.npz", allow_pickle=False)
    params = {
        "conv": jnp.asarray(golden["in/w"].transpose(2, 3, 1, 0)),
        "dense": jnp.asarray(golden["in/w2"].T),
        "bias": jnp.ones((3,), jnp.float32),
    }
    # The published code adds strength * 2 (...) W, half of the gradient of ||...||^2.
    weight = float(golden["in/strength"]) / 2.0
    gradient = jax.grad(penalties.orthogonal(modified=modified).fn)(params)
    conv = weight * np.asarray(gradient["conv"]).transpose(3, 2, 0, 1)
    dense = weight * np.asarray(gradient["dense"]).T
    np.testing.assert_allclose(conv, golden[f"out/{name}_grad_w"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(dense, golden[f"out/{name}_grad_w2"], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(gradient["bias"], np.zeros(3))


def test_nothing_selected_is_an_error():
    with pytest.raises(ValueError, match="no parameter to penalise"):
        penalties.orthogonal()({"bias": jnp.ones((3,))})
    with pytest.raises(ValueError, match="weight decay penalty found no parameter"):
        penalties.weight_decay()({"bias": jnp.ones((3,))})


def test_weight_decay_is_half_the_squares_of_what_is_selected():
    params = tree()
    kernels = [x for x in jax.tree.leaves(params) if x.ndim >= 2]
    value, slope = jax.value_and_grad(penalties.weight_decay().fn)(params)
    assert value.dtype == jnp.float32
    expected = 0.5 * sum((np.float64(x) ** 2).sum() for x in kernels)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    for name in ("conv", "dense", "wide"):
        np.testing.assert_allclose(slope[name]["kernel"], params[name]["kernel"], rtol=1e-6)
        np.testing.assert_array_equal(
            slope[name]["bias"], np.zeros_like(slope[name]["bias"])
        )
    biases = penalties.weight_decay(where=lambda path, x: path.endswith("/bias"))
    np.testing.assert_allclose(biases(params), 0.5 * (5 + 4 + 6), rtol=1e-6)
    half = jax.tree.map(lambda x: x.astype(jnp.bfloat16), params)
    np.testing.assert_allclose(penalties.weight_decay()(half), expected, rtol=2**-6)


def test_historical_averaging_is_the_distance_to_the_mean_of_the_past():
    rng = np.random.default_rng(2)
    shapes = {"kernel": (3, 4), "bias": (4,), "scale": ()}
    path = [{k: rng.standard_normal(s) for k, s in shapes.items()} for _ in range(5)]
    average = penalties.historical_average(
        jax.eval_shape(lambda: jax.tree.map(jnp.float32, path[0]))
    )
    step = jax.jit(jax.value_and_grad(penalties.historical_averaging, has_aux=True))
    for t, theta in enumerate(path):
        past = {k: np.mean([p[k] for p in path[:t]], axis=0) for k in shapes if t}
        gaps = {k: theta[k] - past[k] for k in past}
        (value, average), slope = step(jax.tree.map(jnp.float32, theta), average)
        assert value.dtype == jnp.float32
        expected = sum((gap**2).sum() for gap in gaps.values())
        np.testing.assert_allclose(value, expected, rtol=1e-5)
        assert average.terms == t + 1
        for k in shapes:
            np.testing.assert_allclose(slope[k], 2 * gaps.get(k, 0.0 * theta[k]), rtol=1e-4)
            mean = np.mean([p[k] for p in path[: t + 1]], axis=0)
            np.testing.assert_allclose(average.mean[k], mean, rtol=1e-4, atol=1e-6)


def test_historical_averaging_of_low_precision_parameters_is_float32():
    params = {"a": jnp.bfloat16([1.0, 2.0]), "b": jnp.bfloat16(3.0), "c": jnp.ones((1, 2))}
    _, average = penalties.historical_averaging(
        params, penalties.historical_average(params)
    )
    moved = jax.tree.map(lambda x: 2 * x, params)
    value, average = penalties.historical_averaging(moved, average)
    assert {x.dtype for x in jax.tree.leaves(average.mean)} == {jnp.dtype(jnp.float32)}
    np.testing.assert_array_equal(value, 1 + 4 + 9 + 1 + 1)
    np.testing.assert_array_equal(average.mean["a"], [1.5, 3.0])


@pytest.mark.parametrize("modified", [True, False])
def test_many_more_columns_than_rows_take_the_smaller_product(modified):
    kernel = 0.3 * np.random.default_rng(3).standard_normal((1, 1, 4, 300))
    params = {"kernel": jnp.float32(kernel)}
    penalty = penalties.orthogonal(modified=modified)
    value, slope = jax.value_and_grad(penalty.fn)(params)
    np.testing.assert_allclose(value, reference([kernel], modified), rtol=1e-5)
    w = np.float64(kernel).reshape(4, 300)
    gram, eye = w.T @ w, np.eye(300)
    expected = 4.0 * w @ (gram * (1 - eye) if modified else gram - eye)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(slope["kernel"][0, 0], expected, rtol=0, atol=1e-5 * scale)
    jaxpr = jax.make_jaxpr(penalty.fn)(params)
    assert "300,300" not in str(jaxpr)
