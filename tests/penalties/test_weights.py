"""Orthogonal regularisation against float64 and published code."""

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
