"""Nearest neighbours in blocks on devices against all distances in float64."""

import logging

import jax
import numpy as np
import pytest

from gan_jax.metrics import neighbours
from gan_jax.metrics.neighbours import nearest_neighbours

RNG = np.random.default_rng(0)


def by_differences(queries, references, count):
    """All squared distances as sums of squared differences, sorted."""
    gaps = queries[:, None].astype(np.float64) - references[None].astype(np.float64)
    squares = np.square(gaps).sum(axis=2)
    order = np.argsort(squares, axis=1, kind="stable")[:, :count]
    return order, np.take_along_axis(squares, order, axis=1)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(neighbours, "_ROWS", 4)
    monkeypatch.setattr(neighbours, "_COLUMNS", 16)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 3, 50])
def test_the_nearest_of_other_rows(dtype, count):
    queries, references = (RNG.standard_normal((n, 5)).astype(dtype) for n in (37, 50))
    found = nearest_neighbours(queries, references, count=count)
    indices, squares = by_differences(queries, references, count)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_array_equal(found.squares, squares)


@pytest.mark.usefixtures("small_blocks")
def test_a_row_is_not_its_own_neighbour():
    rows = RNG.standard_normal((41, 3))
    rows[7] = rows[30]
    found = nearest_neighbours(rows, count=2)
    indices, squares = by_differences(rows, rows, 41)
    for row in range(41):
        others = indices[row] != row
        np.testing.assert_array_equal(found.indices[row], indices[row][others][:2])
        np.testing.assert_array_equal(found.squares[row], squares[row][others][:2])
    assert (found.indices[7, 0], found.squares[7, 0]) == (30, 0.0)
    assert (found.indices[30, 0], found.squares[30, 0]) == (7, 0.0)


@pytest.mark.usefixtures("small_blocks")
def test_clusters_finer_than_float32_are_resolved():
    # Points 1e-9 apart at distance 1 from the rest: in float32 all are one.
    near = 1e-9 * RNG.standard_normal((40, 4))
    rows = np.concatenate([near + 1.0, near - 1.0])
    found = nearest_neighbours(rows, count=1)
    squares = by_differences(rows, rows, 2)[1][:, 1]
    np.testing.assert_allclose(found.squares[:, 0], squares, rtol=1e-12)


@pytest.mark.usefixtures("small_blocks")
def test_equal_rows_are_at_distance_zero():
    rows = np.tile(RNG.standard_normal((2, 6)), (30, 1))
    found = nearest_neighbours(rows, count=5)
    np.testing.assert_array_equal(found.squares, np.zeros((60, 5)))
    np.testing.assert_array_equal(found.indices % 2, np.arange(60)[:, None] % 2 + [[0] * 5])


@pytest.mark.usefixtures("small_blocks")
def test_the_number_of_devices_and_the_place_do_not_change_a_bit(monkeypatch):
    queries, references = (RNG.standard_normal((n, 5)) + 100.0 for n in (37, 50))
    found = nearest_neighbours(queries, references, count=3)
    devices = jax.local_devices()
    assert len(devices) == 8
    monkeypatch.setattr(jax, "local_devices", lambda: devices[:3])
    again = nearest_neighbours(queries, references, count=3)
    order = RNG.permutation(37)
    moved = nearest_neighbours(queries[order], references, count=3)
    for name in ("indices", "squares"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
        np.testing.assert_array_equal(getattr(moved, name), getattr(found, name)[order])


def test_pairs_by_hand():
    x, y = np.array([[0.0, 1.0], [2.0, 2.0]]), np.array([[3.0, 5.0]])
    squares = neighbours.pair_squares(x, y, np.array([1, 0]), np.array([0, 0]))
    np.testing.assert_array_equal(squares, [10.0, 25.0])
    assert neighbours.pair_squares(x, y, np.array([], int), np.array([], int)).shape == (0,)


def test_long_work_says_how_long_still(monkeypatch, caplog):
    clock = iter(np.arange(0.0, 100.0, 4.0))
    monkeypatch.setattr(neighbours.time, "monotonic", lambda: next(clock))
    items = neighbours.blocks(50, 10)
    with caplog.at_level(logging.INFO, "gan_jax.metrics.neighbours"):
        assert list(neighbours.tracked(items, "work")) == items
    assert caplog.messages == ["work: 3 of 5 blocks, about 8 s left"]


def test_bad_input_is_refused():
    rows = np.zeros((4, 2))
    with pytest.raises(ValueError, match="queries need at least 4 rows, got 3"):
        nearest_neighbours(rows[:3], count=3)
    with pytest.raises(ValueError, match="references need at least 5 rows, got 4"):
        nearest_neighbours(rows, rows, count=5)
    with pytest.raises(ValueError, match="one width, got 1, 2 and 3"):
        nearest_neighbours(rows, np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"queries are not finite.*\(2, 1\) is nan"):
        nearest_neighbours(np.where(np.arange(8).reshape(4, 2) == 5, np.nan, rows), rows)
