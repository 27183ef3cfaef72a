"""Commands about the latent space: walks, arithmetic, truncation, styles, directions."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import analysis, pictures, prng
from gan_jax.analyses import common
from gan_jax.config import choose
from gan_jax.errors import UserError
from gan_jax.interpolation import lerp, slerp
from gan_jax.trained import Trained, open_run
from gan_jax.types import Array

_BETWEEN = {"lerp": lerp, "slerp": slerp}
_GIF_SIDE = 128


def walk(
    workdir: str,
    output: str,
    *,
    step: int | None = None,
    truncation: float | None = None,
    seeds: str = "0,1,2,3,4",
    steps: int = 9,
    between: str = "slerp",
    label: int | None = None,
) -> str:
    """Walks from seed to seed and back to the first: a row of pictures for each way, and
    a GIF that never ends beside them.

    Args:
        workdir: of the run.
        output: PNG to write; the GIF has the same name.
        step: of the checkpoint; None: the newest.
        truncation: see `open_run`.
        seeds: the stops.
        steps: pictures on each way, both ends among them.
        between: "slerp" or "lerp".
        label: class, the first if None.

    Returns:
        The paths written, a line each.

    Raises:
        UserError: a flag is out of range, or there is no such run.
    """
    stops, path = common.numbers("seeds", seeds, least=2), common.png_path(output)
    common.at_least(2, steps=steps)
    interpolate = choose("way between latents", between, _BETWEEN)
    run = common.open_pictures(workdir, step, truncation)
    label = _first_class(run.data.num_classes, common.check_label(run, label))
    latents = common.latents_of_seeds(run, stops, label)
    ways = analysis.latent_walk(latents, steps, between=interpolate, closed=True)
    images = _images(run, ways, label)
    gif = path.with_suffix(".gif")
    written = common.save(path, common.rows(images))
    # Each way ends where the next begins.
    frames = pictures.to_pixels(images[:, :-1]).reshape(-1, *images.shape[2:])
    factor = max(1, _GIF_SIDE // frames.shape[1])
    try:
        analysis.save_gif(gif, list(analysis.enlarged(frames, factor)), milliseconds=80)
    except OSError as error:
        raise UserError(f"cannot write {gif}: {error.strerror}") from error
    return f"{written}\n{gif}"


def _first_class(classes: int | None, label: int | None) -> int | None:
    return 0 if label is None and classes is not None else label


def _images(run: Trained, latents: Array, label: int | None) -> np.ndarray:
    """Images (..., H, W, C) of latents (..., Z), all of one class."""
    flat = latents.reshape(-1, latents.shape[-1])
    made = common.generator(run)(flat, common.labels_of(run, len(flat), label))
    return np.asarray(made).reshape(*latents.shape[:-1], *made.shape[1:])


def arithmetic(
    workdir: str,
    output: str,
    *,
    seed: int = 0,
    step: int | None = None,
    truncation: float | None = None,
    a: str = "0,1,2",
    b: str = "3,4,5",
    c: str = "6,7,8",
    noise: float = 0.25,
    label: int | None = None,
) -> str:
    """A - B + C of means of latents (1511.06434, figure 7). On the left a row for each of
    A, B and C: its operands, then the image of their mean. On the right the result in the
    middle of eight that have noise added.

    Args:
        workdir: of the run.
        output: PNG to write.
        seed: of the noise.
        step: of the checkpoint; None: the newest.
        truncation: see `open_run`.
        a: seeds whose latents are averaged.
        b: the same, subtracted.
        c: the same, added.
        noise: the largest noise around the result.
        label: class, the first if None.

    Returns:
        The path written.

    Raises:
        UserError: a flag is out of range, or there is no such run.
    """
    groups = [common.numbers(n, s) for n, s in (("a", a), ("b", b), ("c", c))]
    path = common.png_path(output)
    if noise < 0.0:
        raise UserError(f"--noise must not be negative, got {noise}")
    run = common.open_pictures(workdir, step, truncation)
    label = _first_class(run.data.num_classes, common.check_label(run, label))
    latents = [common.latents_of_seeds(run, group, label) for group in groups]
    means, result = analysis.latent_arithmetic(*latents)
    left = []
    for group, mean in zip(latents, means, strict=True):
        operands = common.rows(_images(run, group, label)[None])
        left.append(
            common.beside(operands, common.rows(_images(run, mean[None, None], label)))
        )
    near = analysis.around(result, jax.random.key(seed), 9, noise)
    order = np.array([1, 2, 3, 4, 0, 5, 6, 7, 8])  # the result in the middle
    right = common.rows(_images(run, near[order].reshape(3, 3, -1), label))
    return common.save(path, common.beside(common.stacked(*left, gap=0), right, gap=30))


def truncation(
    workdir: str,
    output: str,
    *,
    seed: int = 0,
    step: int | None = None,
    thresholds: str = "0.25,0.5,1,2",
    n: int = 10,
    standing: int | None = None,
    label: int | None = None,
) -> str:
    """The same latents at several truncations, a row each, the last one not truncated.

    Args:
        workdir: of the run.
        output: PNG to write.
        seed: of the latents.
        step: of the checkpoint; None: the newest.
        thresholds: in standard deviations.
        n: images in a row.
        standing: batches whose statistics, at a row's own truncation, take the place of the
            running ones; see `open_run`.
        label: class; None: classes take turns.

    Returns:
        The path written.

    Raises:
        UserError: a flag is out of range, there is no such run, or its latents are not
            normal.
    """
    path, levels = common.png_path(output), _positive("thresholds", thresholds)
    common.at_least(1, n=n)
    run = common.open_pictures(workdir, step)
    common.check_label(run, label)
    if run.config.recipe.prior != "normal":
        raise UserError(
            "truncation is of normal latents; the run's recipe.prior is "
            f"{run.config.recipe.prior!r}"
        )
    labels = common.labels_of(run, n, label)
    # As the game's own sampling draws them.
    keys = prng.stream(prng.per_example(jax.random.key(seed), n), "latent")
    dim = run.latents(jax.random.key(seed), n, labels).shape[1]
    latents = analysis.truncated_latents(keys, n, dim, [*levels, float("inf")])
    make, lines = common.generator(run), []
    for z, threshold in zip(latents, [*levels, None], strict=True):
        if standing is not None:
            own = open_run(workdir, step=step, truncation=threshold, standing=standing)
            make = common.generator(own)
        lines.append(make(z, labels))
    return common.save(path, common.rows(jnp.stack(lines)))


def _positive(flag: str, text: str) -> list[float]:
    try:
        values = [float(word) for word in text.split(",") if word.strip()]
    except ValueError:
        values = []
    if not values or min(values) <= 0.0:
        raise UserError(f"--{flag}={text}: expected positive numbers such as 0.5,1")
    return values


def mix(
    workdir: str,
    output: str,
    *,
    step: int | None = None,
    truncation: float | None = None,
    sources: str = "0,1,2",
    others: str = "3,4,5,6",
    layers: str = "0,1,2,3",
    label: int | None = None,
) -> str:
    """Images of the sources (left) with some layers' styles of the others (above), for a
    run whose generator is a net "mapping", latents to styles (n, layers, W), and a net
    "synthesis", styles to images.

    Args:
        workdir: of the run.
        output: PNG to write.
        step: of the checkpoint; None: the newest.
        truncation: see `open_run`.
        sources: seeds of the rows.
        others: seeds of the columns.
        layers: whose styles are taken from the columns.
        label: class, the first if None.

    Returns:
        The path written.

    Raises:
        UserError: a flag is out of range, there is no such run, or it has no styles.
    """
    path, chosen = common.png_path(output), common.numbers("layers", layers)
    seeds = [common.numbers(*pair) for pair in (("sources", sources), ("others", others))]
    run = common.open_pictures(workdir, step, truncation)
    if not {"mapping", "synthesis"} <= set(run.game.nets):
        raise UserError(
            f"{workdir} has no styles to mix: its nets are {', '.join(run.game.nets)}, and "
            "style mixing needs 'mapping' and 'synthesis'"
        )
    label = _first_class(run.data.num_classes, common.check_label(run, label))
    mapping, synthesis = run.view("mapping"), run.view("synthesis")

    def styles(latents: Array) -> Array:
        labels = common.labels_of(run, len(latents), label)
        inputs = (latents,) if labels is None else (latents, labels)
        return mapping(*inputs, train=False)

    rows, columns = (common.latents_of_seeds(run, group, label) for group in seeds)
    draw = jax.jit(partial(synthesis, train=False))
    try:
        images = analysis.style_mixing(styles, draw, rows, columns, chosen)
    except ValueError as error:
        raise UserError(f"--layers={layers}: {error}") from None
    return common.save(path, common.rows(images))


def directions(
    workdir: str,
    output: str,
    *,
    seed: int = 0,
    step: int | None = None,
    truncation: float | None = None,
    k: int = 6,
    distance: float = 4.0,
    steps: int = 9,
    layers: str = "",
    label: int | None = None,
) -> str:
    """Images along the strongest directions of the latent space (SeFa, 2007.06600), a row
    each, the latent itself in the middle.

    Args:
        workdir: of the run.
        output: PNG to write.
        seed: of the latent.
        step: of the checkpoint; None: the newest.
        truncation: see `open_run`.
        k: number of directions.
        distance: the farthest that a row goes, to both sides.
        steps: images in a row, odd.
        layers: names of the layers that take the latent in, commas between; all if empty.
        label: class, the first if None.

    Returns:
        The layers used and their strengths, and the path written.

    Raises:
        UserError: a flag is out of range, or there is no such run or layer.
    """
    path = common.png_path(output)
    common.at_least(1, k=k, steps=steps)
    if steps % 2 == 0 or not distance > 0.0:
        raise UserError(
            f"--steps must be odd and --distance positive, got {steps} and {distance}"
        )
    run = common.open_pictures(workdir, step, truncation)
    label = _first_class(run.data.num_classes, common.check_label(run, label))
    labels = common.labels_of(run, 1, label)
    two = run.latents(jax.random.key(seed), 2, common.labels_of(run, 2, label))
    if k > two.shape[1]:
        raise UserError(f"--k={k}: the latent has {two.shape[1]} dimensions")
    kernels = analysis.latent_kernels(lambda z: run.generate(z, labels), two)
    chosen = [name for name in layers.split(",") if name] or list(kernels)
    found = analysis.sefa({n: choose("latent layer", n, kernels) for n in chosen}, k)
    reach = np.linspace(-distance, distance, steps)
    lines = [analysis.along(two[0], axis, reach) for axis in found.directions]
    written = common.save(path, common.rows(_images(run, jnp.stack(lines), label)))
    strengths = ", ".join(f"{value:.3g}" for value in found.strengths)
    return f"layers {', '.join(chosen)}\nstrengths {strengths}\n{written}"
