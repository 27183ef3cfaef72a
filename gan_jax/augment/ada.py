"""The augmentation pipeline of ADA, Karras et al. 2020 (arXiv 2006.06676, appendix B)."""

from __future__ import annotations

from gan_jax.augment.operation import AdaptiveAugmentation, Operation, compose
from gan_jax.augment.pointwise import band_filter, color, cutout, noise
from gan_jax.augment.spatial import blit, blit_and_geometry, geometry

PIPES: dict[str, tuple[Operation, ...]] = {
    "blit": (blit,),
    "geom": (geometry,),
    "color": (color,),
    "filter": (band_filter,),
    "noise": (noise,),
    "cutout": (cutout,),
    "bg": (blit_and_geometry,),
    "bgc": (blit_and_geometry, color),
    "bgcf": (blit_and_geometry, color, band_filter),
    "bgcfn": (blit_and_geometry, color, band_filter, noise),
    "bgcfnc": (blit_and_geometry, color, band_filter, noise, cutout),
}


def ada(pipe: str = "bgc") -> AdaptiveAugmentation:
    """A stochastic discriminator augmentation that does not leak: skipped often enough.

    To be applied to real and generated images in every phase, with keys of their own and
    p from `controller`. Results are not clipped to [-1, 1].

    Deviations from the paper: flips and quarter turns are exact and not resampled; pixels
    lie at the wavelet's centre of mass, not at the middle of its taps; the image is
    continued by reflection without end, not by a margin. Colour is defined for any number
    of channels (`pointwise.draw_color`).

    Args:
        pipe: a key of `PIPES`: "blit", "geom", "color", "filter", "noise", "cutout", or
            their initials in that order, "bg", "bgc" (the paper's choice) to "bgcfnc".

    Returns:
        `(keys, images, p) -> images`: one key per example or one for all, images float32
        (B, H, W, C) with any H, W and C, p a probability, which may be traced. For p = 0
        the images come back to the bit.

    Raises:
        ValueError: an unknown pipe.
    """
    if pipe not in PIPES:
        raise ValueError(f"pipe must be one of {', '.join(PIPES)}; got {pipe!r}")
    return compose(*PIPES[pipe])
