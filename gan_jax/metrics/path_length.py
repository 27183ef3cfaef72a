"""Perceptual path length: how much an image changes for a small step in latent space.

Karras et al., "A Style-Based Generator Architecture for Generative Adversarial Networks"
(1812.04948), section 4.1, equations 2 and 3; StyleGAN2 (1912.04958) measures in w, at the
ends of the paths.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from gan_jax import prng
from gan_jax.interpolation import lerp, slerp
from gan_jax.metrics.checks import require_finite
from gan_jax.metrics.perceptual import Distance
from gan_jax.types import Array, Key

Latents = Callable[[Key], Array]
"""`(keys (n,)) -> z (n, Z)`, one key per latent; `jax.vmap` of a prior."""

Transform = Callable[[Array], Array]

_TRIMMED = (1.0, 99.0)


class PathLength(NamedTuple):
    """Perceptual path length.

    Attributes:
        mean: of the lengths between the percentiles 1 and 99, both among them.
        std: standard deviation of those lengths, divided by their number.
        lengths: of all paths, float32 (n,), in the order in which they were drawn.
    """

    mean: float
    std: float
    lengths: np.ndarray


def perceptual_path_length(
    generate: Callable[..., Array],
    latents: Latents,
    distance: Distance,
    *,
    space: str,
    paths: str,
    mapping: Callable[..., Array] | None = None,
    samples: int = 50_000,
    labels: np.ndarray | None = None,
    epsilon: float = 1e-4,
    crop: Transform | None = None,
    largest: int = 256,
    seed: int = 0,
    batch: int = 50,
) -> PathLength:
    """Mean of d(g(p(t)), g(p(t + epsilon))) / epsilon² over paths p between two latents.

    In z paths are great circles at the lengths of the latents, which is the paper's
    definition for generators that normalise them; in w they are straight lines. The step is
    the one that float32 makes of t + epsilon. Images are not quantised in between.

    Args:
        generate: images (n, H, W, C), float in [-1, 1], of what `mapping` gives, or of z
            where there is no mapping; rows by themselves, in evaluation mode, and in w
            without truncation. Noise must be fixed. Called with labels after it if there
            are any.
        latents: draws z.
        distance: between float images, such as `PerceptualDistance.distance`. Lengths
            compare only under one distance: StyleGAN's is LPIPS of VGG16.
        space: "z" or "w".
        paths: "full", t uniform in [0, 1], or "ends", t = 0: the path begins with a latent
            as it is drawn.
        mapping: z to w, float (n, W) or (n, layers, W); called with labels after it if
            there are any.
        samples: number of paths.
        labels: int (samples,) of a conditional generator; both ends of a path are of one
            class.
        epsilon: the step.
        crop: applied to images first, for example `face_crop`; None takes them whole.
        largest: images are shrunk by whole factors until their height is at most so much,
            as StyleGAN's are to what the network was trained on.
        seed: of the paths; path i is the same whatever the number of samples.
        batch: paths that each of this process' devices follows at a time; it changes
            nothing but rounding, and the number of devices nothing at all.

    Returns:
        Path length.

    Raises:
        ValueError: options out of range, no mapping for w, or a length that is not finite.
    """
    _check(space, paths, mapping, samples, labels, epsilon, batch)

    def lengths(keys: Key, classes: tuple[Array, ...]) -> Array:
        first, second = (latents(prng.stream(keys, end)) for end in ("first", "second"))
        t = jnp.zeros((batch,), jnp.float32)
        if paths == "full":
            t = prng.draw(prng.stream(keys, "t"), jax.random.uniform)
        after = t + epsilon
        if space == "w" and mapping is not None:
            first, second = mapping(first, *classes), mapping(second, *classes)
        way = slerp if space == "z" else lerp
        points = jnp.concatenate([way(first, second, t), way(first, second, after)])
        doubled = tuple(jnp.tile(each, 2) for each in classes)
        if space == "z" and mapping is not None:
            points = mapping(points, *doubled)
        images = generate(points, *doubled).astype(jnp.float32)
        images = _shrunk(images if crop is None else crop(images), largest)
        return distance(*jnp.split(images, 2)) / jnp.square(after - t)

    devices = jax.local_devices()[: -(-samples // batch)]
    compiled, parts = _shared_out(lengths, devices), []
    for start in range(0, samples, batch * len(devices)):
        # The last paths go beyond what was asked for, so that all batches are of one shape.
        rows = np.arange(start, start + batch * len(devices))
        keys = prng.fold_rows(jax.random.key(seed), jnp.asarray(rows))
        classes = () if labels is None else (_rows(labels, rows),)
        with jax.default_matmul_precision("highest"):
            parts.append(np.asarray(compiled(keys, classes)))
    return _trimmed(np.concatenate(parts)[:samples])


def face_crop(images: Array) -> Array:
    """The middle of an aligned face, as StyleGAN crops CelebA-HQ and FFHQ: rows 3/8 to 7/8,
    columns 2/8 to 6/8.

    Args:
        images: (n, H, W, C).

    Returns:
        (n, H / 2, W / 2, C).
    """
    row, column = images.shape[1] // 8, images.shape[2] // 8
    return images[:, 3 * row : 7 * row, 2 * column : 6 * column]


def _shared_out(
    fn: Callable[..., Array], devices: Sequence[jax.Device]
) -> Callable[..., Array]:
    """A function of rows, compiled, with equal parts of them on devices."""
    mesh, rows = Mesh(np.asarray(devices), ("paths",)), P("paths")
    # Nothing crosses devices, so there is no variation over them to check.
    return jax.jit(
        jax.shard_map(fn, mesh=mesh, in_specs=rows, out_specs=rows, check_vma=False)
    )


def _trimmed(lengths: np.ndarray) -> PathLength:
    require_finite("path lengths", lengths)
    low = np.percentile(lengths, _TRIMMED[0], method="lower")
    high = np.percentile(lengths, _TRIMMED[1], method="higher")
    kept = lengths[(low <= lengths) & (lengths <= high)].astype(np.float64)
    return PathLength(float(kept.mean()), float(kept.std()), lengths)


def _shrunk(images: Array, largest: int) -> Array:
    """Means of k x k pixels, with the least k that brings the height to `largest`."""
    n, height, width, channels = images.shape
    k = -(-height // largest)
    if k == 1:
        return images
    images = images[:, : height // k * k, : width // k * k]
    blocks = images.reshape(n, height // k, k, width // k, k, channels)
    return blocks.mean(axis=(2, 4))


def _rows(labels: np.ndarray, rows: np.ndarray) -> Array:
    """Labels of paths, int32; the last label for those beyond."""
    return jnp.asarray(labels[np.minimum(rows, len(labels) - 1)], jnp.int32)


def _check(
    space: str,
    paths: str,
    mapping: Callable[..., Array] | None,
    samples: int,
    labels: np.ndarray | None,
    epsilon: float,
    batch: int,
) -> None:
    if space not in ("z", "w") or paths not in ("full", "ends"):
        raise ValueError(
            f"space is 'z' or 'w', and paths 'full' or 'ends'; got {space!r}, {paths!r}"
        )
    if space == "w" and mapping is None:
        raise ValueError("paths in w need the mapping from z to w; there is only z")
    if samples < 1 or batch < 1 or not epsilon > 0.0:
        raise ValueError(
            f"need samples, batch >= 1 and epsilon > 0, got {samples}, {batch}, {epsilon}"
        )
    if labels is not None and labels.shape != (samples,):
        raise ValueError(f"{samples} paths need as many labels, got {labels.shape}")
