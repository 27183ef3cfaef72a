"""How alike two images are, pixel for pixel: PSNR, SSIM and multi-scale SSIM.

Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity"
(2004), equations 12 to 14; Wang, Simoncelli and Bovik, "Multi-scale Structural Similarity
for Image Quality Assessment" (2003), equation 7. Averaged over random pairs of samples of a
class, the latter tells how diverse a generator is (Odena et al., ACGAN, 1610.09585, section
4.2; ProGAN, 1710.10196, section 5).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.metrics.features import batched
from gan_jax.types import Array

Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""`(real, fake) -> values`: uint8 images (n, H, W, C) twice, to float32 (n,)."""

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, from the finest, as Wang et al. found them with observers."""

_PEAK = 255.0
_LUMINANCE = (0.01 * _PEAK) ** 2
_CONTRAST = (0.03 * _PEAK) ** 2
_SIDE = 11
_OFFSETS = np.arange(_SIDE) - _SIDE // 2
_BELL = np.exp(-(_OFFSETS**2) / (2.0 * 1.5**2))
_WINDOW = tuple(float(w) for w in _BELL / _BELL.sum())
_VALUES = 2**21
_PAIRS = 2048


def psnr(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in decibels, 10 log10(255² / mean squared error).

    Args:
        real: uint8 (n, H, W, C).
        fake: uint8, of the same shape.

    Returns:
        float32 (n,), over all pixels and channels of an image; infinite for equal images.

    Raises:
        ValueError: other shapes or dtypes.
    """
    return _paired_psnr()(real, fake)


