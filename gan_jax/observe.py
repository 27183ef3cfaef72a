"""Looking at a run: pictures, scores, spectra, and the rules that notice trouble."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import guards, parallel, pictures, prng
from gan_jax.analysis.spectra import top_singular_values
from gan_jax.metrics.score import Scorer
from gan_jax.numerics import to_uint8
from gan_jax.registry import make_rules, make_scorer
from gan_jax.session import Session, reference_images
from gan_jax.state import GameState
from gan_jax.types import Array

_SCORE_BATCH = 500


class Sampler(NamedTuple):
    """Draws samples from a state, always from the same latents.

    Attributes:
        draw: `(state, n, offset) -> (images, labels)` on the host, float32 in [-1, 1] or
            points, and int32 labels or None; a collective with several processes.
    """

    draw: Callable[[GameState, int, int], tuple[np.ndarray, np.ndarray | None]]


def make_sampler(session: Session) -> Sampler:
    """Compiled sampling in batches of at most 500.

    Rows are numbered from `offset`; row i has the key folded from i, and the label i modulo
    the number of classes, so any cut of the rows gives the same samples.
    """
    key = prng.fold_name(session.key, "samples")
    classes = session.data.num_classes

    def batch(state: GameState, key: Array, rows: Array) -> Array:
        labels = None if classes is None else (rows % classes).astype(jnp.int32)
        keys = prng.fold_rows(key, rows)
        return session.algorithms[0].sample(state, keys, rows.shape[0], labels)

    compiled = jax.jit(batch)

    def draw(state: GameState, n: int, offset: int) -> tuple[np.ndarray, np.ndarray | None]:
        size = min(n, _SCORE_BATCH)
        parts = []
        for start in range(0, n, size):
            rows = jnp.arange(offset + start, offset + start + size)
            parts.append(parallel.to_host(compiled(state, key, rows)))
        labels = None if classes is None else np.arange(offset, offset + n) % classes
        return np.concatenate(parts)[:n], labels

    return Sampler(draw)


class Look(NamedTuple):
    """What one look at the samples gave.

    Attributes:
        picture: uint8 (H, W, C).
        diversity: see `guards.diversity`.
    """

    picture: np.ndarray
    diversity: float


def look(session: Session, sampler: Sampler, state: GameState) -> Look:
    """Draws the fixed samples and pictures them."""
    settings = session.config.samples
    images, _ = sampler.draw(state, settings.count, 0)
    diversity = float(guards.diversity(jnp.asarray(images)))
    if images.ndim == 2:
        real = reference_images(session)[: len(images)]
        return Look(pictures.scatter(real, images), diversity)
    return Look(pictures.grid(images, columns=settings.columns), diversity)


def open_scorer(session: Session) -> Scorer | None:
    """The scorer of a run, on the process that scores; None elsewhere, or without scores."""
    if session.config.score.every == 0 or jax.process_index() != 0:
        return None
    return make_scorer(session.config.data.source, reference_images(session))


def score(
    session: Session, sampler: Sampler, scorer: Scorer | None, state: GameState
) -> dict[str, float]:
    """Scores fresh samples; every process gets the same numbers.

    Latents are not those of the pictures.
    """
    count, offset = session.config.score.samples, session.config.samples.count
    samples, labels = sampler.draw(state, count, offset)
    if scorer is None:
        return {}
    if samples.ndim == 4:
        samples = np.asarray(to_uint8(jnp.asarray(samples)))
    return scorer(samples, labels)


def spectrum(state: GameState) -> dict[str, Array]:
    """Top singular value of every trained kernel, named "spectrum/NET/PATH"."""
    values: dict[str, Array] = {}
    for player in state.players.values():
        for path, top in top_singular_values(player.params).items():
            values[f"spectrum/{path}"] = top[0]
    return values


def window_means(window: list[Mapping[str, float]]) -> dict[str, float]:
    """Means over a window of dispatches. Metrics of a lazy phase are means over the steps
    on which it ran, and are left out if it did not."""
    means = {
        name: sum(values[name] for values in window) / len(window) for name in window[0]
    }
    for name in [name for name in means if name.endswith("/ran")]:
        share, phase = means.pop(name), name.removesuffix("ran")
        for metric in [metric for metric in means if metric.startswith(phase)]:
            if share == 0.0:
                del means[metric]
            else:
                means[metric] /= share
    return means


class Watch:
    """The guard rules of a run with what they remember."""

    def __init__(self, session: Session, remembered: Mapping[str, Any]):
        self.rules = make_rules(session.config)
        self.memory: dict[str, Any] = dict(remembered)

    def __call__(self, metrics: Mapping[str, float]) -> Sequence[guards.Verdict]:
        """Shows metrics to every rule."""
        self.memory, verdicts = guards.evaluate(self.rules, self.memory, metrics)
        return verdicts
