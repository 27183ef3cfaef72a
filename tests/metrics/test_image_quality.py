"""Image similarities against float64 references, closed forms and other libraries."""

from functools import partial

import numpy as np
import pytest

from gan_jax.metrics import image_quality
from gan_jax.metrics.image_quality import mean_over_pairs, ms_ssim, psnr, ssim


def waves(n, height, width, channels, seed):
    """Smooth images and noisy copies of them."""
    y, x = np.mgrid[:height, :width]
    out = [
        np.stack(
            [
                127.5
                + 100
                * np.sin((y * (k + 2) + x * (i + 1)) / (9 + seed))
                * np.cos(x / (7 + k))
                for k in range(channels)
            ],
            axis=-1,
        )
        for i in range(n)
    ]
    real = np.clip(np.round(np.array(out)), 0, 255).astype(np.uint8)
    noise = np.random.default_rng(seed).integers(-30, 31, real.shape)
    return real, np.clip(real.astype(np.int64) + noise, 0, 255).astype(np.uint8)


def maps(x, y):
    """SSIM and its contrast-structure part of every window of one channel, float64."""
    offsets = np.arange(11) - 5.0
    bell = np.exp(-(offsets**2) / 4.5)
    window = np.outer(bell, bell) / np.outer(bell, bell).sum()

    def mean(values):
        views = np.lib.stride_tricks.sliding_window_view(values, (11, 11))
        return np.einsum("ijkl,kl->ij", views, window)

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = 2.55**2, 7.65**2
    structure = (2 * cov + c2) / (vx + vy + c2)
    return (2 * mx * my + c1) / (mx**2 + my**2 + c1) * structure, structure


def reference(real, fake, scales):
    """One image pair; the mean over channels of products over scales."""
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:scales]
    weights = weights / weights.sum()
    channels = []
    for x, y in zip(
        np.moveaxis(real, -1, 0).astype(float), np.moveaxis(fake, -1, 0), strict=True
    ):
        y, product = y.astype(float), 1.0
        for scale, weight in enumerate(weights):
            whole, structure = maps(x, y)
            chosen = whole if scale == scales - 1 else structure
            product *= max(chosen.mean(), 0.0) ** weight
            x, y = halved(x), halved(y)
        channels.append(product)
    return np.mean(channels)


