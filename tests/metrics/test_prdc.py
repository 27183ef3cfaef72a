"""Precision, recall, density and coverage against reference values."""

from pathlib import Path

import numpy as np
import pytest

from gan_jax.metrics import prdc

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "06_prdc.npz", allow_pickle=False)
REAL, FAKE = GOLDEN["in/real"], GOLDEN["in/fake"]
MEASURES = ("precision", "recall", "density", "coverage")


@pytest.mark.parametrize("block", [1024, 37])
@pytest.mark.parametrize("k", [1, 3, 5, 10])
def test_reference_values(monkeypatch, k, block):
    monkeypatch.setattr(prdc, "_BLOCK", block)
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


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="at least 6 rows, got 5"):
        prdc.precision_recall_density_coverage(REAL[:5], FAKE)
    with pytest.raises(ValueError, match="neighbours >= 1"):
        prdc.precision_recall_density_coverage(REAL, FAKE, neighbours=0)
