"""The command that walks through the latent space, as a grid and as a film."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from gan_jax import analysis, pictures
from gan_jax.analyses import common
from gan_jax.analyses.styled import check_space, need_styles
from gan_jax.config import choose
from gan_jax.errors import UserError
from gan_jax.interpolation import lerp, slerp

_BETWEEN = {"lerp": lerp, "slerp": slerp}
_USUAL = {"z": "slerp", "w": "lerp"}
_SIDE = 128
"""Pixels that frames of a film have at least about."""


def walk(
    workdir: str,
    output: str,
    *,
    step: int | None = None,
    truncation: float | None = None,
    seeds: str = "0,1,2,3,4",
    steps: int = 9,
    space: str = "z",
    between: str | None = None,
    video: str = "",
    fps: float = 12.5,
    label: int | None = None,
) -> str:
    """Walks from seed to seed and back to the first: a row of pictures for each way, and
    a film of it, which as a GIF never ends.

    Args:
        workdir: of the run.
        output: PNG to write.
        step: of the checkpoint; None: the newest.
        truncation: see `open_run`.
        seeds: the stops.
        steps: pictures on each way, both ends among them.
        space: "z", or "w" of a generator with styles.
        between: "slerp" or "lerp"; None for slerp in z, whose latents are about equally
            long, and lerp in w, where straight ways are what path lengths are measured on.
        video: GIF or MP4 to write; empty: a GIF with the name of the picture.
        fps: frames a second.
        label: class, the first if None.

    Returns:
        The paths written, a line each.

    Raises:
        UserError: a flag is out of range, there is no such run, it has no styles, or the
            library for MP4 files is missing.
    """
    stops, path = common.numbers("seeds", seeds, least=2), common.png_path(output)
    film = _film_path(video) if video else path.with_suffix(".gif")
    common.at_least(2, steps=steps)
    if not 0.0 < fps <= 100.0:
        raise UserError(f"--fps must be above 0 and at most 100, got {fps}")
    check_space(space, *_USUAL)
    interpolate = choose("way between latents", between or _USUAL[space], _BETWEEN)
    run = common.open_pictures(workdir, step, truncation)
    label = common.first_class(run, label)
    places, make = common.latents_of_seeds(run, stops, label), common.of_class(run, label)
    if space == "w":
        styles, labels = need_styles(run), common.labels_of(run, len(stops), label)
        places = styles.mapping(run.state, places, labels)[:, 0]
        make = partial(styles.synthesis, run.state)
    ways = analysis.latent_walk(places, steps, between=interpolate, closed=True)
    images = common.shaped(make, ways)
    written = common.save(path, common.rows(images))
    # Each way ends where the next begins.
    frames = pictures.to_pixels(images[:, :-1]).reshape(-1, *images.shape[2:])
    _save_film(film, frames[..., :3], fps)
    return f"{written}\n{film}"


def _film_path(video: str) -> Path:
    """Where a film goes.

    Raises:
        UserError: not the name of a GIF or MP4 file, or the library is missing.
    """
    path = Path(video).expanduser()
    suffix = path.suffix.lower()
    if suffix not in (".gif", ".mp4") or path.is_dir():
        raise UserError(f"--video={video}: expected the name of a GIF or MP4 file")
    if suffix == ".mp4":
        analysis.require_av()
    return path


def _save_film(path: Path, frames: np.ndarray, fps: float) -> None:
    shown = list(analysis.enlarged(frames, max(1, _SIDE // frames.shape[1])))
    try:
        if path.suffix.lower() == ".mp4":
            analysis.save_mp4(path, shown, fps=fps)
        else:
            analysis.save_gif(path, shown, milliseconds=round(1000.0 / fps))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
