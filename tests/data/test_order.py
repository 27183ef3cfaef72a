"""The order of the stream: exact cover of every epoch, random access, pinned values."""

import numpy as np
import pytest

from gan_jax.data.order import permutation, source_index


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_every_epoch_holds_every_example_once(n):
    order = source_index(np.arange(5 * n), n, seed=3).reshape(5, n)
    np.testing.assert_array_equal(np.sort(order, axis=1), np.tile(np.arange(n), (5, 1)))


def test_epochs_and_seeds_differ():
    orders = {
        tuple(permutation(seed, epoch, 50)) for seed in range(3) for epoch in range(4)
    }
    assert len(orders) == 12


def test_order_is_fixed_for_ever():
    assert permutation(0, 0, 10).tolist() == [7, 4, 8, 0, 3, 1, 9, 2, 5, 6]


def test_random_access_is_the_stream():
    whole = source_index(np.arange(100), 13, seed=1)
    places = np.array([[99, 0, 13], [12, 26, 50]])
    np.testing.assert_array_equal(source_index(places, 13, seed=1), whole[places])


def test_far_places_are_reached_without_the_ones_before():
    far = 10**15
    n = 7
    found = source_index(np.arange(far * n, far * n + n), n, seed=0)
    np.testing.assert_array_equal(found, permutation(0, far, n))


def test_first_place_is_uniform():
    # 6000 epochs of 6 examples: counts are binomial(6000, 1/6), 5 deviations are 144.
    first = [int(permutation(4, epoch, 6)[0]) for epoch in range(6000)]
    np.testing.assert_allclose(np.bincount(first, minlength=6), 1000, atol=144)


def test_permutations_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        permutation(0, 0, 10)[0] = 1