def ssim(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
    """Structural similarity, 1 for equal images.

    As published: statistics under a Gaussian window of 11 x 11 pixels and a standard
    deviation of 1.5, not corrected for bias, K1 = 0.01 and K2 = 0.03, averaged over the
    windows that lie wholly in the image. Colours are measured channel by channel and
    averaged.

    Args:
        real: uint8 (n, H, W, C), H and W at least 11.
        fake: uint8, of the same shape.

    Returns:
        float32 (n,).

    Raises:
        ValueError: other shapes or dtypes, or images smaller than the window.
    """
    if min(real.shape[1:3], default=0) < _SIDE:
        raise ValueError(
            f"SSIM needs images of at least {_SIDE} x {_SIDE} pixels, got {real.shape}"
        )
    return _paired_ssim(1)(real, fake)


def ms_ssim(
    real: np.ndarray, fake: np.ndarray, *, scales: int = len(MS_SSIM_WEIGHTS)
) -> np.ndarray:
    """Multi-scale structural similarity, 1 for equal images.

    The product over scales of the mean of contrast times structure, and at the coarsest of
    luminance too, to the powers `MS_SSIM_WEIGHTS`. Between scales 2 x 2 pixels are
    averaged; an odd last row or column is left out. A negative mean counts as 0, which has
    a power.

    Args:
        real: uint8 (n, H, W, C), H and W at least 11 * 2^(scales - 1): 176 for five scales.
        fake: uint8, of the same shape.
        scales: how many, from the finest. For fewer than five the first so many weights are
            scaled to sum up to 1; such numbers compare only with their like.

    Returns:
        float32 (n,), in [0, 1], averaged over channels.

    Raises:
        ValueError: other shapes or dtypes, scales out of range, or images too small for
            them; says how many would fit.
    """
    if not 1 <= scales <= len(MS_SSIM_WEIGHTS):
        raise ValueError(f"MS-SSIM has 1 to {len(MS_SSIM_WEIGHTS)} scales, got {scales}")
    least, side = _SIDE << (scales - 1), min(real.shape[1:3], default=0)
    if side < least:
        fit = fitting_scales(side)
        advice = f"scales={fit} would fit" if fit else "no scale would fit"
        raise ValueError(
            f"MS-SSIM of {scales} scales needs images of at least {least} x {least} "
            f"pixels, got {real.shape}; {advice}"
        )
    return _paired_ssim(scales)(real, fake)


def fitting_scales(side: int) -> int:
    """The most scales that MS-SSIM has room for in images of a smaller side; may be 0."""
    return min((side // _SIDE).bit_length(), len(MS_SSIM_WEIGHTS))


class PairMean(NamedTuple):
    """A measure averaged over random pairs of images.

    Attributes:
        mean: over classes.
        per_class: the mean of each class's pairs.
    """

    mean: float
    per_class: dict[int, float]


def mean_over_pairs(
    measure: Measure,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    pairs: int = 100,
    seed: int = 0,
) -> PairMean:
    """How alike the images of a class are: a measure's mean over random pairs of them.

    With `ms_ssim` this is the diversity score of ACGAN, lower for more diverse classes;
    with a perceptual distance higher. It says something only beside that of real images.

    Args:
        measure: such as `ms_ssim`, or `functools.partial(ms_ssim, scales=3)`.
        images: uint8 (n, H, W, C).
        labels: int (n,); None for one class, 0.
        pairs: of each class; two different images each, drawn with replacement.
        seed: of the draws.

    Returns:
        The means.

    Raises:
        ValueError: labels of another shape, a class with a single image, or no pairs.
    """
    classes = np.zeros(len(images), np.int64) if labels is None else np.asarray(labels)
    if classes.shape != (len(images),) or pairs < 1:
        raise ValueError(
            f"need one label for each of {len(images)} images and pairs >= 1, got labels "
            f"{classes.shape} and {pairs}"
        )
    draws, chosen = np.random.default_rng(seed), []
    kinds = [int(each) for each in np.unique(classes)]
    for each in kinds:
        rows = np.flatnonzero(classes == each)
        if len(rows) < 2:
            raise ValueError(f"class {each} has a single image: pairs need two")
        first = draws.integers(len(rows), size=pairs)
        other = draws.integers(len(rows) - 1, size=pairs)
        chosen.append(rows[np.stack([first, other + (other >= first)])])
    values = _values(measure, images, np.concatenate(chosen, axis=1))
    means = values.reshape(len(kinds), pairs).mean(axis=1)
    return PairMean(float(means.mean()), dict(zip(kinds, map(float, means), strict=True)))


def _values(measure: Measure, images: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The measure of pairs of rows (2, p), float64 (p,), a few images copied at a time."""
    parts = [
        measure(*images[pairs[:, start : start + _PAIRS]])
        for start in range(0, pairs.shape[1], _PAIRS)
    ]
    return np.concatenate(parts).astype(np.float64)


def paired(fn: Callable[[Array, Array], Array], most: int = 500) -> Measure:
    """A pure function of pairs of images made to work on many, as `features.batched`.

    Args:
        fn: two uint8 (k, H, W, C) to float32 (k,), each row by itself.
        most: pairs that a device computes at a time; fewer of large images.

    Returns:
        Function from two uint8 (n, H, W, C), n >= 1, to float32 (n,). It raises ValueError
        for unlike shapes and other dtypes.
    """

    def both(stacked: Array) -> tuple[Array]:
        real, fake = jnp.split(stacked, 2, axis=-1)
        return (fn(real, fake),)

    @functools.cache
    def program(size: int) -> Callable[[np.ndarray], tuple[np.ndarray, ...]]:
        return batched(both, size)

    def values(real: np.ndarray, fake: np.ndarray) -> np.ndarray:
        if real.shape != fake.shape or {real.dtype, fake.dtype} != {np.dtype(np.uint8)}:
            raise ValueError(
                "pairs of images must be uint8 and of one shape, got "
                f"{real.dtype} {real.shape} and {fake.dtype} {fake.shape}"
            )
        # Large images a few at a time: a measure holds several maps of each in float32.
        size = max(1, min(most, _VALUES // max(1, int(np.prod(real.shape[1:])))))
        return program(size)(np.concatenate([real, fake], axis=-1))[0]

    return values


@functools.cache
def _paired_psnr() -> Measure:
    def values(real: Array, fake: Array) -> Array:
        error = real.astype(jnp.float32) - fake.astype(jnp.float32)
        return 10.0 * jnp.log10(_PEAK**2 / jnp.mean(jnp.square(error), axis=(1, 2, 3)))

    return paired(values)


@functools.cache
def _paired_ssim(scales: int) -> Measure:
    """The product over scales; with one scale it is SSIM itself, which may be negative."""
    weights = np.asarray(MS_SSIM_WEIGHTS[:scales])
    weights = weights / weights.sum()

    def values(real: Array, fake: Array) -> Array:
        x, y = real.astype(jnp.float32), fake.astype(jnp.float32)
        if scales == 1:
            luminance, structure = _components(x, y)
            return jnp.mean(luminance * structure, axis=(1, 2, 3))
        product = jnp.ones((x.shape[0], x.shape[-1]), jnp.float32)
        for scale, weight in enumerate(weights):
            if scale:
                x, y = _halved(x), _halved(y)
            luminance, structure = _components(x, y)
            last = scale == scales - 1
            each = jnp.mean(luminance * structure if last else structure, axis=(1, 2))
            product = product * jnp.maximum(each, 0.0) ** float(weight)
        return jnp.mean(product, axis=-1)

    return paired(values)


def _components(x: Array, y: Array) -> tuple[Array, Array]:
    """Luminance, and contrast times structure, of every window, (n, H - 10, W - 10, C)."""
    # From the middle of the range: float32 then loses little of a flat region's variance.
    middle = 0.5 * _PEAK
    u, v = x - middle, y - middle
    maps = _blurred(jnp.concatenate([u, v, u * u, v * v, u * v], axis=-1))
    mean_u, mean_v, square_u, square_v, product = jnp.split(maps, 5, axis=-1)
    variances = square_u - mean_u**2 + square_v - mean_v**2
    covariance = product - mean_u * mean_v
    mean_x, mean_y = mean_u + middle, mean_v + middle
    luminance = 2.0 * mean_x * mean_y + _LUMINANCE
    luminance = luminance / (mean_x**2 + mean_y**2 + _LUMINANCE)
    structure = (2.0 * covariance + _CONTRAST) / (variances + _CONTRAST)
    return luminance, structure


def _blurred(x: Array) -> Array:
    """Means under the window where it lies in the image, one axis after the other."""
    for axis in (1, 2):
        size = x.shape[axis] - _SIDE + 1
        parts = [
            weight * lax.slice_in_dim(x, start, start + size, axis=axis)
            for start, weight in enumerate(_WINDOW)
        ]
        # Kept apart: fused, the second axis would compute the first anew eleven times.
        x = lax.optimization_barrier(functools.reduce(jnp.add, parts))
    return x


def _halved(x: Array) -> Array:
    """Means of 2 x 2 pixels."""
    n, height, width, channels = x.shape
    x = x[:, : height // 2 * 2, : width // 2 * 2]
    return x.reshape(n, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))
