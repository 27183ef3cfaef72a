"""What the explorer's page shows, as functions: a run, sampled and looked at.

Nothing here knows of the page. An `Explorer` serves any number of tabs and threads: what it
is asked for stands in the arguments, and what it keeps is behind a lock.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import pictures
from gan_jax.analyses.styled import Styles, styles_of
from gan_jax.analysis.mixing import style_mixing
from gan_jax.analysis.nearest import Nearest
from gan_jax.analysis.truncation import truncated_styles
from gan_jax.analysis.walks import latent_walk
from gan_jax.checkpoint import read_record, saved_steps
from gan_jax.config import choose
from gan_jax.errors import UserError
from gan_jax.explorer.answers import Choice, Mixture, Neighbours, Samples, in_range
from gan_jax.explorer.drawing import Drawing, by_rows, compile_drawing
from gan_jax.explorer.neighbours import (
    PIXELS,
    Training,
    features_of,
    nearest_to,
    read_training,
)
from gan_jax.interpolation import Interpolation, lerp, slerp
from gan_jax.metrics.extractors import open_features
from gan_jax.metrics.features import FeatureNet
from gan_jax.sampler import check_samples
from gan_jax.trained import Trained, load_config, open_run
from gan_jax.types import Array
from gan_jax.workdir import config_dict

PATHS: dict[str, Interpolation] = {"slerp": slerp, "lerp": lerp}
"""Ways between latents: the great circle and the straight line."""
MOST_SAMPLES = 100
MOST_FRAMES = 120
MOST_MIXED = 8
_SEEDS = 2**31
_KEPT_STATES = 2
_POINTS = 200


class Explorer:
    """A run, opened to be looked at; immutable but for what it keeps to be fast.

    Args:
        workdir: of the run, which may be alive.

    Attributes:
        path: the work directory.
        config: of the run.
        data: its data settings, with the image shape filled in.
        styles: the halves of its generator, to be mixed; None of one without styles.
        class_names: a name for each class: the data's own if they can be read, else its
            number; none without classes.
        newest_step: of the newest whole checkpoint when the run was opened.

    Raises:
        UserError: there is no run, no checkpoint, or its examples cannot be pictured.
    """

    def __init__(self, workdir: str | Path):
        self.path = Path(workdir).expanduser()
        self.config = load_config(self.path)
        if not self.checkpoints():
            raise UserError(f"{workdir} has no checkpoint yet")
        newest = open_run(self.path)
        check_samples(newest.game)
        self.data = newest.data
        if len(self.data.image_shape) == 2:
            raise UserError(f"{workdir} makes texts; see them by gan-jax sample-text")
        if len(self.data.image_shape) != 3 and self.data.image_shape != (2,):
            dimensions = self.data.image_shape[0]
            raise UserError(f"points of {dimensions} dimensions cannot be pictured")
        self.styles: Styles | None = styles_of(newest)
        self.newest_step = newest.step
        self.class_names = _class_names(newest)
        self._drawing: Drawing = compile_drawing(newest)
        self._states: OrderedDict[int, Trained] = OrderedDict({newest.step: newest})
        self._states_lock = threading.Lock()
        self._training: Training | None = None
        self._points: np.ndarray | None = None
        self._features: dict[str, tuple[FeatureNet | None, np.ndarray]] = {}
        # To read data and compute their features may take minutes, while others sample.
        self._data_lock = threading.RLock()
        self._closed = threading.Event()

    def close(self) -> None:
        """Ends long work, such as the features of all training images, before its time."""
        self._closed.set()

    # What the run is.

    @property
    def classes(self) -> int | None:
        """Number of classes, or None."""
        return self.data.num_classes

    @property
    def has_images(self) -> bool:
        """Whether examples are images, and not points."""
        return len(self.data.image_shape) == 3

    @property
    def has_truncation(self) -> bool:
        """Whether latents are normal, so that they can be truncated."""
        return self._drawing.truncated is not None

    def checkpoints(self) -> list[int]:
        """The steps of the checkpoints that are there now, ascending."""
        return saved_steps(self.path / "checkpoints")

    def trained(self, step: int) -> Trained:
        """The run at a checkpoint; the two used last stay in memory.

        Raises:
            UserError: it is gone or damaged.
        """
        with self._states_lock:
            if step not in self._states:
                self._states[step] = open_run(self.path, step=step)
            self._states.move_to_end(step)
            while len(self._states) > _KEPT_STATES:
                self._states.popitem(last=False)
            return self._states[step]

    def facts(self, step: int) -> dict[str, Any]:
        """What people ask first about a checkpoint, as JSON values."""
        record = read_record(self.path / "checkpoints", step)
        return {
            "workdir": str(self.path),
            "method": self.config.method,
            "data": self.config.data.source,
            "image shape": list(self.data.image_shape),
            "classes": self.classes,
            "step": step,
            "images seen": step * int(self.config.train.batch_size),
            "digest": record.digest,
        }

    def settings(self) -> dict[str, Any]:
        """The resolved config, as JSON values."""
        return config_dict(self.config)

    # Samples.

    def samples(self, step: int, choice: Choice) -> Samples:
        """Samples of a checkpoint: sample i depends on the seed, i and its class alone, and
        is that of `gan-jax sample` with this seed.

        Raises:
            UserError: a number is out of range, the label is no class, or the latents
                cannot be truncated.
        """
        in_range("number of samples", choice.n, 1, MOST_SAMPLES)
        labels = self._labels(choice.n, choice.label)
        return self._examples(step, self._latents(step, choice), labels)

    def walk(
        self,
        step: int,
        seeds: tuple[int, int],
        frames: int,
        *,
        path: str = "slerp",
        label: int | None = None,
        truncation: float | None = None,
    ) -> Samples:
        """The way from the first sample of one seed to the first of another.

        Args:
            step: of the checkpoint.
            seeds: of both ends.
            frames: number of samples, both ends among them.
            path: a key of `PATHS`.
            label: class of all samples; None is the class 0 of a conditional run.
            truncation: threshold of the ends.

        Raises:
            UserError: as `samples`.
        """
        in_range("number of frames", frames, 2, MOST_FRAMES)
        between = choose("path", path, PATHS)
        label = 0 if label is None and self.classes is not None else label
        labels = self._labels(frames, label)
        ends = np.concatenate(
            [self._latents(step, Choice(s, 1, label, truncation)) for s in seeds]
        )
        way = latent_walk(jnp.asarray(ends), frames, between=between)[0]
        latents = np.array(way)
        # A great circle comes back to its ends but for rounding.
        latents[[0, -1]] = ends
        return self._examples(step, latents, labels)

    def mixtures(self, step: int, asked: Mixture) -> np.ndarray:
        """Samples with the styles of others in some layers (1812.04948, section 3.1).

        Args:
            step: of the checkpoint.
            asked: which.

        Returns:
            uint8 (rows + 1, columns + 1, H, W, C); see `analysis.mixing.style_mixing`.

        Raises:
            UserError: as `samples`; the generator has no styles, or no such layer.
        """
        styles = self.styles
        if styles is None:
            raise UserError("this generator has no styles to mix")
        for choice in (asked.rows, asked.columns):
            in_range("number of samples", choice.n, 1, MOST_MIXED)
        for layer in asked.layers:
            in_range("layer", layer, 0, styles.layers - 1)
        state = self.trained(step).state
        mean = styles.mean(state)

        def mapping(choice: Choice) -> Array:
            latents = self._latents(step, choice)
            labels = self._labels(choice.n, choice.label)
            ws = by_rows(lambda z, y: styles.mapping(state, z, y), latents, labels)
            return truncated_styles(jnp.asarray(ws), mean, asked.psi)

        def synthesis(ws: Array) -> Array:
            made = by_rows(lambda rows: styles.synthesis(state, rows), np.asarray(ws))
            return jnp.asarray(made)

        rows, columns = asked.rows, asked.columns
        mixed = style_mixing(mapping, synthesis, rows, columns, asked.layers)
        return pictures.to_pixels(np.asarray(mixed))

    def _labels(self, count: int, label: int | None) -> np.ndarray | None:
        if self.classes is None:
            if label is not None:
                raise UserError(f"class {label}: the run has no classes")
            return None
        if label is None:
            return np.arange(count, dtype=np.int32) % np.int32(self.classes)
        in_range("class", label, 0, self.classes - 1)
        return np.full(count, label, np.int32)

    def _latents(self, step: int, choice: Choice) -> np.ndarray:
        in_range("seed", choice.seed, 0, _SEEDS - 1)
        labels = self._labels(choice.n, choice.label)
        key = jax.random.key(choice.seed)
        rows = np.arange(choice.n, dtype=np.int32)
        if choice.truncation is None:
            state = self.trained(step).state
            draw = self._drawing.latents
            return by_rows(lambda r, y: draw(state, key, r, y), rows, labels)
        truncated = self._drawing.truncated
        if truncated is None:
            raise UserError(
                "only normal latents can be truncated; recipe.prior is "
                f"{self.config.recipe.prior!r}"
            )
        if not choice.truncation > 0.0:
            raise UserError(f"the truncation must be positive, got {choice.truncation}")
        threshold = jnp.asarray(choice.truncation, jnp.float32)
        return by_rows(lambda r: truncated(key, r, threshold), rows)

    def _examples(
        self, step: int, latents: np.ndarray, labels: np.ndarray | None
    ) -> Samples:
        state, make = self.trained(step).state, self._drawing.examples
        made = by_rows(lambda z, y: make(state, z, y), latents, labels)
        return Samples(made, labels, latents)

    # Training data.

    def training(self) -> Training:
        """The training data, read when they are first asked for.

        Raises:
            UserError: they are gone or cannot be read.
        """
        with self._data_lock:
            if self._training is None:
                self._training = read_training(self.trained(self.newest_step))
            return self._training

    def real_points(self) -> np.ndarray:
        """Some of the training data of a run of points, float32 (n, 2); none of images."""
        if self.has_images:
            return np.zeros((0, 2), np.float32)
        with self._data_lock:
            if self._points is None:
                newest = self.trained(self.newest_step)
                self._points = newest.real_images(_POINTS)[0]
            return self._points

    def neighbours(
        self,
        step: int,
        choice: Choice,
        number: int,
        *,
        count: int = 8,
        features: str = PIXELS,
    ) -> Neighbours:
        """The training examples nearest to a sample.

        Args:
            step: of the checkpoint.
            choice: the samples.
            number: which of them, from 0.
            count: how many neighbours.
            features: "pixels", or what `metrics.open_features` knows.

        Raises:
            UserError: as `samples`; the run's examples are points; the features or the
                training data cannot be opened.
        """
        in_range("sample", number, 0, choice.n - 1)
        sample = self.samples(step, choice).examples[number]
        training = self.training()
        found = self.nearest_to(sample, count, features)
        labels = training.labels
        return Neighbours(
            sample,
            training.images[found.index],
            found.distance,
            None if labels is None else labels[found.index],
            tuple(training.name(int(row)) for row in found.index),
            len(training.images),
            training.total,
        )

    def nearest_to(self, image: np.ndarray, count: int, features: str = PIXELS) -> Nearest:
        """The rows of the training data nearest to an image, uint8 (H, W, C).

        Raises:
            UserError: as `neighbours`.
        """
        if not self.has_images:
            raise UserError("the run's examples are points, which have no neighbours here")
        in_range("number of neighbours", count, 1, MOST_SAMPLES)
        net, known = self._known(features)
        return nearest_to(
            features_of(image[None], net, self._closed.is_set)[0], known, count
        )

    def _known(self, features: str) -> tuple[FeatureNet | None, np.ndarray]:
        """A feature net and the training data's features, computed once."""
        with self._data_lock:
            if features not in self._features:
                net = None if features == PIXELS else open_features(features)
                images = self.training().images
                found = features_of(images, net, self._closed.is_set)
                self._features[features] = net, found
            return self._features[features]


def _class_names(trained: Trained) -> tuple[str, ...]:
    classes = trained.data.num_classes
    if classes is None:
        return ()
    numbers = tuple(map(str, range(classes)))
    try:
        names = trained.source().class_names
    except UserError:  # the data may be gone; the run can be sampled all the same
        return numbers
    return tuple(names) if names and len(names) == classes else numbers
