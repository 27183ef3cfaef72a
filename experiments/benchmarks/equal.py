"""Whether StyleGAN2's networks of `torch_stylegan2.py` are those of this library."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.interop import stylegan2_ada

TOLERANCE = 1e-4
_LATENT, _WIDTH = 512, 256
_IMAGE = {"img_resolution": 32, "img_channels": 3, "c_dim": 0}


def largest_difference(path: Path) -> float:
    """How far images, logits and slopes of the same weights are apart, relative to the
    largest value.

    Args:
        path: what `torch_peers.outputs` wrote.
    """
    with np.load(path) as file:
        arrays = dict(file)
    generator = stylegan2_ada.import_state_dict(
        _part(arrays, "generator"), "generator", z_dim=_LATENT, w_dim=_LATENT, **_IMAGE,
        mapping_kwargs={"num_layers": 2}, synthesis_kwargs={"channel_max": _WIDTH},
    )  # fmt: skip
    discriminator = stylegan2_ada.import_state_dict(
        _part(arrays, "discriminator"), "discriminator", architecture="orig",
        channel_max=_WIDTH, epilogue_kwargs={"mbstd_group_size": 32}, **_IMAGE,
    )  # fmt: skip

    def judged(images: jax.Array) -> tuple[jax.Array, jax.Array]:
        logits = discriminator.module.apply(discriminator.variables, images)
        return logits.sum(), logits

    images = jax.jit(generator.module.apply)(generator.variables, arrays["latents"])
    theirs = jnp.asarray(_channels_last(arrays["images"]))
    (_, logits), slopes = jax.jit(jax.value_and_grad(judged, has_aux=True))(theirs)
    return max(
        _apart(images, theirs),
        _apart(logits, arrays["logits"]),
        _apart(slopes, _channels_last(arrays["slopes"])),
    )


def _part(arrays: Mapping[str, np.ndarray], network: str) -> dict[str, np.ndarray]:
    """The state of one network."""
    prefix = f"{network}."
    return {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}


def _channels_last(x: np.ndarray) -> np.ndarray:
    return x.transpose(0, 2, 3, 1)


def _apart(ours: jax.Array, theirs: jax.Array | np.ndarray) -> float:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())
