"""The command that finds the latent of an image."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import analysis
from gan_jax.analyses import common
from gan_jax.analyses.sources import read_target
from gan_jax.analyses.styled import check_space, halves_of, in_all, need_styles
from gan_jax.errors import UserError
from gan_jax.metrics.perceptual import squeezenet_distance
from gan_jax.numerics import to_unit
from gan_jax.trained import Trained
from gan_jax.types import Array, Key, PyTree

_SHOWN = 80
"""Pixels that images beside a plot have at least about."""
_BEST = 6
_MAPPED, _AT_A_TIME = 10_000, 1_000
_DISCRIMINATOR, _SQUEEZENET = "discriminator", "squeezenet"


def project(
    workdir: str,
    output: str,
    *,
    seed: int = 0,
    step: int | None = None,
    truncation: float | None = None,
    image: str = "",
    index: int = 0,
    split: str | None = None,
    label: int | None = None,
    space: str = "z",
    starts: int = 20,
    steps: int = 300,
    rate: float = 0.1,
    perceptual: float = 1.0,
    network: str = _DISCRIMINATOR,
) -> str:
    """The latent whose image is nearest to a given one. Above: the image, the best found,
    and the best of five more starts; below: the distances on the way.

    Args:
        workdir: of the run.
        output: PNG to write.
        seed: of the starts and the noise.
        step: of the checkpoint; None: the newest.
        truncation: see `open_run`.
        image: file of the image; empty: a real one of the run's data.
        index: of the real image.
        split: of the data that it is from; None: that of training.
        label: class; None: starts are of all classes in turn, and the best wins.
        space: "z"; of a generator with styles also "w", or "w+", a style for each layer.
            In these all searches begin at the mean of w, of their class, and the noise that
            the generator keeps is searched too (1912.04958, appendix D).
        starts: searches side by side.
        steps: of each search.
        rate: learning rate of Adam.
        perceptual: weight of a distance in a network's feature maps, beside the mean square
            of pixels; 0 for pixels alone.
        network: of that distance: "discriminator", the run's own, or "squeezenet", which
            has seen ImageNet.

    Returns:
        Losses and, where there are classes, labels of the best, and the path written.

    Raises:
        UserError: a flag is out of range, there is no such run or image, or the run has no
            styles.
    """
    path = common.png_path(output)
    common.at_least(2, steps=steps)
    common.at_least(1, starts=starts)
    common.at_least(0, index=index)
    if not rate > 0.0 or perceptual < 0.0:
        raise UserError(
            f"--rate must be positive and --perceptual not negative, got {rate} and "
            f"{perceptual}"
        )
    check_space(space, "z", "w", "w+")
    run = common.open_pictures(workdir, step, truncation)
    common.check_label(run, label)
    distance = _distance(run, perceptual, network)
    target = read_target(run, image) if image else _real(run, index, split)
    labels, key = common.labels_of(run, starts, label), jax.random.key(seed)
    search = _in_latents if space == "z" else partial(_in_styles, wide=space == "w+")
    begin = search(run, key, starts, labels)
    found = analysis.project(
        begin.generate,
        target,
        begin.starts,
        distance,
        jax.random.fold_in(key, 1),
        steps=steps,
        learning_rate=rate,
        spread=begin.spread,
        planes=begin.planes,
    )
    rows = found.order[:_BEST]
    images = begin.again(rows, found)
    shown = np.concatenate([np.asarray(target)[None], np.asarray(images)])[None]
    factor = max(1, _SHOWN // shown.shape[2])
    picture = common.stacked(
        analysis.enlarged(common.rows(shown), factor), _losses(found.history)
    )
    said = f"losses {', '.join(f'{value:.4g}' for value in found.losses[:_BEST])}"
    if labels is not None:
        said += f"\nlabels {', '.join(str(int(value)) for value in labels[rows])}"
    return f"{said}\n{common.save(path, picture)}"


class _Begin(NamedTuple):
    """What is searched.

    Attributes:
        generate: as of `analysis.project`.
        starts: likewise.
        again: `(searches' numbers, what was found) -> images` of the first ones of it.
        spread: likewise.
        planes: likewise.
    """

    generate: Callable[..., Array]
    starts: Array
    again: Callable[[Array, analysis.Projection], Array]
    spread: float | None = None
    planes: PyTree = None


def _in_latents(run: Trained, key: Key, n: int, labels: Array | None) -> _Begin:
    def again(rows: Array, found: analysis.Projection) -> Array:
        own = None if labels is None else labels[rows]
        return common.generator(run)(found.latents[: len(rows)], own)

    return _Begin(lambda z: run.generate(z, labels), run.latents(key, n, labels), again)


def _in_styles(
    run: Trained, key: Key, n: int, labels: Array | None, *, wide: bool
) -> _Begin:
    """A search for w, or with `wide` for the styles of all layers."""
    styles, synthesis = need_styles(run), halves_of(run).synthesis
    ws, groups = _mapped(run, jax.random.fold_in(key, 2), labels)
    centres, spread = analysis.style_centres(ws, groups)
    own = np.zeros(n, np.int32) if labels is None else np.asarray(labels)
    # With one class its mean is the only one.
    begin = jnp.asarray(centres[own % len(centres)])
    kept = synthesis.stats.get("noise", {})

    def one(w: Array, planes: PyTree) -> Array:
        stats: dict[str, Any] = {**synthesis.stats, "noise": planes}
        images, _ = synthesis.with_stats(w[None], train=False, stats=stats)
        return images[0]

    def generate(w: Array, planes: PyTree) -> Array:
        return jax.vmap(one)(in_all(w, styles.layers), planes)

    def again(rows: Array, found: analysis.Projection) -> Array:
        planes = jax.tree.map(lambda plane: plane[: len(rows)], found.planes)
        return jax.jit(generate)(found.latents[: len(rows)], planes)

    return _Begin(
        generate,
        in_all(begin, styles.layers) if wide else begin,
        again,
        spread,
        jax.tree.map(lambda plane: jnp.broadcast_to(plane, (n, *plane.shape)), kept),
    )


def _mapped(run: Trained, key: Key, labels: Array | None) -> tuple[np.ndarray, np.ndarray]:
    """Mapped latents, w as float32 (n, W), and their groups: the classes, where the labels
    are of several.
    """
    styles, parts = need_styles(run), []
    classes = set() if labels is None else set(np.asarray(labels).tolist())
    label = classes.pop() if len(classes) == 1 else None
    given = common.labels_of(run, _MAPPED, label)
    for part, own in enumerate(jax.random.split(key, _MAPPED // _AT_A_TIME)):
        some = slice(part * _AT_A_TIME, (part + 1) * _AT_A_TIME)
        wanted = None if given is None else given[some]
        latents = run.latents(own, _AT_A_TIME, wanted)
        parts.append(np.asarray(styles.mapping(run.state, latents, wanted)[:, 0]))
    one = given is None or label is not None
    groups = np.zeros(_MAPPED, np.int32) if one else np.asarray(given)
    return np.concatenate(parts), groups


def _losses(history: Array) -> np.ndarray:
    """A plot of the least distances on the way (steps, n)."""
    least = np.minimum.accumulate(np.asarray(history, np.float64), axis=0)
    at = np.arange(1, len(least) + 1, dtype=np.float64)
    return analysis.curves(
        {
            "best start": analysis.Curve(at, np.log10(least[:, 0])),
            "median start": analysis.Curve(at, np.log10(np.median(least, axis=1))),
        },
        x_label="steps",
        y_label="log10 of the least loss so far",
    )


def _real(run: Trained, index: int, split: str | None) -> Array:
    """A real image of the run's data, float32 (H, W, C) in [-1, 1]."""
    images, _ = run.real_images(index + 1, split)
    if index >= len(images):
        raise UserError(f"--index={index}: there are {len(images)} images")
    return to_unit(jnp.asarray(images[index]))


