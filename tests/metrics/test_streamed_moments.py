"""Streaming moments: the numbers, and that they depend on no batch size."""

import itertools

import numpy as np
import pytest

from gan_jax.metrics import frechet, moments

N, D = 5000, 6
ROWS = (
    np.random.default_rng(0).standard_normal((N, D)) * [1, 2, 3, 1e-3, 0, 5] + 7
).astype(np.float32)


def stream(rows, *sizes):
    """Moments of rows that arrive in batches of these sizes, over and over."""
    state, start = moments.init(rows.shape[1]), 0
    for size in itertools.cycle(sizes):
        if start >= len(rows):
            return state
        state = moments.update(state, rows[start : start + size])
        start += size


def assert_close(one, other, rtol=1e-12):
    np.testing.assert_allclose(one.mean, other.mean, rtol=rtol)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=rtol, atol=1e-13)


def assert_same_bits(one, other):
    for ours, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_mean_and_covariance_of_numpy():
    found = moments.finish(stream(ROWS, 64))
    wide = ROWS.astype(np.float64)
    assert_close(found, moments.Statistics(wide.mean(axis=0), np.cov(wide.T)))


@pytest.mark.parametrize("sizes", [(1,), (64,), (1024,), (1025,), (3, 2000, 0, 7), (N,)])
def test_the_batch_size_does_not_change_a_bit(sizes):
    assert_same_bits(stream(ROWS, *sizes), stream(ROWS, 100))
    assert_same_bits(moments.finish(stream(ROWS, *sizes)), frechet.statistics(ROWS))


def test_the_order_changes_rounding_only():
    shuffled = np.random.default_rng(1).permutation(ROWS)
    assert_close(frechet.statistics(shuffled), frechet.statistics(ROWS))


def test_parts_merge_in_any_association_and_order():
    cuts = np.split(ROWS, [1, 700, 1800, 1801, 4096])
    parts = [stream(part, 128) for part in cuts]
    left = moments.init(D)
    for part in parts:
        left = moments.merge(left, part)
    right = moments.init(D)
    for part in reversed(parts):
        right = moments.merge(part, right)
    pairs = [moments.merge(*parts[i : i + 2]) for i in (4, 0, 2)]
    tree = moments.merge(pairs[0], moments.merge(pairs[1], pairs[2]))
    for state in (left, right, tree):
        assert state.rows == N
        assert_close(moments.finish(state), frechet.statistics(ROWS))


def test_a_state_that_was_saved_goes_on_to_the_same_bits(tmp_path):
    state = stream(ROWS[:1500], 100)
    np.savez(tmp_path / "state.npz", **state._asdict())
    with np.load(tmp_path / "state.npz") as stored:
        again = moments.Moments(**stored)
    assert again.rows == 1500
    again = moments.update(again, ROWS[1500:])
    assert_same_bits(moments.finish(again), frechet.statistics(ROWS))


def test_updating_leaves_the_state_as_it_was():
    state = stream(ROWS[:1500], 1500)
    before = [np.copy(leaf) for leaf in state]
    moments.update(state, ROWS[1500:])
    moments.merge(state, state)
    assert_same_bits(state, before)


def test_features_far_from_zero_keep_their_digits():
    # Sums of squares would lose all: (1e8)^2 has 16 digits. These values are exact.
    near = np.round(np.random.default_rng(2).standard_normal((N, 2)) * 64) / 64
    far = moments.finish(stream(near + 1e8, 50))
    np.testing.assert_allclose(far.covariance, np.cov(near.T), rtol=1e-10, atol=1e-10)


def test_one_row_has_no_covariance_and_two_have():
    one = moments.update(moments.init(2), np.array([[1.0, 2.0]]))
    with pytest.raises(ValueError, match=r"need at least 2 rows, got 1: .* no covariance"):
        moments.finish(one)
    two = moments.finish(moments.update(one, np.array([[3.0, 2.0]])))
    np.testing.assert_array_equal(two.mean, [2.0, 2.0])
    np.testing.assert_array_equal(two.covariance, [[2.0, 0.0], [0.0, 0.0]])


def test_bad_rows_are_named_by_their_place_in_the_stream():
    state, bad = stream(ROWS[:3000], 100), ROWS[3000:4500].copy()
    bad[1200, 3] = np.inf
    with pytest.raises(ValueError, match=r"fakes are not finite.*\(4200, 3\) is inf"):
        moments.update(state, bad, "fakes")
    with pytest.raises(ValueError, match=r"must be \(n, 6\), got shape \(3, 5\)"):
        moments.update(state, ROWS[:3, :5])
    with pytest.raises(ValueError, match="of 6 and of 5 features do not merge"):
        moments.merge(state, moments.init(5))
