"""Counter-based random numbers against integers of any size and against their moments."""

import numpy as np
import pytest

from gan_jax.data import counter

MASK = (1 << 64) - 1


def test_mixing_gives_the_published_splitmix64_sequence():
    # The generator's widely published first outputs for the seed 1234567.
    state = (
        np.array([1234567], np.uint64) + np.arange(1, 6, dtype=np.uint64) * counter._GOLDEN
    )
    assert counter._mix(state).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_hash_is_fixed_for_ever():
    # A change of these numbers would change every run's data order.
    found = counter.hash64(3, "order/0", np.array([0, 1, 2**40]))
    assert found.dtype == np.uint64
    assert found.tolist() == [
        13289524101384162934,
        7173685160171998491,
        4113369528369225665,
    ]


def test_hash_of_a_part_is_the_part_of_the_hash_and_keeps_the_shape():
    whole = counter.hash64(5, "a", np.arange(24))
    np.testing.assert_array_equal(
        counter.hash64(5, "a", np.arange(24).reshape(2, 3, 4)[1]), whole.reshape(2, 3, 4)[1]
    )
    assert counter.hash64(5, "a", np.array(7)) == whole[7]


def test_seeds_names_and_indices_all_count():
    index = np.arange(1000)
    values = [counter.hash64(s, n, index) for s in (0, 1, -1) for n in ("a", "b")]
    assert len(np.unique(np.concatenate(values))) == 6000


def test_seed_counts_modulo_64_bits():
    np.testing.assert_array_equal(
        counter.hash64(-1, "a", np.arange(3)), counter.hash64(MASK, "a", np.arange(3))
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_uniform_moments(seed):
    # n = 40000: 5 deviations of the mean are 0.0072; of the mean square, 0.0075.
    values = counter.uniform(seed, "u", np.arange(40000))
    assert values.min() >= 0.0
    assert values.max() < 1.0
    np.testing.assert_allclose(values.mean(), 1 / 2, atol=0.0072)
    np.testing.assert_allclose((values**2).mean(), 1 / 3, atol=0.0075)


@pytest.mark.parametrize("seed", [0, 1])
def test_normal_moments(seed):
    # n = 40000: 5 deviations of a mean are 0.025, of a square 0.036, of a 4th power 0.25.
    pairs = counter.normal(seed, "n", np.arange(40000))
    assert pairs.shape == (40000, 2)
    np.testing.assert_allclose(pairs.mean(axis=0), 0.0, atol=0.025)
    np.testing.assert_allclose(pairs.T @ pairs / 40000, np.eye(2), atol=0.036)
    np.testing.assert_allclose((pairs**4).mean(axis=0), 3.0, atol=0.25)