def _distance(run: Trained, weight: float, network: str) -> analysis.Distance:
    """Mean squares of pixels, and a weight times a distance in feature maps.

    Raises:
        UserError: there is no such network, or it has no colours as the run's images.
    """
    if network not in (_DISCRIMINATOR, _SQUEEZENET):
        raise UserError(f"--network={network}: expected {_DISCRIMINATOR} or {_SQUEEZENET}")
    channels = run.data.image_shape[2]
    if network == _SQUEEZENET and channels not in (1, 3):
        raise UserError(
            f"--network={network} sees images of 1 or 3 channels, not of {channels}"
        )
    features = _own_features(run) if network == _DISCRIMINATOR else _packaged_features()

    def distance(images: Array, target: Array) -> Array:
        pixels = analysis.pixel_distance(images, target)
        return pixels if weight == 0.0 else pixels + weight * features(images, target)

    return distance


def _own_features(run: Trained) -> analysis.Distance:
    """Distances in the feature maps of the run's discriminator."""
    # One class for all: some discriminators' feature maps know their labels.
    labels = common.labels_of(run, 1, 0)
    inputs = () if labels is None else (labels,)
    return analysis.layer_distance(
        lambda image: run.discriminator(image, *inputs, train=False)
    )


def _packaged_features() -> analysis.Distance:
    """Distances in SqueezeNet's feature maps."""
    found = squeezenet_distance().distance
    return lambda images, target: found(images, target[None])
