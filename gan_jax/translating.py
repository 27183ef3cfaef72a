"""Folders of images through a trained translator: any size, in tiles where large."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import prng, tiling
from gan_jax.config import nearest
from gan_jax.data import UnreadableImageError, images
from gan_jax.data.errors import DataError
from gan_jax.data.folder_source import SUFFIXES, image_names
from gan_jax.errors import UserError
from gan_jax.game import Direction
from gan_jax.numerics import to_uint8, to_unit
from gan_jax.session import abstract_batch
from gan_jax.tiling import Cut
from gan_jax.trained import Trained, open_run
from gan_jax.types import Key

_PATIENCE = 8
"""Batches that may wait for tiles of their size."""


class Settings(NamedTuple):
    """How images are translated.

    Attributes:
        domain: name of a direction of the game, or of a class of its data; None for the
            only one.
        enlarging: whether directions that enlarge are meant, or those that do not.
        batch: tiles that are computed at a time.
        tile: longest side of a tile, in pixels of the given images.
        overlap: pixels that neighbouring tiles have in common.
        overwrite: whether images that are there are made anew, and not left.
        seed: of what the networks draw; an image depends on it and on its own name.
    """

    domain: str | None = None
    enlarging: bool = False
    batch: int = 4
    tile: int = 512
    overlap: int = 96
    overwrite: bool = False
    seed: int = 0


class Outcome(NamedTuple):
    """What became of a folder.

    Attributes:
        made: images that were written.
        left: outputs that were there already.
        failed: one line for each image that could not be read.
    """

    made: int
    left: int
    failed: tuple[str, ...]


def translate_folder(workdir: str, given: str, output: str, settings: Settings) -> Outcome:
    """Translates all images of a folder.

    Args:
        workdir: of the run.
        given: folder of images, searched with its sub-folders; or one image.
        output: folder for PNGs of the same names.
        settings: how.

    Returns:
        What became of them; unreadable images are stepped over.

    Raises:
        UserError: there is no run or no image, the run has no such direction, numbers are
            out of range, two images would have one output, or that cannot be written.
    """
    if settings.batch < 1:
        raise UserError(f"--batch must be positive, got {settings.batch}")
    jobs = _jobs(Path(given).expanduser(), Path(output).expanduser())
    run = open_run(workdir)
    name = direction_of(run, settings)
    way = run.game.directions[name]
    _check_tiles(settings, way)
    todo = [job for job in jobs if settings.overwrite or not job.output.exists()]
    worker = _Worker(_translator(run, name), way, _channels(run, way), settings)
    for number, job in enumerate(todo, start=1):
        if worker.take(job):
            print(f"[{number}/{len(todo)}] {job.name}", file=sys.stderr, flush=True)
    worker.finish()
    return Outcome(worker.made, len(jobs) - len(todo), tuple(worker.failed))


class _Job(NamedTuple):
    """An image: its name below the folder, its file, and where its translation goes."""

    name: str
    path: Path
    output: Path


def _jobs(given: Path, output: Path) -> list[_Job]:
    if given.is_file():
        root, names = given.parent, [given.name]
    elif given.is_dir():
        root, names = given, image_names(given, given)
    else:
        raise UserError(f"--input={given}: no such folder or image")
    if not names:
        raise UserError(f"--input={given} holds no images; expected {', '.join(SUFFIXES)}")
    jobs = [_Job(n, root / n, (output / n).with_suffix(".png")) for n in names]
    seen: dict[Path, str] = {}
    for job in jobs:
        if job.output in seen:
            raise UserError(
                f"{seen[job.output]} and {job.name} would both become {job.output}; rename "
                "one"
            )
        seen[job.output] = job.name
        if job.output.resolve() == job.path.resolve():
            raise UserError(
                f"--output would replace {job.path} by its translation; choose another "
                "folder"
            )
    return jobs


def direction_of(run: Trained, settings: Settings) -> str:
    """The direction of a run that is meant.

    Raises:
        UserError: there is none, or several and none is named.
    """
    verbs = {True: "upscale", False: "translate"}
    ways = run.game.directions
    fitting = [name for name, way in ways.items() if (way.scale > 1) == settings.enlarging]
    if not fitting:
        other = f"; use gan-jax {verbs[not settings.enlarging]}"
        raise UserError(
            f"{run.path}: method {run.config.method!r} has nothing to "
            f"{verbs[settings.enlarging]}{other if ways else ', only samples of latents'}"
        )
    classes = _class_names(run, fitting)
    if settings.domain is None and len(fitting) == 1:
        return fitting[0]
    if settings.domain in fitting:
        return str(settings.domain)
    if settings.domain in classes:
        return classes[str(settings.domain)]
    choices = (*fitting, *classes)
    if settings.domain is None:
        raise UserError(f"--domain is missing; there are: {', '.join(choices)}")
    raise UserError(
        f"--domain={settings.domain}: the run has none{nearest(settings.domain, choices)}"
    )


def _class_names(run: Trained, fitting: list[str]) -> dict[str, str]:
    """Directions by the names of the classes they make; none where there are no data to
    tell.
    """
    labels = {run.game.directions[name].label: name for name in fitting}
    if set(labels) <= {None}:
        return {}
    try:
        names = run.source().class_names
    except UserError:
        return {}
    if names is None:
        return {}
    return {names[label]: name for label, name in labels.items() if label is not None}


def _check_tiles(settings: Settings, way: Direction) -> None:
    try:
        tiling.plan_cut(
            (1, 1), tile=settings.tile, overlap=settings.overlap, multiple=way.multiple
        )
    except ValueError as error:
        raise UserError(f"--tile, --overlap: {error}") from None


def _channels(run: Trained, way: Direction) -> int:
    """Channels of the images that a direction takes."""
    batch = abstract_batch(run.data, (1, 2))
    round_ = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), batch)
    return int(jax.eval_shape(way.given, round_).shape[-1])


_Translate = Callable[[Key, np.ndarray], np.ndarray]
"""`(keys, tiles) -> tiles`, float32 in [-1, 1]."""


def _translator(run: Trained, name: str) -> _Translate:
    compiled = jax.jit(
        lambda state, keys, tiles: run.algorithm.translate(state, keys, tiles, name)
    )
    return lambda keys, tiles: np.asarray(compiled(run.state, keys, tiles))


@dataclass
class _Open:
    """An image whose tiles are on their way."""

    job: _Job
    cut: Cut
    made: dict[int, np.ndarray] = field(default_factory=dict)


class _Worker:
    """Batches tiles of equal size over images, and writes each image when it is whole."""

    def __init__(
        self, translate: _Translate, way: Direction, channels: int, settings: Settings
    ):
        self._translate = translate
        self._way = way
        self._channels = channels
        self._settings = settings
        self._key = jax.random.key(settings.seed)
        self._waiting: dict[tuple[int, int], list[tuple[_Open, int, np.ndarray]]] = (
            defaultdict(list)
        )
        self.made = 0
        self.failed: list[str] = []

    def take(self, job: _Job) -> bool:
        """Reads an image; whether that was possible."""
        try:
            image = images.to_channels(images.decode(job.path), self._channels)
        except (UnreadableImageError, DataError) as error:
            self.failed.append(str(error))
            return False
        settings = self._settings
        cut = tiling.plan_cut(
            (image.shape[0], image.shape[1]),
            tile=settings.tile,
            overlap=settings.overlap,
            multiple=self._way.multiple,
        )
        one = _Open(job, cut)
        queue = self._waiting[cut.size]
        tiles = tiling.tiles_of(np.asarray(to_unit(jnp.asarray(image))), cut)
        queue.extend((one, place, tile) for place, tile in enumerate(tiles))
        while len(queue) >= settings.batch:
            self._run(queue)
        if sum(map(len, self._waiting.values())) > _PATIENCE * settings.batch:
            self._run(max(self._waiting.values(), key=len))
        return True

    def finish(self) -> None:
        """Computes what is still waiting."""
        for queue in self._waiting.values():
            while queue:
                self._run(queue)

    def _run(self, queue: list[tuple[_Open, int, np.ndarray]]) -> None:
        """A batch of tiles, always of one size so that it is compiled once."""
        size = self._settings.batch
        taken, queue[:] = queue[:size], queue[size:]
        full = [*taken, *[taken[-1]] * (size - len(taken))]
        keys = jnp.stack(
            [
                jax.random.fold_in(prng.fold_name(self._key, one.job.name), place)
                for one, place, _ in full
            ]
        )
        made = self._translate(keys, np.stack([tile for *_, tile in full]))
        for (one, place, _), tile in zip(taken, made, strict=False):
            one.made[place] = tile
            if len(one.made) == len(one.cut.places):
                self._write(one)

    def _write(self, one: _Open) -> None:
        tiles = np.stack([one.made[place] for place in range(len(one.cut.places))])
        whole = tiling.joined(tiles, one.cut, self._way.scale)
        try:
            one.job.output.parent.mkdir(parents=True, exist_ok=True)
            images.save_png(one.job.output, np.asarray(to_uint8(jnp.asarray(whole))))
        except OSError as error:
            raise UserError(f"cannot write {one.job.output}: {error.strerror}") from error
        self.made += 1
