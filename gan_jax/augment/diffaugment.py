"""Differentiable augmentation, Zhao et al. 2020 (arXiv 2006.10738, section 3.2)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from gan_jax import prng
from gan_jax.augment.operation import Augmentation, Operation, compose
from gan_jax.augment.pixels import box, select
from gan_jax.types import Array, Key, Scalar


def _brightness(key: Key, image: Array, p: Scalar) -> Array:
    """Plus u, u ~ U(-1/2, 1/2)."""
    del p
    return image + jax.random.uniform(prng.stream(key, "brightness"), ()) - 0.5


def _saturation(key: Key, image: Array, p: Scalar) -> Array:
    """Each pixel's distance to its mean over channels times u ~ U(0, 2)."""
    del p
    factor = 2.0 * jax.random.uniform(prng.stream(key, "saturation"), ())
    grey = jnp.mean(image, axis=-1, keepdims=True)
    return grey + factor * (image - grey)


def _contrast(key: Key, image: Array, p: Scalar) -> Array:
    """The distance to the image's mean times u ~ U(1/2, 3/2)."""
    del p
    factor = 0.5 + jax.random.uniform(prng.stream(key, "contrast"), ())
    mean = jnp.mean(image)
    return mean + factor * (image - mean)


def _translation(key: Key, image: Array, p: Scalar) -> Array:
    """Whole pixels, uniform on up to 1/8 of each side either way; 0 comes in."""
    del p
    height, width, _ = image.shape
    down, right = jax.random.split(prng.stream(key, "translation"))

    def sources(key: Key, size: int) -> Array:
        most = int(size / 8 + 0.5)
        return jnp.arange(size) - jax.random.randint(key, (), -most, most + 1)

    return select(image, sources(down, height), sources(right, width))


def _cutout(key: Key, image: Array, p: Scalar) -> Array:
    """A box of half of each side becomes 0; its centre is uniform, its ends are cut off."""
    del p
    height, width, _ = image.shape
    size = jnp.array([int(height / 2 + 0.5), int(width / 2 + 0.5)])
    # A box of an even side has its centre between pixels: one place more.
    places = jnp.array([height, width]) + 1 - size % 2
    centre = jax.random.randint(prng.stream(key, "cutout"), (2,), 0, places)
    low = centre - size // 2
    return jnp.where(box(height, width, low, low + size), 0.0, image)


POLICIES: dict[str, tuple[Operation, ...]] = {
    "color": (_brightness, _saturation, _contrast),
    "translation": (_translation,),
    "cutout": (_cutout,),
}


def diffaugment(*policies: str) -> Augmentation:
    """DiffAugment: the same random, differentiable change of all that D sees.

    To be applied to real and generated images in every phase, with keys of their own.
    Ranges are the published code's, for images in [-1, 1]; results are not clipped.

    Args:
        *policies: of "color" (brightness, saturation, contrast), "translation", "cutout",
            applied in that order.

    Returns:
        `(keys, images) -> images`: one key per example or one for all, images float32
        (B, H, W, C) with any H, W and C.

    Raises:
        ValueError: an unknown policy, one twice, or none.
    """
    unknown = sorted(set(policies) - set(POLICIES))
    if unknown or not policies:
        raise ValueError(
            f"diffaugment takes one or more of {sorted(POLICIES)}, got {list(policies)}"
        )
    augment = compose(*(step for policy in policies for step in POLICIES[policy]))
    return lambda keys, images: augment(keys, images, 1.0)
