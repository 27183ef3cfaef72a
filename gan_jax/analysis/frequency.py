"""Power spectra of images: generated ones betray themselves at high frequencies.

Durall, Keuper, Pfreundt and Keuper, "Unmasking DeepFakes with simple Features" (1911.00686)
and "Watch your Up-Convolution" (2003.01826): azimuthal averages of the power spectrum.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_LEAST = 1e-12
"""Power in the place of none, which has no logarithm."""


class RadialPower(NamedTuple):
    """Azimuthally averaged power.

    Attributes:
        frequency: float64 (bins,), in cycles per image (its shorter side); 0 is the mean,
            the last is Nyquist's.
        power: float64 (n, bins), of every image.
    """

    frequency: np.ndarray
    power: np.ndarray


def radial_power(images: np.ndarray) -> RadialPower:
    """Mean power at each distance from frequency 0, of every image.

    The power at a frequency is |F|^2 / (H W), F being the discrete Fourier transform: white
    noise of variance v has v everywhere. Channels are averaged after that, so that they do
    not cancel. A frequency counts to the nearest whole number of cycles per shorter side;
    corners beyond Nyquist's are left out.

    Args:
        images: (n, H, W, C), uint8, or float [-1, 1].

    Raises:
        ValueError: not a batch of images.
    """
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(f"spectra need images (n, H, W, C), got {images.shape}")
    x = np.asarray(images, np.float64)
    if images.dtype == np.uint8:
        x = x / 127.5 - 1.0
    height, width = x.shape[1:3]
    power = np.square(np.abs(np.fft.fft2(x, axes=(1, 2)))).mean(axis=3) / (height * width)
    shorter = min(height, width)
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    bins = np.rint(radius * shorter).astype(np.int64)
    count = shorter // 2 + 1
    means = [power[:, bins == index].mean(axis=1) for index in range(count)]
    return RadialPower(np.arange(count, dtype=np.float64), np.stack(means, axis=1))


class Spectrum(NamedTuple):
    """Logarithmic spectrum of a set of images.

    Attributes:
        frequency: float64 (bins,), cycles per image, from 1.
        mean: float64 (bins,), log10 of power, relative to that of frequency 1, averaged
            over images.
        std: float64 (bins,), over images.
    """

    frequency: np.ndarray
    mean: np.ndarray
    std: np.ndarray


def log_spectrum(images: np.ndarray) -> Spectrum:
    """The spectrum of a set of images, as the papers draw it: each image's power relative
    to its lowest frequency, in decades, so that contrast does not count.

    Args:
        images: (n, H, W, C), uint8, or float [-1, 1].

    Raises:
        ValueError: as `radial_power`.
    """
    frequency, power = radial_power(images)
    logs = np.log10(np.maximum(power[:, 1:], _LEAST))
    relative = logs - logs[:, :1]
    return Spectrum(frequency[1:], relative.mean(axis=0), relative.std(axis=0))
