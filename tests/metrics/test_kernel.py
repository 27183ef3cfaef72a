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
    np.testing.assert_allclose(result.mean, GOLDEN["out/clean_fid_full"], rtol=1e-10)
    np.testing.assert_allclose(result.std, 0.0, atol=1e-12)
    assert result.low is result.high is None


def test_reference_values_of_a_subset_run():
    """torch-fidelity's draws: both subsets from one RandomState(2020)."""
    draws, values = np.random.RandomState(2020), []
    for _ in range(5):
        i, j = (draws.choice(120, 40, replace=False) for _ in range(2))
        values.append(kernel.kernel_distance(A[i], B[j]))
    mean, std = (GOLDEN[f"out/tf_seed2020_s5_n40_{name}"] for name in ("mean", "std"))
    np.testing.assert_allclose(np.mean(values), mean, rtol=1e-10)
    np.testing.assert_allclose(np.std(values), std, rtol=1e-9)


def test_reference_mean_and_spread_over_subsets():
    values = [kernel.kernel_distance(A[a], B[b]) for a, b in GOLDEN["in/subsets"]]
    np.testing.assert_allclose(np.mean(values), GOLDEN["out/subset_mean"], rtol=1e-10)
    np.testing.assert_allclose(np.std(values), GOLDEN["out/subset_std"], rtol=1e-9)


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize(
    "chosen", [kernel.polynomial_kernel(), kernel.gaussian_kernel(3.0)]
)
def test_blocks_of_rows_change_rounding_only(monkeypatch, chosen, unbiased):
    whole = kernel.kernel_distance(A[:77], B, kernel=chosen, unbiased=unbiased)
    monkeypatch.setattr(kernel, "_BLOCK", 32)
    parts = kernel.kernel_distance(A[:77], B, kernel=chosen, unbiased=unbiased)
    np.testing.assert_allclose(parts, whole, rtol=1e-12)


def test_the_interval_of_all_rows_is_the_jackknife_by_hand(monkeypatch):
    monkeypatch.setattr(kernel, "_BLOCK", 16)
    x, y = A[:20].astype(np.float64), B[:33].astype(np.float64)
    found = kernel.kernel_distance_interval(x, y)
    variance = 0.0
    for side, n in ((0, 20), (1, 33)):
        left = []
        for row in range(n):
            pair = [x, y]
            pair[side] = np.delete(pair[side], row, axis=0)
            left.append(kernel.kernel_distance(*pair))
        variance += (n - 1) / n * np.sum((np.array(left) - np.mean(left)) ** 2)
    np.testing.assert_allclose(found.value, kernel.kernel_distance(x, y), rtol=1e-12)
    np.testing.assert_allclose(found.error, np.sqrt(variance), rtol=1e-9)
    np.testing.assert_allclose(
        found.high - found.low, 2 * 1.959964 * found.error, rtol=1e-6
    )


def shifted(seed, n):
    """Samples of N(0, 1) and N(0.7, 1), 2-d; the product kernel's distance is 2 x 0.49."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 2)), rng.standard_normal((n, 2)) + 0.7


@pytest.mark.parametrize(
    "interval",
    [
        kernel.kernel_distance_interval,
        lambda x, y, kernel: SUBSETS(x, y, kernel=kernel, subsets=30, size=40),
    ],
    ids=["jackknife", "subsets"],
)
def test_intervals_cover_the_truth_as_often_as_they_say(interval):
    # 300 seeds; the bound is 3 standard deviations of the share, 0.0126 each.
    product = kernel.polynomial_kernel(degree=1, gamma=1.0, offset=0.0)
    found = [interval(*shifted(seed, 100), kernel=product) for seed in range(300)]
    covered = np.mean([each.low <= 0.98 <= each.high for each in found])
    np.testing.assert_allclose(covered, 0.95, atol=0.038)


SUBSETS = kernel.kernel_distance_subsets


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
    with pytest.raises(ValueError, match=r"confidence in \(0, 1\), got 95"):
        kernel.kernel_distance_interval(A, B, confidence=95)
    with pytest.raises(ValueError, match="at least 3 rows, got 2"):
        kernel.kernel_distance_interval(A[:2], B)
    with pytest.raises(ValueError, match="2 <= size <= 120"):
        kernel.kernel_distance_subsets(A, B, size=121)
    with pytest.raises(ValueError, match="positive bandwidths"):
        kernel.gaussian_kernel(1.0, 0.0)
    with pytest.raises(ValueError, match="positive bandwidths"):
        kernel.gaussian_kernel()
