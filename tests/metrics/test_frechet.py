"""Fréchet distance against reference values, closed forms and an independent formula."""

from pathlib import Path

import numpy as np
import pytest

from gan_jax.metrics import frechet

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "06_fid.npz", allow_pickle=False)
A, B, C, D, E, F, G = (GOLDEN[f"in/{name}"] for name in "abcdefg")
CASES = {
    "well": (A, B),
    "same": (A, A),
    "mixed": (A[:200], A[200:]),
    "singular": (C, D),
    "singular_same": (C, C),
    "dead_features": (G[:30], G[30:]),
    "one_dim": (E, F),
}


def by_singular_values(real, fake):
    """tr (C1 C2)^(1/2) as the sum of singular values of X1 X2^T: no square roots."""
    real, fake = real.astype(np.float64), fake.astype(np.float64)
    gap = real.mean(axis=0) - fake.mean(axis=0)
    x, y = ((z - z.mean(axis=0, keepdims=True)) / np.sqrt(len(z) - 1) for z in (real, fake))
    cross = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    return gap @ gap + np.sum(x * x) + np.sum(y * y) - 2 * cross


@pytest.mark.parametrize("case", CASES)
def test_reference_values(case):
    # The reference itself loses half the digits where covariances are singular.
    np.testing.assert_allclose(
        frechet.frechet_distance(*CASES[case]),
        GOLDEN[f"out/{case}/exact"],
        rtol=3e-8,
        atol=1e-5,
    )


@pytest.mark.parametrize("case", CASES)
def test_exact_to_rounding_by_an_independent_formula(case):
    np.testing.assert_allclose(
        frechet.frechet_distance(*CASES[case]),
        by_singular_values(*CASES[case]),
        rtol=1e-12,
        atol=1e-11,
    )


@pytest.mark.parametrize("case", ["well", "singular"])
def test_statistics_are_those_of_the_reference(case):
    real, fake = CASES[case]
    for number, features in ((1, real), (2, fake)):
        own = frechet.statistics(features)
        np.testing.assert_allclose(own.mean, GOLDEN[f"out/{case}/mu{number}"], rtol=1e-6)
        np.testing.assert_allclose(
            own.covariance, GOLDEN[f"out/{case}/sigma{number}"], rtol=1e-6, atol=1e-7
        )


def test_symmetric():
    for real, fake in CASES.values():
        np.testing.assert_allclose(
            frechet.frechet_distance(real, fake),
            frechet.frechet_distance(fake, real),
            rtol=1e-11,
            atol=1e-11,
        )


def test_closed_form_of_commuting_covariances():
    values_1, values_2 = np.array([4.0, 0.0, 9.0, 1.0]), np.array([1.0, 16.0, 9.0, 0.0])
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
    covariances = [turn @ np.diag(v) @ turn.T for v in (values_1, values_2)]
    mean_1, mean_2 = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 0.0, 3.0, 5.0])
    expected = 5.0 + np.sum(np.square(np.sqrt(values_1) - np.sqrt(values_2)))
    for first, second in ((0, 1), (1, 0)):
        np.testing.assert_allclose(
            frechet.frechet_from_statistics(
                mean_1, covariances[first], mean_2, covariances[second]
            ),
            expected,
            rtol=1e-12,
        )


def test_one_gaussian_to_many():
    real, fakes = frechet.statistics(A), [frechet.statistics(x) for x in (A, B)]
    distance = frechet.distance_to(real)
    for fake in fakes:
        assert distance(fake) == frechet.frechet_from_statistics(*real, *fake)


@pytest.mark.parametrize("floor", [1e-4, 1e-8, 1e-13])
def test_near_singular_covariances_by_their_closed_form(floor):
    # Commuting covariances whose eigenvalues fall from 1 to `floor`.
    first, second = np.geomspace(1.0, floor, 30), np.geomspace(1.0, floor, 30)[::-1]
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((30, 30)))[0]
    covariances = [turn * values[None] @ turn.T for values in (first, second)]
    expected = np.sum(np.square(np.sqrt(first) - np.sqrt(second)))
    np.testing.assert_allclose(
        frechet.frechet_from_statistics(
            np.zeros(30), covariances[0], np.zeros(30), covariances[1]
        ),
        expected,
        rtol=1e-9,
    )


@pytest.mark.parametrize(("n", "m"), [(30, 50), (200, 90), (79, 300)])
def test_features_of_very_unlike_scales_are_exact(n, m):
    rng, scale = np.random.default_rng(2), np.geomspace(1.0, 1e-6, 80)
    real, fake = (rng.standard_normal((k, 80)) * scale[None] for k in (n, m))
    expected = by_singular_values(real, fake)
    for pair in ((real, fake), (fake, real)):
        found = frechet.frechet_distance(*pair)
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_constant_features_differ_by_their_means():
    real, fake = np.full((5, 3), 2.0), np.tile([2.0, 4.0, 1.0], (7, 1))
    assert frechet.frechet_distance(real, fake) == 5.0


def test_non_finite_features_are_named():
    bad = A.copy()
    bad[3, 17] = np.nan
    bad[5, 2] = np.inf
    with pytest.raises(ValueError, match=r"fake features .* 2 of 12800 .*\(3, 17\) is nan"):
        frechet.frechet_distance(A, bad)
    with pytest.raises(ValueError, match="real features"):
        frechet.frechet_distance(bad, A)
    mean, covariance = frechet.statistics(A)
    with pytest.raises(ValueError, match="covariances of the second Gaussian"):
        frechet.frechet_from_statistics(mean, covariance, mean, covariance * np.inf)


def test_too_few_rows_and_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"fake features need at least 2 rows, got 1"):
        frechet.frechet_distance(A, A[:1])
    with pytest.raises(ValueError, match=r"must be \(n, d\)"):
        frechet.frechet_distance(A, A[0])
    with pytest.raises(ValueError, match="of one d"):
        frechet.frechet_distance(A, C)
