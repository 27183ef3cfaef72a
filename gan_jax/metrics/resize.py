"""Resizing of images, as the tools do it whose numbers are compared with.

Resizing alone moves a Fréchet distance by several points (2104.11222), so a number says by
which of these its images came to the network's size. All are separable: one matrix for the
rows of pixels and one for the columns.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.types import Array

LEGACY = "legacy"
CLEAN = "clean"

_Kernel = Callable[[np.ndarray], np.ndarray]


def legacy(images: Array, size: tuple[int, int]) -> Array:
    """Bilinear without antialiasing, as `interpolate` of PyTorch and so pytorch-fid.

    Args:
        images: float32 (n, H, W, C).
        size: (height, width).

    Returns:
        float32 (n, *size, C).
    """
    return resize(images, size, LEGACY)


def clean(images: Array, size: tuple[int, int]) -> Array:
    """Bicubic, antialiased where images shrink and not rounded, as clean-fid.

    Args:
        images: float32 (n, H, W, C) in [0, 255].
        size: (height, width).

    Returns:
        float32 (n, *size, C), clipped to [0, 255].
    """
    return jnp.clip(resize(images, size, "bicubic"), 0.0, 255.0)


def resize(images: Array, size: tuple[int, int], method: str) -> Array:
    """Brings images to a size; the aspect is not kept.

    Args:
        images: float32 (n, H, W, C).
        size: (height, width).
        method: "box", "bilinear", "bicubic" or "lanczos" as PIL does it on float images:
            pixel centres aligned, the filter widened where images shrink; or "legacy".

    Returns:
        float32 (n, *size, C); bicubic and Lanczos go beyond the range of the images.

    Raises:
        ValueError: unknown method, or a side below 1.
    """
    height, width = images.shape[1:3]
    columns = jnp.asarray(weights(width, size[1], method))
    rows = jnp.asarray(weights(height, size[0], method))
    exact = jax.lax.Precision.HIGHEST
    x = jnp.einsum("nhwc,pw->nhpc", images, columns, precision=exact)
    return jnp.einsum("nhwc,ph->npwc", x, rows, precision=exact)


@functools.lru_cache(maxsize=64)
def weights(inputs: int, outputs: int, method: str) -> np.ndarray:
    """What every output of one axis takes of every input.

    Args:
        inputs: pixels along the axis.
        outputs: pixels wanted.
        method: see `resize`.

    Returns:
        float32 (outputs, inputs), rows that sum to 1.

    Raises:
        ValueError: unknown method, or a side below 1.
    """
    if min(inputs, outputs) < 1:
        raise ValueError(f"cannot resize {inputs} pixels to {outputs}")
    if method == LEGACY:
        return _two_neighbours(inputs, outputs)
    if method not in _FILTERS:
        raise ValueError(
            f"no resizing {method!r}; there are {', '.join((*_FILTERS, LEGACY))}"
        )
    support, kernel = _FILTERS[method]
    return _filtered(inputs, outputs, support, kernel)


def _two_neighbours(inputs: int, outputs: int) -> np.ndarray:
    """In float32 throughout, like the original: its rounding shows on large images."""
    scale = np.float32(inputs) / np.float32(outputs)
    places = scale * (np.arange(outputs, dtype=np.float32) + np.float32(0.5))
    places = np.maximum(places - np.float32(0.5), np.float32(0.0))
    left = np.minimum(places.astype(np.int32), inputs - 1)
    right = np.minimum(left + 1, inputs - 1)
    share = places - left.astype(np.float32)
    matrix = np.zeros((outputs, inputs), np.float32)
    rows = np.arange(outputs)
    matrix[rows, left] = np.float32(1.0) - share
    matrix[rows, right] += share
    return matrix


def _filtered(inputs: int, outputs: int, support: float, kernel: _Kernel) -> np.ndarray:
    """Samples of the filter around each output's centre, normalised."""
    scale = inputs / outputs
    wide = max(scale, 1.0)
    matrix = np.zeros((outputs, inputs), np.float64)
    for row in range(outputs):
        centre, reach = (row + 0.5) * scale, support * wide
        first = max(math.trunc(centre - reach + 0.5), 0)
        last = min(math.trunc(centre + reach + 0.5), inputs)
        values = kernel((np.arange(first, last) - centre + 0.5) / wide)
        matrix[row, first:last] = values / values.sum()
    return matrix.astype(np.float32)


def _box(x: np.ndarray) -> np.ndarray:
    return ((x > -0.5) & (x <= 0.5)).astype(np.float64)


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic with a = -1/2."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _lanczos(x: np.ndarray) -> np.ndarray:
    inside = (x >= -3.0) & (x < 3.0)
    return np.where(inside, np.sinc(x) * np.sinc(x / 3.0), 0.0)


_FILTERS: dict[str, tuple[float, _Kernel]] = {
    "box": (0.5, _box),
    "bilinear": (1.0, _triangle),
    "bicubic": (2.0, _cubic),
    "lanczos": (3.0, _lanczos),
}
"""PIL's filters and how far they reach."""
