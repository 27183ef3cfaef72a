"""A folder of image files, in class sub-folders or without."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.data import images
from gan_jax.data.errors import DataError
from gan_jax.data.protocol import digest_lines

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
SPLITS = frozenset({"train", "test", "val", "valid", "validation"})


def _hidden(name: str) -> bool:
    return name.startswith((".", "__"))


def _image_files(folder: Path) -> Iterator[Path]:
    """Every image below a folder, in no particular order."""
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not _hidden(name)]
        for name in files:
            if name.lower().endswith(SUFFIXES) and not _hidden(name):
                yield Path(parent, name)


def image_names(folder: Path, root: Path) -> list[str]:
    """Paths of all images below a folder from another one, in order."""
    return sorted(path.relative_to(root).as_posix() for path in _image_files(folder))


def _sub_folders(root: Path) -> list[Path]:
    found = [path for path in root.iterdir() if path.is_dir() and not _hidden(path.name)]
    return sorted(found, key=lambda path: path.name)


class FolderSource:
    """Images of a folder: PNG, JPEG or WebP, with the channels and sizes they have.

    Sub-folders are the classes, in the order of their names (bytewise); without sub-folders
    there are no labels. Files are ordered by path. Names that begin with "." or "__" are
    left out.

    Args:
        root: the folder.
        name: what it is called in messages.

    Raises:
        DataError: no such folder, no images, an empty class, or images beside classes.
    """

    def __init__(self, root: str | os.PathLike[str], name: str | None = None):
        self.root = Path(root)
        self.name = name or f"folder:{self.root}"
        if not self.root.is_dir():
            raise DataError(f"{self.name}: no such folder")
        classes = _sub_folders(self.root)
        self._files, labels = _list_classes(self.root, classes, self.name)
        self.labels = labels
        self.class_names = tuple(path.name for path in classes) if classes else None
        self.num_classes = len(classes) if classes else None

    @property
    def keys(self) -> tuple[str, ...]:
        """Paths below the folder, without their suffixes."""
        return tuple(os.path.splitext(file)[0] for file in self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> dict[str, Any]:
        path = self.element_name(index)
        element: dict[str, Any] = {"image": images.decode(path)}
        if self.labels is not None:
            element["label"] = int(self.labels[index])
        return element

    def header(self, index: int) -> tuple[int, ...]:
        return images.header(self.element_name(index))

    def element_name(self, index: int) -> str:
        return str(self.root / self._files[index])

    def fingerprint(self) -> str:
        """Digest of relative names and sizes: contents are not read, dates do not count."""
        sizes = ((self.root / file).stat().st_size for file in self._files)
        return digest_lines(
            f"{file}\t{size}" for file, size in zip(self._files, sizes, strict=True)
        )


def _list_classes(
    root: Path, classes: list[Path], name: str
) -> tuple[list[str], np.ndarray | None]:
    files = image_names(root, root)
    if not files:
        raise DataError(f"{name} holds no images; expected {', '.join(SUFFIXES)}")
    if not classes:
        return files, None
    per_class = [image_names(folder, root) for folder in classes]
    for folder, members in zip(classes, per_class, strict=True):
        if not members:
            raise DataError(
                f"{name}: class folder {folder.name!r} holds no images; remove it"
            )
    loose = sorted(set(files).difference(*per_class))
    if loose:
        raise DataError(
            f"{name}: {len(loose)} images lie beside the class folders (first: "
            f"{loose[0]}); move them into a class or remove the folders"
        )
    counts = [len(members) for members in per_class]
    labels = np.repeat(np.arange(len(classes), dtype=np.int32), counts)
    return [file for members in per_class for file in members], labels


def open_folder(path: str | os.PathLike[str], split: str | None = None) -> FolderSource:
    """The images of a folder, or of one of its splits.

    A folder whose sub-folders are all named as splits (train, test, val, ...) is read as
    splits; the training data by default. Any other folder is the training data itself.

    Args:
        path: the folder.
        split: name of a sub-folder; None for the training data.

    Raises:
        DataError: see `FolderSource`, or there is no such split.
    """
    root = Path(path).expanduser()
    name = f"folder:{path}"
    if not root.is_dir():
        raise DataError(f"{name}: no such folder")
    splits = {folder.name for folder in _sub_folders(root)}
    has_splits = bool(splits) and splits <= SPLITS
    if split is None and not has_splits:
        return FolderSource(root, name)
    split = split or "train"
    if split not in splits:
        found = ", ".join(sorted(splits)) or "none"
        raise DataError(f"{name} has no folder {split!r}; its folders: {found}")
    return FolderSource(root / split, f"{name}:{split}")
