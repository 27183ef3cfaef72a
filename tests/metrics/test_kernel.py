"""Kernel distances against reference values and direct sums over pairs."""

from pathlib import Path

import numpy as np
import pytest

from gan_jax.metrics import kernel

GOLDEN = np.load(
    Path(__file__).parents[1] / "golden" / "06_kid_mmd.npz", allow_pickle=False
)
A, B = GOLDEN["in/a"], GOLDEN["in/b"]


@pytest.mark.parametrize("estimate", ["biased", "unbiased"])
@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("poly", kernel.polynomial_kernel()),
        ("rbf_sigma2.0", kernel.gaussian_kernel(2.0)),
        ("rbf_sigma5.0", kernel.gaussian_kernel(5.0)),
        ("sk_rbf_gamma0.01", kernel.gaussian_kernel(np.sqrt(50.0))),
        ("sk_rbf_gamma0.05", kernel.gaussian_kernel(np.sqrt(10.0))),
    ],
)
def test_reference_values(name, chosen, estimate):
    value = kernel.kernel_distance(A, B, kernel=chosen, unbiased=estimate == "unbiased")
    np.testing.assert_allclose(value, GOLDEN[f"out/{name}_{estimate}"], rtol=1e-9)


@pytest.mark.parametrize("estimate", ["biased", "unbiased"])
def test_reference_values_of_a_mixture_with_unequal_numbers(estimate):
    value = kernel.kernel_distance(
        A[:80],
        B,
        kernel=kernel.gaussian_kernel(1.0, 2.0, 4.0, 8.0),
        unbiased=estimate == "unbiased",
    )
    expected = GOLDEN[f"out/rbf_mix_sum_sigma1_2_4_8_{estimate}_unequal"]
    np.testing.assert_allclose(value, expected, rtol=1e-9)


def test_reference_values_of_given_subsets():
    values = [kernel.kernel_distance(A[a], B[b]) for a, b in GOLDEN["in/subsets"]]
    np.testing.assert_allclose(values, GOLDEN["out/subset_values"], rtol=1e-10)


def test_polynomial_kernel_by_hand():
    x, y = np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[3.0, -1.0]])
    chosen = kernel.polynomial_kernel(degree=2, gamma=0.5, offset=2.0)
    np.testing.assert_allclose(chosen(x, y), [[2.5**2], [1.5**2]])


def test_subsets_of_everything_are_the_whole():
    result = kernel.kernel_distance_subsets(A, B, subsets=3, size=120)
    np.testing.assert_allclose(result.mean, GOLDEN["out/poly_unbiased"], rtol=1e-10)
    np.testing.assert_allclose(result.std, 0.0, atol=1e-12)


def test_subsets_follow_the_seed_and_estimate_the_whole():
    whole = float(GOLDEN["out/poly_unbiased"])
    runs = [
        kernel.kernel_distance_subsets(A, B, subsets=200, size=50, seed=seed)
        for seed in (3, 3, 4)
    ]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    for run in runs:  # seeds 3 and 4, bound: 5 standard errors
        np.testing.assert_allclose(run.mean, whole, atol=5 * run.std / np.sqrt(200))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="one width, got 24 and 23"):
        kernel.kernel_distance(A, B[:, :23])
    with pytest.raises(ValueError, match="2 <= size <= 120"):
        kernel.kernel_distance_subsets(A, B, size=121)
    with pytest.raises(ValueError, match="positive bandwidths"):
        kernel.gaussian_kernel(1.0, 0.0)
    with pytest.raises(ValueError, match="positive bandwidths"):
        kernel.gaussian_kernel()
