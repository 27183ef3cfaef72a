"""Self-attention against float64, in chunks against all at once, and in bfloat16."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import tracing
from gan_jax.nn.attention import SelfAttention, attend, check_attention, max_pool

KEY = jax.random.key(0)
SHAPES = ((2, 7, 3), (2, 5, 3), (2, 5, 4))


def operands():
    keys = jax.random.split(KEY, 3)
    return [jax.random.normal(*each) for each in zip(keys, SHAPES, strict=True)]


def exact(query, key, value):
    """`attend` in float64."""
    query, key, value = (np.asarray(x, np.float64) for x in (query, key, value))
    scores = query @ key.transpose(0, 2, 1)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True) @ value


def exact_max_pool(x):
    b, h, w, c = x.shape
    rows = [x[:, i : i + 2].max(axis=1) for i in range(0, h, 2)]
    halves = np.stack(rows, axis=1)
    columns = [halves[:, :, j : j + 2].max(axis=2) for j in range(0, w, 2)]
    return np.stack(columns, axis=2).reshape(b, -1, c)


@pytest.mark.parametrize(("height", "width", "channels"), [(4, 6, 16), (5, 3, 9)])
def test_the_layer_equals_a_float64_reference(height, width, channels):
    x = np.asarray(jax.random.normal(KEY, (2, height, width, channels)))
    layer = SelfAttention(rows=8)
    params = layer.init(jax.random.key(1), x)["params"] | {"gamma": jnp.float32(0.7)}
    kernels = {
        name: np.asarray(params[name]["kernel"][0, 0], np.float64)
        for name in ("query", "key", "value", "output")
    }
    assert {name: kernel.shape for name, kernel in kernels.items()} == {
        "query": (channels, channels // 8),
        "key": (channels, channels // 8),
        "value": (channels, channels // 2),
        "output": (channels // 2, channels),
    }
    query = (x @ kernels["query"]).reshape(2, height * width, -1)
    pooled = [exact_max_pool(x @ kernels[name]) for name in ("key", "value")]
    seen = exact(query, *pooled) @ kernels["output"]
    actual = layer.apply({"params": params}, x)
    np.testing.assert_allclose(actual, x + 0.7 * seen.reshape(x.shape), atol=2e-6)


def test_the_layer_starts_as_the_identity():
    x = jax.random.normal(KEY, (1, 4, 4, 8))
    layer = SelfAttention()
    params = layer.init(KEY, x)["params"]
    assert params["gamma"].shape == ()
    np.testing.assert_array_equal(layer.apply({"params": params}, x), x)
    gradient = jax.grad(lambda p: (layer.apply({"params": p}, x) ** 3).sum())(params)
    assert float(abs(gradient["gamma"])) > 0.01


def derivatives(rows):
    """Value, gradients, and gradients of the gradients' squares."""

    def value(*inputs):
        return jnp.sin(attend(*inputs, rows=rows)).sum()

    def penalty(*inputs):
        gradients = jax.grad(value, argnums=(0, 1, 2))(*inputs)
        return sum((g**2).sum() for g in gradients)

    return jax.jit(
        lambda *inputs: (
            attend(*inputs, rows=rows),
            jax.grad(value, argnums=(0, 1, 2))(*inputs),
            jax.grad(penalty, argnums=(0, 1, 2))(*inputs),
        )
    )


@pytest.mark.parametrize(
    ("platform", "rows"),
    [("cpu", 1), ("cpu", 3), ("tpu", 1), ("tpu", 3), ("tpu", None), ("gpu", 3)],
)
def test_chunks_change_neither_values_nor_first_and_second_derivatives(platform, rows):
    inputs = operands()
    expected = derivatives(None)(*inputs)
    with tracing.platform(platform):
        actual = derivatives(rows)(*inputs)
    np.testing.assert_allclose(expected[0], exact(*inputs), atol=1e-6)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5),
        actual,
        expected,
    )


def test_forward_derivatives_of_gradients_are_the_same_on_accelerators():
    """What the eigenvalues of a game's Jacobian are made of."""
    inputs = operands()
    along = [jnp.cos(x) for x in inputs]

    def change():
        def value(*inputs):
            return jnp.sin(attend(*inputs, rows=3)).sum()

        return jax.jvp(jax.grad(value, argnums=(0, 1, 2)), inputs, along)

    expected = change()
    with tracing.platform("tpu"):
        actual = change()
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5),
        actual,
        expected,
    )


def shapes_within(jaxpr):
    """Shapes of everything computed, at any depth."""
    found = set()
    for equation in jaxpr.eqns:
        found |= {variable.aval.shape for variable in equation.outvars}
        for inner in jax.core.jaxprs_in_params(equation.params):
            found |= shapes_within(inner)
    return found


@pytest.mark.parametrize("platform", ["cpu", "tpu"])
def test_chunks_never_hold_all_scores(platform):
    def shapes(rows):
        def gradient(*inputs):
            return jax.grad(lambda *x: attend(*x, rows=rows).sum())(*inputs)

        with tracing.platform(platform):
            return shapes_within(jax.make_jaxpr(gradient)(*operands()).jaxpr)

    assert (2, 7, 5) in shapes(None)
    assert (2, 3, 5) in shapes(3)
    # A scan would stack what it kept of every chunk.
    assert not {(2, 7, 5), (2, 2, 3, 5)} & shapes(3)


def test_scores_and_softmax_are_float32_under_bfloat16():
    # Scores 112 and 112.25, which are one number in bfloat16.
    query = jnp.array([[[16.0, 1.0]] * 3], jnp.bfloat16)
    key = jnp.array([[[7.0, 0.0], [7.0, 0.25]]], jnp.bfloat16)
    value = jnp.array([[[0.0], [1.0]]], jnp.bfloat16)
    expected = jnp.full((1, 3, 1), jax.nn.sigmoid(0.25))
    for rows in (None, 2):
        actual = attend(query, key, value, rows=rows)
        assert actual.dtype == jnp.bfloat16
        np.testing.assert_allclose(actual.astype(jnp.float32), expected, atol=0.003)


def test_max_pool_passes_gradients_at_odd_edges_whole():
    x = jax.random.normal(KEY, (1, 3, 3, 1))
    gradient = jax.grad(lambda x: max_pool(x).sum())(x)[0, :, :, 0]
    corner = np.asarray(gradient[2, 2])
    assert corner == 1.0
    assert float(gradient.sum()) == 4.0


def test_wrong_rows_and_places_are_refused():
    with pytest.raises(ValueError, match="1 or more rows"):
        attend(*operands(), rows=0)
    check_attention((0, 2), 3)
    with pytest.raises(ValueError, match="no block 3"):
        check_attention((1, 3), 3)
