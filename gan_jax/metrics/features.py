"""What measures of image sets are taken in: functions from images to features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from gan_jax.types import Array

_CHUNK = 500
_AXIS = "devices"
# Weights of red, green and blue in grey (ITU-R BT.601), as image libraries have them.
_LUMA = (0.299, 0.587, 0.114)


class Features(NamedTuple):
    """What a net says of images.

    Attributes:
        features: float32 (n, d).
        logits: float32 (n, classes), or None of a net without classes.
    """

    features: np.ndarray
    logits: np.ndarray | None = None


class FeatureNet(NamedTuple):
    """A fixed function whose outputs measures are taken in.

    Attributes:
        name: goes into the name of every score, "frechet_distance/NAME".
        outputs: uint8 images (n, H, W, C), n >= 1, on the host, to `Features`; a row's
            values depend neither on the other rows nor on their number.
        fingerprint: changes when the function or its weights do; a hexadecimal digest.
        resize: how images come to the size that the net sees: "antialiased", "legacy",
            "clean", "none", or a function's own words.
        num_classes: number of columns of the logits; None without.
        accuracy: share of held-out real images that a classifier trained by the library
            classifies rightly; None of others.
    """

    name: str
    outputs: Callable[[np.ndarray], Features]
    fingerprint: str
    resize: str
    num_classes: int | None = None
    accuracy: float | None = None

    def features(self, images: np.ndarray) -> np.ndarray:
        """uint8 images (n, H, W, C) to float32 (n, d)."""
        return self.outputs(images).features

    def logits(self, images: np.ndarray) -> np.ndarray:
        """uint8 images (n, H, W, C) to float32 (n, num_classes).

        Raises:
            ValueError: the net has none.
        """
        logits = self.outputs(images).logits
        if logits is None:
            raise ValueError(f"{self.name} gives features only: it has no logits")
        return logits


def thumbnails(side: int = 8) -> FeatureNet:
    """Features that need no training: pixels of antialiased grey or RGB thumbnails.

    Args:
        side: thumbnails are (side, side); non-square images are squeezed.

    Returns:
        The net "pixels_SIDExSIDE" with float32 features in [0, 1], d = side * side * C,
        C = 1 for images of one or two channels, else 3.

    Raises:
        ValueError: `side` is not positive.
    """
    if side < 1:
        raise ValueError(f"thumbnails need a positive side, got {side}")

    def flat(images: Array) -> tuple[Array]:
        channels = 1 if images.shape[-1] < 3 else 3
        return (fit_images(images, (side, side, channels)).reshape(len(images), -1),)

    rows = batched(flat)
    name = f"pixels_{side}x{side}"
    return FeatureNet(name, lambda x: Features(*rows(x)), f"{name}/1", "antialiased")


def fit_images(images: Array, shape: tuple[int, int, int]) -> Array:
    """Brings images to a feature net's size and channels, always in the same way.

    Height and width change by bilinear interpolation, with an antialiasing triangle filter
    where they shrink, pixel centres aligned, without keeping the aspect. For channels see
    `fit_channels`.

    Args:
        images: uint8 (n, H, W, C).
        shape: the wanted (height, width, channels), 1 or 3 channels.

    Returns:
        float32 (n, *shape) in [0, 1].
    """
    height, width, channels = shape
    x = fit_channels(images, channels)
    if x.shape[1:3] != (height, width):
        size = (x.shape[0], height, width, channels)
        precision = jax.lax.Precision.HIGHEST
        x = jax.image.resize(x, size, "bilinear", antialias=True, precision=precision)
    return x / 255.0


def fit_channels(images: Array, channels: int) -> Array:
    """RGB becomes grey by ITU-R BT.601 weights; grey becomes RGB by repetition; of two
    channels the first counts, of four or more the first three.

    Args:
        images: uint8 (n, H, W, C).
        channels: 1 or 3.

    Returns:
        float32 (n, H, W, channels) in [0, 255].
    """
    x = images[..., :3] if images.shape[-1] >= 3 else images[..., :1]
    x = x.astype(jnp.float32)
    if channels == 1 and x.shape[-1] == 3:
        x = jnp.sum(x * jnp.reshape(jnp.asarray(_LUMA), (1, 1, 1, 3)), -1, keepdims=True)
    return jnp.broadcast_to(x, (*x.shape[:3], channels))


def batched(
    fn: Callable[..., tuple[Array, ...]], size: int = _CHUNK, weights: Any = None
) -> Callable[[np.ndarray], tuple[np.ndarray, ...]]:
    """A pure function of images made to work on many, in chunks of one shape, compiled
    once for each image shape.

    Chunks are shared out over this process' devices, or computed on JAX's default device
    where one is set. Products are in full float32 on every backend.

    Args:
        fn: uint8 (size, H, W, C), and `weights` before it if there are any, to a tuple of
            arrays (size, ...), each row by itself.
        size: rows that a device computes at a time.
        weights: arrays that the function needs: arguments compile faster than constants.

    Returns:
        Function from uint8 images (n, H, W, C), n >= 1, to arrays (n, ...) on the host; a
        row's values depend neither on the other rows, nor their number, nor that of
        devices. It raises ValueError for anything else.
    """
    programs: dict[tuple[jax.Device, ...], Callable[[np.ndarray], tuple[Array, ...]]] = {}

    def rows(images: np.ndarray) -> tuple[np.ndarray, ...]:
        if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
            raise ValueError(
                "scores need uint8 images (n, H, W, C), n >= 1; "
                f"got {images.dtype} {images.shape}"
            )
        devices = tuple(_devices()[: -(-len(images) // size)])
        if devices not in programs:
            programs[devices] = _program(fn, weights, devices)
        run, step = programs[devices], size * len(devices)
        starts, parts = range(0, len(images), step), []
        pending = run(_padded(images[:step], step))
        for start in starts[1:]:
            # The devices compute the next rows while the host takes the last.
            following = run(_padded(images[start : start + step], step))
            parts.append([np.asarray(out) for out in pending])
            pending = following
        left = len(images) - starts[-1]
        parts.append([np.asarray(out)[:left] for out in pending])
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))

    return rows


def _program(
    fn: Callable[..., tuple[Array, ...]], weights: Any, devices: Sequence[jax.Device]
) -> Callable[[np.ndarray], tuple[Array, ...]]:
    """The function on rows in equal parts on devices, each by the same program."""
    mesh = Mesh(np.asarray(devices), (_AXIS,))
    everywhere, apart = NamedSharding(mesh, P()), NamedSharding(mesh, P(_AXIS))
    given = () if weights is None else (jax.device_put(weights, everywhere),)
    # Nothing crosses devices, so there is no variation over them to check.
    split = jax.shard_map(
        fn,
        mesh=mesh,
        in_specs=(*(P() for _ in given), P(_AXIS)),
        out_specs=P(_AXIS),
        check_vma=False,
    )
    compiled = jax.jit(split)

    def run(images: np.ndarray) -> tuple[Array, ...]:
        with jax.default_matmul_precision("highest"):
            return compiled(*given, jax.device_put(images, apart))

    return run


def _devices() -> list[jax.Device]:
    """This process' devices, or the default one where that is set."""
    default = jax.config.jax_default_device  # type: ignore[attr-defined]
    if isinstance(default, str):
        return jax.local_devices(backend=default)
    return jax.local_devices() if default is None else [default]


def _padded(rows: np.ndarray, size: int) -> np.ndarray:
    """Rows repeated at the end up to `size`."""
    if len(rows) == size:
        return rows
    return np.concatenate([rows, np.repeat(rows[-1:], size - len(rows), axis=0)])
