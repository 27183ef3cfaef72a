"""The command that makes a generator forget (1511.06434, section 6.3.2)."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np

from gan_jax import analysis, pictures
from gan_jax.analyses import common
from gan_jax.analyses.sources import open_net
from gan_jax.config import choose
from gan_jax.errors import UserError
from gan_jax.trained import Trained
from gan_jax.types import Array

Maps = Callable[[Array, Array | None], dict[str, Array]]
"""`(latents, labels) -> {layer: feature maps (n, h, w, C)}`."""


def ablate(
    workdir: str,
    output: str,
    *,
    seed: int = 0,
    step: int | None = None,
    truncation: float | None = None,
    layer: str = "",
    label: int = 0,
    box: str = "",
    most: int | None = None,
    features: str = "",
    n: int = 10,
    samples: int = 500,
) -> str:
    """Forgets to draw a class, or what is in a box: a logistic regression tells which
    channels of a layer fire for it, and these are put to 0. Rows in pairs, before and
    after: samples of the class, then samples of the others; or, with a box, any samples.

    Args:
        workdir: of the run.
        output: PNG to write.
        seed: of the latents.
        step: of the checkpoint; None: the newest.
        truncation: see `open_run`.
        layer: of the generator; empty for its last feature map before the image.
        label: the class; activations are averaged over places.
        box: "top,left,bottom,right" in pixels, in place of a class: activations are those
            of places, inside or outside, as in the paper.
        most: the most channels to drop, those of the largest weights; None: all positive.
        features: a feature net whose classes count; empty: the labels the run samples by.
        n: images in a row.
        samples: that the regression is fitted to, and tested on a fourth of.

    Returns:
        The regression's accuracy, the channels dropped, and the path written.

    Raises:
        UserError: a flag is out of range, there is no such run or layer, or the class never
            occurs.
    """
    path = common.png_path(output)
    common.at_least(1, n=n)
    common.at_least(8, samples=samples)
    run = common.open_pictures(workdir, step, truncation)
    corners = _corners(box, run.data.image_shape) if box else None
    net = open_net(features) if features else None
    if net is None and corners is None:
        common.conditional(run)
        common.check_label(run, label)
    labels = common.labels_of(run, samples)
    latents = run.latents(jax.random.key(seed), samples, labels)
    maps, layer = _maps(run, layer, latents, labels)
    images = np.asarray(common.generator(run)(latents, labels))
    activations = np.asarray(jax.jit(lambda z, y: maps(z, y)[layer])(latents, labels))
    if corners is not None:
        present = np.ones(samples, bool)
        inside = _inside(corners, run.data.image_shape, activations.shape)
        rows, answers = _placed(activations, inside, seed, box)
    else:
        present = np.asarray(labels) == label
        if net is not None:
            present = net.logits(pictures.to_pixels(images)).argmax(axis=1) == label
        rows, answers = activations.mean(axis=(1, 2)), present
    try:
        fit = analysis.attribute_channels(rows, answers)
    except ValueError as error:
        raise UserError(f"--label={label}: {error}") from None
    dropped = fit.channels(most)
    change = {layer: analysis.without_channels(dropped)}
    without = jax.jit(analysis.with_changes(run.generate, change))
    parts = []
    for kind in (np.flatnonzero(present)[:n], np.flatnonzero(~present)[:n]):
        if len(kind):
            after = without(latents[kind], None if labels is None else labels[kind])
            parts.append(common.rows(np.stack([images[kind], np.asarray(after)])))
    written = common.save(path, common.stacked(*parts))
    return (
        f"{layer}: {len(dropped)} of {len(fit.weights)} channels dropped; the regression is"
        f" right for {fit.accuracy:.1%} of what was held out (always the same answer: "
        f"{fit.baseline:.1%})\n{written}"
    )


def _maps(
    run: Trained, layer: str, latents: Array, labels: Array | None
) -> tuple[Maps, str]:
    """The generator's feature maps but the image, and the layer: the last if not named.

    Raises:
        UserError: there is no such layer.
    """

    def maps(z: Array, y: Array | None) -> dict[str, Array]:
        images, seen = analysis.record(run.generate, z, y)
        return {
            name: x
            for name, x in seen.items()
            if isinstance(x, jax.Array) and x.ndim == 4 and x.shape[1:] != images.shape[1:]
        }

    one = None if labels is None else labels[:1]
    known = jax.eval_shape(maps, latents[:1], one)
    if not known:
        raise UserError("this generator has no feature maps to drop channels of")
    if layer:
        choose("layer of the generator", layer, known)
    return maps, layer or list(known)[-1]


def _corners(box: str, shape: tuple[int, ...]) -> list[int]:
    """Top, left, bottom and right of a box within an image.

    Raises:
        UserError: it is not one.
    """
    corners = common.numbers("box", box, least=4)
    top, left, bottom, right = corners[:4]
    if len(corners) != 4 or not (
        0 <= top < bottom <= shape[0] and 0 <= left < right <= shape[1]
    ):
        raise UserError(
            f"--box={box}: expected top,left,bottom,right within {shape[0]} x {shape[1]}"
        )
    return corners


def _placed(
    activations: np.ndarray, inside: np.ndarray, seed: int, box: str
) -> tuple[np.ndarray, np.ndarray]:
    try:
        return analysis.placed(activations, inside, seed)
    except ValueError as error:
        raise UserError(f"--box={box}: {error}") from None


def _inside(
    corners: list[int], image: tuple[int, ...], maps: tuple[int, ...]
) -> np.ndarray:
    """Places of feature maps (n, h, w, C) whose centres are in the box, bool (n, h, w)."""
    top, left, bottom, right = corners
    rows = (np.arange(maps[1]) + 0.5) * image[0] / maps[1]
    columns = (np.arange(maps[2]) + 0.5) * image[1] / maps[2]
    high = (top <= rows) & (rows < bottom)
    wide = (left <= columns) & (columns < right)
    return np.broadcast_to(high[:, None] & wide[None], maps[:3])