def halved(x):
    x = x[: len(x) // 2 * 2, : x.shape[1] // 2 * 2]
    return (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4


def test_psnr_and_ssim_of_another_library():
    # scikit-image 0.26: structural_similarity(gaussian_weights=True, sigma=1.5,
    # use_sample_covariance=False, channel_axis=-1, data_range=255).
    real, fake = waves(2, 24, 31, 3, seed=0)
    np.testing.assert_allclose(psnr(real, fake), [23.270601780, 22.986313952], rtol=1e-6)
    np.testing.assert_allclose(ssim(real, fake), [0.7420899253, 0.7482814883], rtol=2e-6)


def test_ms_ssim_of_another_library():
    # pytorch-msssim 1.0 in float64; even sides at every scale, where paddings agree.
    real, fake = waves(2, 176, 192, 1, seed=1)
    np.testing.assert_allclose(ms_ssim(real, fake), [0.9707922881, 0.9745232599], rtol=5e-6)


@pytest.mark.parametrize("scales", [2, 3])
def test_ms_ssim_of_odd_sides_and_fewer_scales(scales):
    real, fake = waves(3, 47, 45, 2, seed=2)
    expected = [reference(x, y, scales) for x, y in zip(real, fake, strict=True)]
    np.testing.assert_allclose(ms_ssim(real, fake, scales=scales), expected, rtol=5e-6)


def test_one_scale_is_ssim():
    real, fake = waves(2, 24, 31, 3, seed=0)
    np.testing.assert_array_equal(ms_ssim(real, fake, scales=1), ssim(real, fake))


def test_flat_images_by_hand():
    # No variance: structure is 1, luminance (2ab + c1) / (a^2 + b^2 + c1).
    real = np.full((1, 12, 12, 1), 250, np.uint8)
    fake = np.full((1, 12, 12, 1), 100, np.uint8)
    c1 = 2.55**2
    expected = (2 * 250 * 100 + c1) / (250**2 + 100**2 + c1)
    np.testing.assert_allclose(ssim(real, fake), [expected], rtol=5e-5)
    np.testing.assert_allclose(psnr(real, fake), [20 * np.log10(255 / 150)], rtol=1e-6)


def test_equal_images_are_most_alike_and_opposite_ones_not_at_all():
    real, _ = waves(2, 44, 44, 3, seed=3)
    assert np.isposinf(psnr(real, real)).all()
    np.testing.assert_allclose(ssim(real, real), [1.0, 1.0], rtol=1e-6)
    np.testing.assert_allclose(ms_ssim(real, real, scales=3), [1.0, 1.0], rtol=1e-6)
    checks = (np.indices((22, 22)).sum(axis=0) % 2 * 255).astype(np.uint8)[None, ..., None]
    np.testing.assert_array_equal(ms_ssim(checks, 255 - checks, scales=2), [0.0])


def test_values_do_not_depend_on_other_rows_or_chunks(monkeypatch):
    real, fake = waves(5, 24, 24, 1, seed=4)
    whole = ssim(real, fake)
    np.testing.assert_array_equal(ssim(real[3:], fake[3:]), whole[3:])
    image_quality._paired_ssim.cache_clear()
    monkeypatch.setattr(image_quality, "_VALUES", 2 * 24 * 24)
    parts = ssim(real, fake)
    image_quality._paired_ssim.cache_clear()
    np.testing.assert_allclose(parts, whole, rtol=1e-6)


def test_too_small_images_are_told_what_would_fit():
    real, fake = waves(1, 64, 47, 1, seed=0)
    with pytest.raises(ValueError, match=r"at least 176 x 176 .* scales=3 would fit"):
        ms_ssim(real, fake)
    with pytest.raises(ValueError, match="no scale would fit"):
        ms_ssim(real[:, :8], fake[:, :8])
    with pytest.raises(ValueError, match="at least 11 x 11"):
        ssim(real[:, :8], fake[:, :8])
    with pytest.raises(ValueError, match="1 to 5 scales, got 6"):
        ms_ssim(real, fake, scales=6)
    with pytest.raises(ValueError, match="one shape"):
        psnr(real, fake[:, :8])
    with pytest.raises(ValueError, match="float32"):
        psnr(real.astype(np.float32), fake)


def absolute(real, fake):
    return np.abs(real.astype(np.float32) - fake.astype(np.float32)).mean(axis=(1, 2, 3))


def test_pairs_stay_within_classes_and_never_pair_an_image_with_itself(monkeypatch):
    monkeypatch.setattr(image_quality, "_PAIRS", 7)
    # Class 3 has levels 0 and 10, class 8 levels 100 and 140: every pair has one value.
    levels = np.array([0, 100, 10, 140], np.uint8)
    images = np.broadcast_to(levels[:, None, None, None], (4, 2, 2, 1))
    found = mean_over_pairs(absolute, images, np.array([3, 8, 3, 8]), pairs=20)
    assert found == (25.0, {3: 10.0, 8: 40.0})


def test_pairs_are_uniform_over_all_pairs():
    levels = np.array([0, 1, 10], np.uint8)
    images = np.broadcast_to(levels[:, None, None, None], (3, 1, 1, 1))
    found = mean_over_pairs(absolute, images, pairs=3000, seed=1)
    # Differences 1, 9 and 10, each in a third of pairs: 3.9 / sqrt(3000) is 0.07.
    np.testing.assert_allclose(found.mean, 20 / 3, atol=0.2)
    assert found == mean_over_pairs(absolute, images, pairs=3000, seed=1)


def test_pairs_of_copies_have_the_similarity_one():
    real, _ = waves(1, 22, 22, 1, seed=5)
    found = mean_over_pairs(partial(ms_ssim, scales=2), np.repeat(real, 3, axis=0), pairs=4)
    np.testing.assert_allclose(found.mean, 1.0, rtol=1e-6)


def test_impossible_pairs_are_refused():
    images = np.zeros((3, 2, 2, 1), np.uint8)
    with pytest.raises(ValueError, match="class 7 has a single image"):
        mean_over_pairs(absolute, images, np.array([0, 0, 7]))
    with pytest.raises(ValueError, match="one label for each of 3 images"):
        mean_over_pairs(absolute, images, np.array([0, 0]))
