"""The support of a generator by the birthday paradox."""

import numpy as np
import pytest
from scipy.stats import binom

from gan_jax.metrics.birthday import (
    birthday_support,
    closest_pairs,
    support_from_collisions,
)


def test_the_closest_pair_of_each_batch_by_hand():
    rows = np.array([[0.0], [5.0], [9.0], [10.0], [3.0], [7.0], [3.5], [20.0], [20.0]])
    found = closest_pairs(rows, batch=4)
    np.testing.assert_array_equal(found.indices, [[2, 3], [4, 6]])
    np.testing.assert_array_equal(found.distances, [1.0, 0.5])


def test_half_the_batches_collide_at_a_support_of_their_square():
    # Half collide where exp(-s (s - 1) / 2N) = 1/2: N = s (s - 1) / (2 log 2).
    found = support_from_collisions(10, 20, batch=30)
    np.testing.assert_allclose(found.size, 30 * 29 / (2 * np.log(2)))
    assert found.collision_probability == 0.5


def test_the_interval_is_clopper_and_pearsons():
    found = support_from_collisions(3, 20, batch=30)
    # At either end the count, or one beyond it, has probability 2.5 %.
    low, high = (binom(20, 1 - np.exp(-435 / end)) for end in (found.low, found.high))
    np.testing.assert_allclose(low.cdf(3), 0.025, rtol=1e-9)
    np.testing.assert_allclose(high.sf(2), 0.025, rtol=1e-9)
    none, all_ = (support_from_collisions(k, 20, batch=30) for k in (0, 20))
    assert (none.size, none.high) == (np.inf, np.inf)
    np.testing.assert_allclose(np.exp(-435 / none.low) ** 20, 0.025, rtol=1e-9)
    assert (all_.size, all_.low) == (0.0, 0.0)
    np.testing.assert_allclose((1 - np.exp(-435 / all_.high)) ** 20, 0.025, rtol=1e-9)


def test_a_known_support_is_found():
    # 1000 kinds, each with a little noise, far apart; 300 batches of 40, seed 0.
    draws = np.random.default_rng(0)
    kinds = 100.0 * draws.standard_normal((1000, 8))
    rows = kinds[draws.integers(0, 1000, 12000)]
    rows = rows + 0.01 * draws.standard_normal(rows.shape)
    found = birthday_support(rows, batch=40, threshold=0.5)
    batches = [draws.integers(0, 1000, 40) for _ in range(4000)]
    exact = np.mean([len(set(batch)) < 40 for batch in batches])
    np.testing.assert_allclose(found.collision_probability, exact, atol=3 * 0.029)
    assert found.low < 1000 < found.high
    # A share off by 3 standard errors is a support off by a quarter.
    np.testing.assert_allclose(found.size, 1000, rtol=0.25)


def test_bad_input_is_refused():
    rows = np.zeros((9, 2))
    with pytest.raises(ValueError, match="at least 10 rows, got 9"):
        closest_pairs(rows, batch=10)
    with pytest.raises(ValueError, match="batch >= 2"):
        closest_pairs(rows, batch=1)
    with pytest.raises(ValueError, match="threshold >= 0, got nan"):
        birthday_support(rows, batch=3, threshold=np.nan)
    with pytest.raises(ValueError, match="0 <= collisions <= batches"):
        support_from_collisions(4, 3, batch=10)
    with pytest.raises(ValueError, match="confidence"):
        support_from_collisions(2, 3, batch=10, confidence=0.0)
