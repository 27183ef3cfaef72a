"""Directions of a latent space that change most, in closed form.

Shen and Zhou, "Closed-Form Factorization of Latent Semantics in GANs" (SeFa, 2007.06600).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.analysis.layers import has_kernel, record
from gan_jax.types import Array, PyTree


class Directions(NamedTuple):
    """Directions in a latent space.

    Attributes:
        directions: float64 (k, Z), of length 1, at right angles; the strongest first, each
            with its largest value positive.
        strengths: float64 (k,), singular values: how far a step of length 1 moves what the
            layers give.
    """

    directions: np.ndarray
    strengths: np.ndarray


def latent_kernels(
    generate: Callable[[Array], PyTree], latents: Array
) -> dict[str, np.ndarray]:
    """The linear maps with which a generator takes its latent in.

    A layer is one of them if what it gives is an affine function of the latent and of
    nothing that went through a nonlinearity: the projection to the first feature map, and
    the maps from (chunks of) the latent to gains and biases. Found by derivatives at two
    latents, so that chunks of the latent, and labels beside it, need no rules; for networks
    with a mapping, give the network after it.

    Args:
        generate: latents (B, Z) to anything, a network of flax modules.
        latents: float (2, Z), unlike.

    Returns:
        `{path: float64 (Z, outputs)}`, of vectors alone; chunks that a layer does not see
        are rows of zeros.

    Raises:
        ValueError: other than two latents, or there is no such layer.
    """
    if latents.ndim != 2 or len(latents) != 2:
        raise ValueError(f"latent_kernels needs two latents (2, Z), got {latents.shape}")

    def given(latent: Array) -> dict[str, Array]:
        seen = record(generate, latent[None], where=has_kernel)[1]
        return {
            path: output[0]
            for path, output in seen.items()
            if isinstance(output, jax.Array) and output.ndim == 2
        }

    here, there = (jax.tree.map(np.asarray, jax.jit(jax.jacfwd(given))(z)) for z in latents)
    kernels = {
        path: np.asarray(slope, np.float64).T
        for path, slope in here.items()
        if np.any(slope) and _same(slope, there[path])
    }
    if not kernels:
        raise ValueError("no layer of this network is an affine function of its latent")
    return kernels


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.allclose(a, b, rtol=1e-4, atol=1e-5 * float(np.abs(a).max())))


def sefa(kernels: Mapping[str, np.ndarray], k: int) -> Directions:
    """The directions along which all given layers together move most: eigenvectors of
    A A^T, A being the kernels side by side (2007.06600, eq. 5 to 7).

    Args:
        kernels: float (Z, outputs) by name, as `latent_kernels` gives.
        k: number of directions, at most Z.

    Raises:
        ValueError: no kernel, or not 1 <= k <= Z.
    """
    if not kernels:
        raise ValueError("SeFa needs at least one kernel")
    joined = np.concatenate([np.asarray(a, np.float64) for a in kernels.values()], axis=1)
    if not 1 <= k <= len(joined):
        raise ValueError(f"need 1 <= k <= {len(joined)} directions, got {k}")
    values, vectors = np.linalg.eigh(joined @ joined.T)
    rows = vectors[:, ::-1].T[:k]
    peak = np.take_along_axis(rows, np.abs(rows).argmax(axis=1)[:, None], axis=1)
    return Directions(rows * np.sign(peak), np.sqrt(np.maximum(values[::-1][:k], 0.0)))


def along(latent: Array, direction: np.ndarray, distances: np.ndarray) -> Array:
    """Latents (n, Z) on the line through a latent (Z,), at signed distances (n,)."""
    steps = np.asarray(distances)[:, None] * np.asarray(direction)[None]
    return latent[None] + jnp.asarray(steps, latent.dtype)
