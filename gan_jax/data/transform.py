"""Bringing images to the shape that a network takes, and augmenting them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from gan_jax.data import images
from gan_jax.data.counter import hash64, uniform
from gan_jax.data.errors import DataError, unknown

Size = tuple[int, int]


def _scaled(size: Size, scale: float) -> Size:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _cover(size: Size, target: Size) -> Size:
    height, width = _scaled(size, max(target[0] / size[0], target[1] / size[1]))
    return max(height, target[0]), max(width, target[1])


def _contain(size: Size, target: Size) -> Size:
    height, width = _scaled(size, min(target[0] / size[0], target[1] / size[1]))
    return min(height, target[0]), min(width, target[1])


def _stretch(size: Size, target: Size) -> Size:
    del size
    return target


def _none(size: Size, target: Size) -> Size:
    if size[0] < target[0] or size[1] < target[1]:
        raise DataError(
            f"an image of {size[0]}x{size[1]} is smaller than {target[0]}x{target[1]}; "
            'choose a resize other than "none", or a smaller image_shape'
        )
    return size


RESIZES: Mapping[str, Callable[[Size, Size], Size]] = {
    "cover": _cover,
    "contain": _contain,
    "stretch": _stretch,
    "none": _none,
}
"""`(size, target) -> size after scaling`: "cover" fills the target and is cropped,
"contain" fits inside and is padded, "stretch" ignores the aspect, "none" crops the image as
it is."""


@dataclasses.dataclass(frozen=True)
class ImageTransform:
    """What happens to an image between its source and the batch.

    Attributes:
        resize: a key of `RESIZES`.
        random_crop: where more than the target is left after scaling, cut it at random
            instead of from the middle.
        margin: pixels by which images are first scaled beyond the target in height and in
            width, for random crops to take away.
        flip: mirror left and right with probability one half.
        fill: value 0..255 of what "contain" pads.
        mix_channels: allow a source whose images differ in their number of channels.

    Raises:
        DataError: an unknown resize, a fill outside 0..255, or a margin that is negative,
            or that no random crop or no scaling makes use of.
    """

    resize: str = "cover"
    random_crop: bool = False
    margin: int = 0
    flip: bool = False
    fill: int = 0
    mix_channels: bool = False

    def __post_init__(self) -> None:
        if self.resize not in RESIZES:
            raise unknown("resize", self.resize, RESIZES)
        if not 0 <= self.fill <= 255:
            raise DataError(f"fill is {self.fill}; expected a value from 0 to 255")
        if self.margin < 0:
            raise DataError(f"margin is {self.margin}; expected 0 or more pixels")
        if self.margin and (not self.random_crop or self.resize == "none"):
            raise DataError(
                f"a margin of {self.margin} pixels needs a random crop, and a resize other "
                'than "none"'
            )


def _pad(image: np.ndarray, target: Size, fill: int) -> np.ndarray:
    lack = [max(0, want - have) for want, have in zip(target, image.shape[:2], strict=True)]
    if not any(lack):
        return image
    widths = [(extra // 2, extra - extra // 2) for extra in lack]
    return np.pad(image, [*widths, (0, 0)], constant_values=fill)


def _centre(image: np.ndarray, target: Size) -> np.ndarray:
    top, left = (
        (have - want) // 2 for have, want in zip(image.shape, target, strict=False)
    )
    return image[top : top + target[0], left : left + target[1]]


def fit(image: np.ndarray, shape: Sequence[int], transform: ImageTransform) -> np.ndarray:
    """The part of the transform that is the same every time.

    Args:
        image: uint8 (h, w, c).
        shape: (H, W, C) wanted; channels are converted as `images.to_channels` says.
        transform: how.

    Returns:
        uint8 (H, W, C); at least (H, W, C) if `transform.random_crop`.

    Raises:
        DataError: the channels cannot be converted, or the image is too small for "none".
    """
    target = (shape[0] + transform.margin, shape[1] + transform.margin)
    image = images.to_channels(image, shape[2])
    size = RESIZES[transform.resize]((image.shape[0], image.shape[1]), target)
    image = _pad(images.resize(image, *size), target, transform.fill)
    return image if transform.random_crop else _centre(image, target)


def fit_all(
    stack: np.ndarray, shape: Sequence[int], transform: ImageTransform
) -> np.ndarray:
    """`fit` of uint8 (N, h, w, c), all at once; the stack itself if nothing changes."""
    if stack.shape[1:] == tuple(shape) and not transform.margin:
        return stack
    if len(stack) == 0:
        return np.zeros((0, *shape), np.uint8)
    return np.stack([fit(image, shape, transform) for image in stack])


def _crop(
    fitted: Sequence[np.ndarray] | np.ndarray, target: Size, seed: int, stream: np.ndarray
) -> np.ndarray:
    row = uniform(seed, "crop/row", stream)
    column = uniform(seed, "crop/column", stream)
    cut = []
    for place, image in enumerate(fitted):
        top = int(row[place] * (image.shape[0] - target[0] + 1))
        left = int(column[place] * (image.shape[1] - target[1] + 1))
        cut.append(image[top : top + target[0], left : left + target[1]])
    return np.stack(cut)


def augment(
    fitted: Sequence[np.ndarray] | np.ndarray,
    shape: Sequence[int],
    transform: ImageTransform,
    *,
    seed: int,
    stream: np.ndarray,
) -> np.ndarray:
    """The random part of the transform, a pure function of (seed, place in the stream).

    Args:
        fitted: n results of `fit`: a list, or a stack, which may be overwritten.
        shape: (H, W, C).
        transform: how.
        seed: fixes the draws.
        stream: int64 (n,), global places in the stream.

    Returns:
        uint8 (n, H, W, C).
    """
    if transform.random_crop:
        batch = _crop(fitted, (shape[0], shape[1]), seed, stream)
    else:
        batch = fitted if isinstance(fitted, np.ndarray) else np.stack(fitted)
    if transform.flip:
        mirrored = (hash64(seed, "flip", stream) >> np.uint64(63)).astype(bool)
        # Pixels as single items: numpy is slow to reverse an axis above one of few bytes.
        pixels = batch.view(np.dtype((np.void, batch.shape[-1])))[..., 0]
        pixels[mirrored] = pixels[mirrored, :, ::-1]
    return batch
