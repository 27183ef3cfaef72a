"""Memorisation: planted copies are found, and independent samples are not accused."""

import numpy as np
import pytest
import scipy.stats

from gan_jax.metrics.memorisation import mann_whitney_z, memorisation


def examples(seed, *counts):
    draws = np.random.default_rng(seed)
    return [draws.standard_normal((n, 4)) for n in counts]


@pytest.mark.parametrize("ties", [False, True])
def test_the_rank_test_is_scipys(ties):
    draws = np.random.default_rng(0)
    first, second = draws.standard_normal(30), draws.standard_normal(50) + 0.4
    if ties:
        first, second = first.round(), second.round()
    z = mann_whitney_z(first, second)
    expected = scipy.stats.mannwhitneyu(
        first, second, alternative="less", use_continuity=False, method="asymptotic"
    )
    np.testing.assert_allclose(scipy.stats.norm.cdf(z), expected.pvalue, rtol=1e-10)
    np.testing.assert_allclose(mann_whitney_z(second, first), -z, rtol=1e-10)
    assert mann_whitney_z(np.ones(3), np.ones(4)) == 0.0


def test_planted_copies_are_found_and_shown_first():
    train, heldout, fake = examples(0, 300, 100, 80)
    fake[[5, 17, 40]] = train[[250, 3, 77]] + 1e-6
    found = memorisation(train, heldout, fake, quantile=0.1, neighbours=2)
    assert set(found.closest[:3]) == {5, 17, 40}
    np.testing.assert_array_equal(found.nearest.indices[[5, 17, 40], 0], [250, 3, 77])
    assert found.nearest.indices.shape == (80, 2)
    gaps = np.linalg.norm(fake[:, None] - train[None], axis=2).min(axis=1)
    held = np.linalg.norm(heldout[:, None] - train[None], axis=2).min(axis=1)
    np.testing.assert_allclose(found.nearest.squares[:, 0], gaps**2, rtol=1e-10)
    share = np.mean(gaps < np.sqrt(np.quantile(held**2, 0.1)))
    assert found.share_closer == share
    np.testing.assert_allclose(found.z, mann_whitney_z(gaps, held), rtol=1e-10)
    noise = 1e-3 * np.random.default_rng(1).standard_normal((80, 4))
    copies = memorisation(train, heldout, train[:80] + noise)
    assert copies.share_closer == 1.0
    # All 80 are below all 100: the excess is the largest there is, n m / 2.
    np.testing.assert_allclose(copies.z, -4000 / np.sqrt(80 * 100 / 12 * 181))


def test_independent_samples_give_standard_normal_numbers():
    # 150 seeds; bounds: 4 standard errors. The training set is common to all distances, so
    # the held-out and the generated ones are exchangeable.
    found = [
        memorisation(*examples(seed, 60, 40, 40), quantile=0.25) for seed in range(300)
    ]
    z = np.array([each.z for each in found])
    np.testing.assert_allclose(z.mean(), 0.0, atol=4 / np.sqrt(150))
    np.testing.assert_allclose(z.std(), 1.0, atol=4 / np.sqrt(300))
    shares = np.array([each.share_closer for each in found])
    np.testing.assert_allclose(shares.mean(), 0.25, atol=4 * shares.std() / np.sqrt(150))


def test_cells_show_copying_that_underfitting_elsewhere_hides():
    rng = np.random.default_rng(1)
    places = [np.zeros(4), np.full(4, 50.0)]
    train, heldout, fake = (
        np.concatenate([rng.standard_normal((n, 4)) + place for place in places])
        for n in (100, 60, 60)
    )
    fake[:60] = train[:60] + 1e-3 * rng.standard_normal((60, 4))
    fake[60:] += 4.0
    whole = memorisation(train, heldout, fake)
    split = memorisation(train, heldout, fake, cells=2)
    # Apart, one cell is at the lower end and the other at the upper: both z are known.
    end = 1800 / np.sqrt(60 * 60 / 12 * 121)
    np.testing.assert_allclose(split.z, 0.0, atol=0.1 * end)
    np.testing.assert_allclose(whole.z, 0.0, atol=0.1 * end)
    only = memorisation(train, heldout, fake[:60], cells=2)
    np.testing.assert_allclose(only.z, -end)


def test_bad_input_is_refused():
    train, heldout, fake = examples(0, 30, 10, 10)
    with pytest.raises(ValueError, match=r"quantile in \(0, 1\)"):
        memorisation(train, heldout, fake, quantile=5)
    with pytest.raises(ValueError, match=r"1 <= cells <= 30, got 0\.05 and 31"):
        memorisation(train, heldout, fake, cells=31)
    with pytest.raises(ValueError, match="one width"):
        memorisation(train, heldout, fake[:, :3])
    with pytest.raises(ValueError, match="held-out features need at least 2 rows"):
        memorisation(train, heldout[:1], fake)
    with pytest.raises(ValueError, match="no part has two samples"):
        memorisation(train, heldout[:2], fake, cells=30)
