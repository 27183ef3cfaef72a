"""Toy distributions against their closed forms."""

import numpy as np
import pytest

from gan_jax.data import DataError, open_source
from gan_jax.data import synthetic_source as synthetic


def test_modes():
    ring = synthetic.ring_modes()
    np.testing.assert_allclose(np.linalg.norm(ring, axis=1), 2.0)
    np.testing.assert_allclose(
        ring[[0, 1, 2]], [[2, 0], [2**0.5, 2**0.5], [0, 2]], atol=1e-12
    )
    grid = synthetic.grid_modes()
    assert grid.shape == (25, 2)
    np.testing.assert_array_equal(
        grid[[0, 1, 12, 24]], [[-4, -4], [-2, -4], [0, 0], [4, 4]]
    )


@pytest.mark.parametrize(("name", "modes", "std"), [("ring", 8, 0.02), ("grid", 25, 0.05)])
def test_mixtures_lie_about_their_modes(name, modes, std):
    source = open_source(f"synthetic:{name}")
    centres = synthetic.ring_modes() if name == "ring" else synthetic.grid_modes()
    points, labels = source.arrays["image"], source.labels
    assert source.num_classes == modes
    assert points.dtype == np.float32
    n = len(points) / modes
    # Binomial counts: 5 deviations are at most 5 sqrt(n).
    np.testing.assert_allclose(np.bincount(labels), n, atol=5 * n**0.5)
    noise = points - centres[labels]
    np.testing.assert_allclose(noise.std(axis=0), std, rtol=5 / (2 * len(points)) ** 0.5)
    for mode in range(modes):
        found = noise[labels == mode].mean(axis=0)
        np.testing.assert_allclose(found, 0.0, atol=5 * std / (0.9 * n) ** 0.5)


def test_swiss_roll_lies_on_the_spiral():
    source = open_source("synthetic:swiss_roll")
    assert (source.num_classes, set(source[0])) == (None, {"image"})
    points = source.arrays["image"].astype(np.float64)
    angle = np.linspace(1.5, 4.5, 2000) * np.pi
    spiral = angle[:, None] * np.stack([np.cos(angle), np.sin(angle)], -1) / (2.25 * np.pi)
    squared = np.square(points[:2000, None] - spiral).sum(-1).min(axis=1)
    # Off a line, the distance of 2-D noise is 1-D noise; curvature and ends change little.
    np.testing.assert_allclose(squared.mean() ** 0.5, 0.05, rtol=0.06)


def test_a_point_is_a_function_of_its_index():
    index = np.array([5, 60000, 0])
    whole, labels = synthetic.ring(0, np.arange(synthetic.POINTS))
    points, part = synthetic.ring(0, index)
    np.testing.assert_array_equal(points, whole[index])
    np.testing.assert_array_equal(part, labels[index])


def test_splits_are_other_draws_of_the_same():
    train, test = open_source("synthetic:grid"), open_source("synthetic:grid", split="test")
    assert not np.isin(train.arrays["image"], test.arrays["image"][:100]).all(axis=1).any()
    assert train.fingerprint() == open_source("synthetic:grid:train").fingerprint()
    assert train.fingerprint() != test.fingerprint()


def test_wrong_names_list_the_choices():
    with pytest.raises(
        DataError, match="'rng'; did you mean 'ring'\\? Choices: grid, ring, swiss"
    ):
        open_source("synthetic:rng")
    with pytest.raises(
        DataError, match=r"split of synthetic:ring 'val'.*Choices: test, train"
    ):
        open_source("synthetic:ring:val")
