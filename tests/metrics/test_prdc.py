"""Precision, recall, density and coverage against reference values."""

from pathlib import Path

import numpy as np
import pytest

from gan_jax.metrics import neighbours, prdc

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "06_prdc.npz", allow_pickle=False)
REAL, FAKE = GOLDEN["in/real"], GOLDEN["in/fake"]
MEASURES = ("precision", "recall", "density", "coverage")


def by_differences(real, fake, k):
    """The four measures from all differences in float64."""
    real, fake = real.astype(np.float64), fake.astype(np.float64)

    def squares(x, y):
        return np.square(x[:, None] - y[None]).sum(axis=2)

    radii = [np.sort(squares(x, x), axis=1)[:, k] for x in (real, fake)]
    across = squares(real, fake)
    of_real, of_fake = across < radii[0][:, None], across < radii[1][None]
    return (
        of_real.any(axis=0).mean(),
        of_fake.any(axis=1).mean(),
        of_real.sum(axis=0).mean() / k,
        of_real.any(axis=1).mean(),
    )


@pytest.mark.parametrize("block", [1024, 8])
@pytest.mark.parametrize("k", [1, 3, 5, 10])
def test_reference_values(monkeypatch, k, block):
    monkeypatch.setattr(neighbours, "_ROWS", block)
    monkeypatch.setattr(neighbours, "_COLUMNS", 4 * block)
    result = prdc.precision_recall_density_coverage(REAL, FAKE, neighbours=k)
    expected = [GOLDEN[f"out/prdc_k{k}/{name}"] for name in MEASURES]
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_balls_on_a_line_by_hand():
    real = np.array([[0.0], [1.0], [2.0], [10.0]])  # radii 1, 1, 1, 8
    fake = np.array([[0.5], [1.5], [20.0]])  # radii 1, 1, 18.5
    result = prdc.precision_recall_density_coverage(real, fake, neighbours=1)
    # 0.5 lies in the balls of 0 and 1; 1.5 in those of 1 and 2; 20 in none; 10's ball is
    # open at 2 and holds none. All reals lie in 20's ball (1.5 to 38.5) or a near one.
    np.testing.assert_allclose(result, (2 / 3, 1.0, 4 / 3, 3 / 4))


def test_copies_of_real_samples_are_exact():
    # Each fake is a real sample, on the edge of balls that reach to it: outside of those.
    rng = np.random.default_rng(0)
    real = rng.standard_normal((60, 7)).astype(np.float32) + 10.0
    fake = real[rng.permutation(60)[:40]]
    result = prdc.precision_recall_density_coverage(real, fake, neighbours=3)
    np.testing.assert_array_equal(result, by_differences(real, fake, 3))
    assert result.precision == 1.0


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e-9])
def test_tight_clusters_are_exact(scale):
    # At 1e-9 float32 takes each cluster for one point, and doubts every pair in it.
    rng = np.random.default_rng(1)
    corners = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    real, fake = (
        corners[rng.integers(0, 3, n)] + scale * rng.standard_normal((n, 3))
        for n in (150, 130)
    )
    result = prdc.precision_recall_density_coverage(real, fake, neighbours=4)
    np.testing.assert_array_equal(result, by_differences(real, fake, 4))


def test_order_changes_nothing():
    rng = np.random.default_rng(2)
    result = prdc.precision_recall_density_coverage(REAL, FAKE)
    moved = prdc.precision_recall_density_coverage(
        rng.permutation(REAL), rng.permutation(FAKE)
    )
    assert moved == result


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="at least 6 rows, got 5"):
        prdc.precision_recall_density_coverage(REAL[:5], FAKE)
    with pytest.raises(ValueError, match="neighbours >= 1"):
        prdc.precision_recall_density_coverage(REAL, FAKE, neighbours=0)
