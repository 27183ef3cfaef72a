"""ADA's colour, filtering, noise and cutout (arXiv 2006.06676, appendix B)."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import prng
from gan_jax.augment.operation import angle, factor, roll
from gan_jax.augment.pixels import box
from gan_jax.augment.spatial import matmul
from gan_jax.augment.wavelets import scale_bands
from gan_jax.types import Array, Key, Scalar

POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)
"""Expected power of a photograph in the bands of `scale_bands`; it sums to 1."""


def draw_color(key: Key, channels: int, p: Scalar) -> tuple[Scalar, Array]:
    """A random affine map of a pixel's channels: `linear @ (x + offset)`.

    Offset N(0, 0.2^2); contrast, a log-normal factor (0.5 octaves); inversion of the luma
    (the mean of all channels) or not; hue, any angle; saturation, a log-normal factor (1
    octave) of what is not luma. Each with probability p.

    For 3 channels this is the paper's. With one channel there is nothing but luma, so hue
    and saturation change nothing, as in its code. For other numbers, which its code
    refuses, see `hue`.

    Args:
        key: of the example.
        channels: any number.
        p: float32 ().

    Returns:
        Offset float32 () and linear map float32 (channels, channels).
    """
    dice = roll(key, "color", p, gates=5, normals=3, uniforms=2)
    offset = jnp.where(dice.gates[0], 0.2 * dice.normals[0], 0.0)
    contrast = factor(dice.gates[1], 0.5 * dice.normals[1])
    flip = dice.gates[2] & (dice.uniforms[0] < 0.5)
    theta = angle(dice.gates[3], dice.uniforms[1])
    purity = factor(dice.gates[4], dice.normals[2])
    tone = contrast * luma_flip(channels, flip.astype(jnp.float32))
    return offset, matmul(saturation(channels, purity), matmul(hue(channels, theta), tone))


def _identity_and_luma(channels: int) -> tuple[Array, Array]:
    """The identity, and the projection on the axis of all-equal channels."""
    identity = jnp.eye(channels, dtype=jnp.float32)
    return identity, jnp.full_like(identity, 1.0 / channels)


def luma_flip(channels: int, flip: Scalar) -> Array:
    """Reflection of the luma axis where `flip` is 1, the identity where it is 0."""
    identity, luma = _identity_and_luma(channels)
    return identity - 2.0 * flip * luma


def saturation(channels: int, purity: Scalar) -> Array:
    """Keeps the luma and multiplies the rest by `purity`, float32 (channels, channels)."""
    identity, luma = _identity_and_luma(channels)
    # Not luma + purity * (identity - luma): that rounds where the purity is 1.
    return identity + (purity - 1.0) * (identity - luma)


def hue(channels: int, theta: Scalar) -> Array:
    """Turns colours about the luma axis by `theta`, float32 (channels, channels).

    A third of a turn sends red to green, green to blue and blue to red. For n channels on
    a ring, the turn is by `theta` in every plane of the ring's Fourier basis; the constant
    and, for even n, the alternating axis stay. So 1 and 2 channels have no hue.
    """
    plane, generator = _hue_planes(channels)
    identity = jnp.eye(channels, dtype=jnp.float32)
    return identity + (jnp.cos(theta) - 1.0) * plane + jnp.sin(theta) * generator


def _hue_planes(channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Projection on the turning planes and generator of the turn, float32."""
    plane = np.zeros((channels, channels))
    generator = np.zeros((channels, channels))
    for k in range(1, (channels + 1) // 2):
        phase = 2.0 * math.pi * k * np.arange(channels) / channels
        a = np.cos(phase) * math.sqrt(2.0 / channels)
        b = np.sin(phase) * math.sqrt(2.0 / channels)
        plane += np.outer(a, a) + np.outer(b, b)
        generator += np.outer(b, a) - np.outer(a, b)
    return plane.astype(np.float32), generator.astype(np.float32)


def draw_gains(key: Key, p: Scalar) -> Array:
    """Gains of the four bands, float32 (4,), each changed with probability p.

    Each change is a log-normal factor (1 octave) of one band, after which all four are
    divided so that the expected power of a photograph stays.
    """
    gains = jnp.ones((4,), jnp.float32)
    dice = roll(key, "bands", p, gates=4, normals=4)
    changes = factor(dice.gates, dice.normals)
    for band, power in enumerate(POWER):
        norm = jnp.sqrt(1.0 + power * (jnp.square(changes[band]) - 1.0))
        gains = gains.at[band].multiply(changes[band]) / norm
    return gains


# Operations.


def color(key: Key, image: Array, p: Scalar) -> Array:
    """`draw_color`, of every pixel."""
    channels = image.shape[-1]
    offset, linear = draw_color(key, channels, p)
    changed = jnp.einsum("hwc,dc->hwd", image + offset, linear, precision="highest")
    unchanged = (offset == 0.0) & jnp.all(linear == jnp.eye(channels, dtype=linear.dtype))
    return jnp.where(unchanged, image, changed)


def band_filter(key: Key, image: Array, p: Scalar) -> Array:
    """`draw_gains`, of the rows and of the columns."""
    gains = draw_gains(key, p)
    filtered = scale_bands(scale_bands(image, 0, gains), 1, gains)
    return jnp.where(jnp.all(gains == 1.0), image, filtered)


def noise(key: Key, image: Array, p: Scalar) -> Array:
    """With probability p, plus s n: s = |N(0, 0.1^2)| per image, n ~ N(0, 1) per value."""
    dice = roll(key, "noise_level", p, gates=1, normals=1)
    sigma = jnp.where(dice.gates[0], 0.1 * jnp.abs(dice.normals[0]), 0.0)
    return image + sigma * jax.random.normal(prng.stream(key, "noise"), image.shape)


def cutout(key: Key, image: Array, p: Scalar) -> Array:
    """With probability p, a box of half of each side becomes 0; its centre is uniform."""
    height, width, _ = image.shape
    dice = roll(key, "cutout", p, gates=1, uniforms=2)
    sides = jnp.array([height, width], jnp.float32)
    low, high = (
        jnp.round((dice.uniforms + edge) * sides).astype(jnp.int32)
        for edge in (-0.25, 0.25)
    )
    hidden = box(height, width, low, high) & dice.gates[0]
    return jnp.where(hidden, 0.0, image)
