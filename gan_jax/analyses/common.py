"""What the analyses share: opening a run, its labels and images, laying pictures out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import pictures
from gan_jax.errors import UserError
from gan_jax.trained import Trained, open_run
from gan_jax.types import Array, Key

_BATCH = 100
"""Images that are computed at a time where there are many."""
_GAP = 12

Generate = Callable[[Array, Array | None], Array]
"""`(latents (n, Z), labels (n,) or None) -> images (n, H, W, C)` in [-1, 1]."""


def open_pictures(
    workdir: str, step: int | None = None, truncation: float | None = None
) -> Trained:
    """A run that makes images.

    Raises:
        UserError: as `open_run`, or its examples are points.
    """
    run = open_run(workdir, step=step, truncation=truncation)
    if len(run.data.image_shape) != 3:
        kind = "texts" if len(run.data.image_shape) == 2 else "points"
        raise UserError(f"{workdir} makes {kind}; analyses with pictures need images")
    return run


def conditional(run: Trained) -> int:
    """The number of classes of a run.

    Raises:
        UserError: it has none.
    """
    if run.data.num_classes is None:
        raise UserError(f"{run.path}: the run has no classes")
    return run.data.num_classes


def check_label(run: Trained, label: int | None, flag: str = "label") -> int | None:
    """The label, if it is one of the run's classes or None.

    Raises:
        UserError: it is not.
    """
    classes = run.data.num_classes
    if label is not None and (classes is None or not 0 <= label < classes):
        has = "has no classes" if classes is None else f"has the classes 0..{classes - 1}"
        raise UserError(f"--{flag}={label}: the run {has}")
    return label


def labels_of(run: Trained, n: int, label: int | None = None) -> Array | None:
    """int32 (n,): all `label`, or else classes in turn; None without classes."""
    if run.data.num_classes is None:
        return None
    if label is None:
        return jnp.arange(n, dtype=jnp.int32) % run.data.num_classes
    return jnp.full((n,), label, jnp.int32)


def generator(run: Trained) -> Generate:
    """The run's generator, compiled; its weights are no part of the program."""

    @jax.jit
    def made(run_state: object, latents: Array, labels: Array | None) -> Array:
        return run._replace(state=run_state).generate(latents, labels)  # type: ignore[arg-type]

    return functools.partial(made, run.state)


def of_class(run: Trained, label: int | None) -> Callable[[Array], Array]:
    """The run's generator of latents (n, Z), all of one class where there are any."""
    make = generator(run)
    return lambda latents: make(latents, labels_of(run, len(latents), label))


def shaped(make: Callable[[Array], Array], latents: Array) -> np.ndarray:
    """Images (..., H, W, C) of latents (..., Z), some at a time."""
    flat = latents.reshape(-1, latents.shape[-1])
    parts = [np.asarray(make(flat[i : i + _BATCH])) for i in range(0, len(flat), _BATCH)]
    made = np.concatenate(parts)
    return made.reshape(*latents.shape[:-1], *made.shape[1:])


def first_class(run: Trained, label: int | None) -> int | None:
    """The label, by default the first class of a run that has any.

    Raises:
        UserError: it is none of the run's classes.
    """
    classes, label = run.data.num_classes, check_label(run, label)
    return 0 if label is None and classes is not None else label


def latents_of_seeds(run: Trained, seeds: Sequence[int], label: int | None) -> Array:
    """The first latent of every seed, (k, Z): what `gan-jax sample --seed` shows first."""
    labels = labels_of(run, 1, label)
    return jnp.concatenate([run.latents(jax.random.key(s), 1, labels) for s in seeds])


def samples(
    run: Trained, key: Key, n: int, label: int | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Samples as uint8 (n, H, W, C), and their labels int32 (n,) or None."""
    make, labels = generator(run), labels_of(run, n, label)
    latents = run.latents(key, n, labels)
    parts = [
        make(latents[i : i + _BATCH], None if labels is None else labels[i : i + _BATCH])
        for i in range(0, n, _BATCH)
    ]
    images = pictures.to_pixels(np.concatenate([np.asarray(part) for part in parts]))
    return images, None if labels is None else np.asarray(labels)


# Flags.


def numbers(flag: str, text: str, least: int = 1) -> list[int]:
    """Whole numbers of a flag such as "0,1,2".

    Raises:
        UserError: something else, or fewer than `least`.
    """
    try:
        values = [int(word) for word in text.split(",") if word.strip()]
    except ValueError:
        raise UserError(f"--{flag}={text}: expected whole numbers such as 0,1,2") from None
    if len(values) < least:
        raise UserError(f"--{flag}={text}: needs at least {least} numbers")
    return values


def at_least(least: int, **values: int) -> None:
    """Refuses numbers below `least`.

    Raises:
        UserError: names the flag.
    """
    for name, value in values.items():
        if value < least:
            raise UserError(f"--{name} must be at least {least}, got {value}")


def png_path(output: str) -> Path:
    """Where a picture goes.

    Raises:
        UserError: not the name of a PNG file.
    """
    path = Path(output).expanduser()
    if path.suffix.lower() != ".png":
        raise UserError(f"--output={output}: expected the name of a PNG file")
    if path.is_dir():
        raise UserError(f"--output={output} is a folder; name a PNG file in it")
    return path


# Pictures.


def save(path: Path, picture: np.ndarray) -> str:
    """Writes a picture and returns its path.

    Raises:
        UserError: it cannot be written.
    """
    try:
        pictures.save_png(path, picture)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    return str(path)


def rows(images: Array | np.ndarray) -> np.ndarray:
    """A picture of images (rows, columns, H, W, C)."""
    flat = np.asarray(images).reshape(-1, *images.shape[2:])
    return pictures.grid(flat, columns=images.shape[1])


def beside(*parts: np.ndarray, gap: int = _GAP) -> np.ndarray:
    """Pictures (H, W, C) from left to right, white between and below."""
    height = max(part.shape[0] for part in parts)
    channels = max(part.shape[2] for part in parts)
    columns = []
    for part in parts:
        wide = np.broadcast_to(part, (*part.shape[:2], max(channels, part.shape[2])))
        below = ((0, height - part.shape[0]), (0, 0), (0, 0))
        columns += [np.pad(wide, below, constant_values=255)]
        columns += [np.full((height, gap, channels), 255, np.uint8)]
    return np.concatenate(columns[:-1], axis=1)


def stacked(*parts: np.ndarray, gap: int = _GAP) -> np.ndarray:
    """Pictures (H, W, C) from top to bottom, white between and on the right."""
    turned = beside(*(part.swapaxes(0, 1) for part in parts), gap=gap)
    return turned.swapaxes(0, 1)
