"""Images of a NumPy archive."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from gan_jax.data.errors import DataError
from gan_jax.data.protocol import ArraySource

IMAGES = ("image", "images", "x")
TARGETS = ("target", "targets")
"""Names of arrays of images; of the second ones, where a file holds pairs."""
_LABELS = ("label", "labels", "y")


def _find(names: tuple[str, ...], split: str, keys: set[str]) -> str | None:
    split_names = tuple(f"{name}_{split}" for name in names)
    # Arrays without a split in their names are the training data.
    plain = names if split == "train" else ()
    return next((name for name in (*split_names, *plain) if name in keys), None)


def _with_channels(image: np.ndarray) -> np.ndarray:
    if image.ndim == 2 and image.dtype == np.float64:
        return image.astype(np.float32)
    return image[..., None] if image.ndim == 3 else image


def _class_info(
    arrays: Mapping[str, np.ndarray], keys: set[str]
) -> tuple[int | None, tuple[str, ...] | None]:
    if "class_names" in keys:
        names = tuple(str(name) for name in arrays["class_names"].tolist())
        return len(names), names
    return (int(arrays["num_classes"]) if "num_classes" in keys else None), None


def _read(path: str, split: str, names: tuple[str, ...]) -> ArraySource:
    name = f"npz:{path}:{split}"
    with np.load(path, allow_pickle=False) as arrays:
        keys = set(arrays.files)
        image_key, label_key = _find(names, split, keys), _find(_LABELS, split, keys)
        if image_key is None:
            found = ", ".join(sorted(keys)) or "none"
            raise DataError(
                f"npz:{path} holds no images of split {split!r}: it needs an array named "
                f"{', '.join(names[:-1])} or {names[-1]} (or {names[-1]}_{split}); it has "
                f"{found}"
            )
        image = _with_channels(arrays[image_key])
        label = None if label_key is None else arrays[label_key]
        num_classes, class_names = _class_info(arrays, keys)
    if label is not None and label.shape[1:] == (1,):
        label = label[:, 0]
    return ArraySource(name, image, label, num_classes=num_classes, class_names=class_names)


def open_npz(
    path: str | os.PathLike[str], split: str = "train", names: tuple[str, ...] = IMAGES
) -> ArraySource:
    """Images `image`, `images` or `x` and labels `label`, `labels` or `y` of a file.

    A split is a suffix, `x_test`; names without one are the training data. `class_names` or
    `num_classes` in the file state the classes; otherwise they end at the largest label.

    Args:
        path: an `.npz` of uint8 (N, H, W) or (N, H, W, C), any C; float (N, D) are points.
        split: "train", "test", or whatever the names end in.
        names: of the array of images, the first that is there.

    Raises:
        DataError: the file is missing, damaged, holds objects or lacks what is needed.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise DataError(f"npz:{path}: no such file")
    if not zipfile.is_zipfile(path):
        raise DataError(f"npz:{path} is not a NumPy archive, or only part of one")
    try:
        return _read(path, split, names)
    except DataError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"npz:{path} cannot be read as a NumPy archive: {error}") from error
