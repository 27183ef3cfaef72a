"""Top singular values against NumPy's decomposition in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.analysis import top_singular_values

SHAPES = {
    "conv": {"kernel": (3, 3, 24, 96), "bias": (96,)},
    "dense": {"kernel": (150, 90)},
    "wide": {"kernel": (80, 300)},
    "out": {"kernel": (7, 3), "scale": ()},
}


def random_params():
    draws = np.random.default_rng(0)
    is_shape = lambda x: isinstance(x, tuple)  # noqa: E731
    return jax.tree.map(
        lambda shape: jnp.asarray(draws.standard_normal(shape), jnp.float32),
        SHAPES,
        is_leaf=is_shape,
    )


def spectra(params, **options):
    return jax.jit(lambda p: top_singular_values(p, **options))(params)


def by_numpy(leaf, k):
    matrix = np.asarray(leaf, np.float64).reshape(-1, leaf.shape[-1])
    return np.linalg.svd(matrix, compute_uv=False)[:k]


def kernels(params):
    return {f"{layer}/kernel": leaves["kernel"] for layer, leaves in params.items()}


def test_exact_decomposition_of_every_kernel_and_of_nothing_else():
    params = random_params()
    values = spectra(params, k=4, exact_below=1000)
    assert set(values) == set(kernels(params))
    for path, leaf in kernels(params).items():
        assert values[path].dtype == jnp.float32
        np.testing.assert_allclose(values[path], by_numpy(leaf, 4), rtol=1e-5)


def test_block_power_iteration_of_random_kernels():
    # Random spectra have no gaps, the hardest case: near, and never above the truth.
    params = random_params()
    values = spectra(params, k=3, exact_below=0)
    for path, leaf in kernels(params).items():
        truth = by_numpy(leaf, 3)
        np.testing.assert_allclose(values[path], truth, rtol=5e-3)
        np.testing.assert_array_less(values[path], truth * (1 + 1e-6))


def test_more_vectors_reach_float32():
    params = random_params()
    values = spectra(params, k=2, exact_below=0, iterations=60, oversample=50)
    for path, leaf in kernels(params).items():
        np.testing.assert_allclose(values[path], by_numpy(leaf, 2), rtol=2e-6)


@pytest.mark.parametrize("size", [1e-25, 1.0, 1e25])
def test_known_spectrum_of_any_size(size):
    draws = np.random.default_rng(1)
    left = np.linalg.qr(draws.standard_normal((120, 70)))[0]
    right = np.linalg.qr(draws.standard_normal((70, 70)))[0]
    spectrum = size * 0.8 ** np.arange(70)
    matrix = (left * spectrum) @ right.T
    values = spectra({"w": jnp.asarray(matrix, jnp.float32)}, k=3)["w"]
    np.testing.assert_allclose(values, spectrum[:3], rtol=2e-6)


def test_a_kernel_of_zeros_and_one_that_is_not_finite():
    zeros = jnp.zeros((100, 80))
    broken = zeros.at[0, 0].set(jnp.nan)
    values = spectra({"zeros": zeros, "broken": broken, "vector": zeros[0]})
    np.testing.assert_array_equal(values["zeros"], [0.0])
    assert not np.isfinite(values["broken"]).any()


def test_fewer_values_than_asked_where_the_kernel_is_smaller():
    values = jax.eval_shape(lambda p: top_singular_values(p, k=5), random_params())
    assert values["out/kernel"].shape == (3,)
    assert values["conv/kernel"].shape == values["dense/kernel"].shape == (5,)


def test_where_selects_leaves():
    in_o = lambda path, leaf: "o" in path.split("/")[0]  # noqa: E731
    values = jax.eval_shape(lambda p: top_singular_values(p, where=in_o), random_params())
    assert set(values) == {"conv/kernel", "out/kernel"}


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="need k >= 1"):
        top_singular_values(random_params(), k=0)
