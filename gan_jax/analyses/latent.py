"""Commands about the latent space: arithmetic, truncation, styles, directions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import analysis, prng
from gan_jax.analyses import common
from gan_jax.analyses.styled import (
    Styles,
    check_space,
    halves_of,
    in_all,
    layers_in,
    need_styles,
)
from gan_jax.config import choose
from gan_jax.errors import UserError
from gan_jax.trained import Trained, open_run
from gan_jax.types import Array


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
    label = common.first_class(run, label)
    make = common.of_class(run, label)
    latents = [common.latents_of_seeds(run, group, label) for group in groups]
    means, result = analysis.latent_arithmetic(*latents)
    left = []
    for group, mean in zip(latents, means, strict=True):
        operands = common.rows(common.shaped(make, group[None]))
        middle = common.rows(common.shaped(make, mean[None, None]))
        left.append(common.beside(operands, middle))
    near = analysis.around(result, jax.random.key(seed), 9, noise)
    order = np.array([1, 2, 3, 4, 0, 5, 6, 7, 8])  # the result in the middle
    right = common.rows(common.shaped(make, near[order].reshape(3, 3, -1)))
    return common.save(path, common.beside(common.stacked(*left, gap=0), right, gap=30))


def truncation(
    workdir: str,
    output: str,
    *,
    seed: int = 0,
    step: int | None = None,
    thresholds: str = "0.25,0.5,1,2",
    psi: str = "",
    layers: str = "",
    n: int = 10,
    standing: int | None = None,
    label: int | None = None,
) -> str:
    """The same latents at several truncations, a row each. The last row is not truncated;
    of styles it is their mean.

    Args:
        workdir: of the run.
        output: PNG to write.
        seed: of the latents.
        step: of the checkpoint; None: the newest.
        thresholds: of latents, in standard deviations.
        psi: numbers such as 1,0.7,0.5: styles are truncated and not latents, around the
            running mean of w (1812.04948, appendix B).
        layers: whose styles are truncated, such as 0-3 or coarse; empty for all.
        n: images in a row.
        standing: batches whose statistics, at a row's own truncation, take the place of the
            running ones; see `open_run`.
        label: class; None: classes take turns.

    Returns:
        The path written.

    Raises:
        UserError: a flag is out of range, there is no such run, its latents are not
            normal, or its generator has no styles.
    """
    path, levels = common.png_path(output), _positive("thresholds", thresholds)
    common.at_least(1, n=n)
    pulls = _finite("psi", psi) if psi else []
    if layers and not pulls:
        raise UserError(f"--layers={layers} is of styles: give --psi too, such as 1,0.5")
    if pulls and standing is not None:
        raise UserError("--standing is of --thresholds; leave it out with --psi")
    run = common.open_pictures(workdir, step)
    labels = common.labels_of(run, n, common.check_label(run, label))
    if pulls:
        latents = run.latents(jax.random.key(seed), n, labels)
        return common.save(path, common.rows(_pulled(run, latents, labels, pulls, layers)))
    if run.config.recipe.prior != "normal":
        raise UserError(
            "truncation is of normal latents; the run's recipe.prior is "
            f"{run.config.recipe.prior!r}"
        )
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


def _pulled(
    run: Trained, latents: Array, labels: Array | None, pulls: list[float], layers: str
) -> Array:
    """Images (psi, n, H, W, C) of styles at every psi, and at last of their mean."""
    styles = need_styles(run)
    chosen = _layers(styles, layers)
    ws, mean = styles.mapping(run.state, latents, labels), styles.mean(run.state)
    lines = [
        styles.synthesis(run.state, analysis.truncated_styles(ws, mean, pull, chosen))
        for pull in (pulls if pulls[-1] == 0.0 else [*pulls, 0.0])
    ]
    return jnp.stack(lines)


def _layers(styles: Styles, text: str) -> list[int]:
    """Layers of a flag, all if it is empty."""
    return layers_in(text, styles.layers) if text else list(range(styles.layers))


def _positive(flag: str, text: str) -> list[float]:
    values = _finite(flag, text, "positive numbers such as 0.5,1")
    if min(values) <= 0.0:
        raise UserError(f"--{flag}={text}: expected positive numbers such as 0.5,1")
    return values


def _finite(flag: str, text: str, what: str = "numbers such as 1,0.5") -> list[float]:
    try:
        values = [float(word) for word in text.split(",") if word.strip()]
    except ValueError:
        values = []
    if not values or not np.isfinite(values).all():
        raise UserError(f"--{flag}={text}: expected {what}")
    return values


def mix(
    workdir: str,
    output: str,
    *,
    step: int | None = None,
    truncation: float | None = None,
    sources: str = "0,1,2",
    others: str = "3,4,5,6",
    layers: str = "coarse",
    psi: float = 1.0,
    label: int | None = None,
) -> str:
    """Images of the sources (left) with some layers' styles of the others (above), for a
    run whose generator has styles (1812.04948, figure 3).

    Args:
        workdir: of the run.
        output: PNG to write.
        step: of the checkpoint; None: the newest.
        truncation: see `open_run`.
        sources: seeds of the rows.
        others: seeds of the columns.
        layers: whose styles are taken from the columns: such as 0-3,6, or coarse, middle or
            fine; see `analysis.layer_parts`.
        psi: of all styles, see `analysis.truncated_styles`.
        label: class, the first if None.

    Returns:
        The path written.

    Raises:
        UserError: a flag is out of range, there is no such run, or it has no styles.
    """
    path = common.png_path(output)
    seeds = [common.numbers(*pair) for pair in (("sources", sources), ("others", others))]
    (pull,) = _finite("psi", str(psi))
    run = common.open_pictures(workdir, step, truncation)
    styles, label = need_styles(run), common.first_class(run, label)
    chosen = layers_in(layers, styles.layers)
    mean = styles.mean(run.state)

    def mapping(latents: Array) -> Array:
        labels = common.labels_of(run, len(latents), label)
        ws = styles.mapping(run.state, latents, labels)
        return analysis.truncated_styles(ws, mean, pull)

    rows, columns = (common.latents_of_seeds(run, group, label) for group in seeds)
    synthesis = partial(styles.synthesis, run.state)
    images = analysis.style_mixing(mapping, synthesis, rows, columns, chosen)
    return common.save(path, common.rows(images))


def directions(
    workdir: str,
    output: str,
    *,
    seed: int = 0,
    step: int | None = None,
    truncation: float | None = None,
    space: str = "z",
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
        space: "z", or "w" of a generator with styles: there the layers are the affine maps
            from w to their styles.
        k: number of directions.
        distance: the farthest that a row goes, to both sides.
        steps: images in a row, odd.
        layers: in z names of the layers that take the latent in, commas between; in w
            layers such as 0-3,6 or coarse, which alone move along the directions. All if
            empty.
        label: class, the first if None.

    Returns:
        The layers used and their strengths, and the path written.

    Raises:
        UserError: a flag is out of range, or there is no such run or layer.
    """
    path = common.png_path(output)
    common.at_least(1, k=k, steps=steps)
    check_space(space, "z", "w")
    if steps % 2 == 0 or not distance > 0.0:
        raise UserError(
            f"--steps must be odd and --distance positive, got {steps} and {distance}"
        )
    run = common.open_pictures(workdir, step, truncation)
    label = common.first_class(run, label)
    two = run.latents(jax.random.key(seed), 2, common.labels_of(run, 2, label))
    look = _affine_in_z if space == "z" else _affine_in_w
    two, kernels, make = look(run, two, label, layers)
    if k > two.shape[1]:
        raise UserError(f"--k={k}: the latent has {two.shape[1]} dimensions")
    found = analysis.sefa(kernels, k)
    reach = np.linspace(-distance, distance, steps)
    lines = [analysis.along(two[0], axis, reach) for axis in found.directions]
    written = common.save(path, common.rows(common.shaped(make, jnp.stack(lines))))
    strengths = ", ".join(f"{value:.3g}" for value in found.strengths)
    return f"layers {', '.join(kernels)}\nstrengths {strengths}\n{written}"


_Affine = tuple[Array, dict[str, np.ndarray], Callable[[Array], Array]]
"""Two latents, the kernels of the layers that take latents in, and images of latents."""


def _affine_in_z(run: Trained, two: Array, label: int | None, layers: str) -> _Affine:
    labels = common.labels_of(run, 1, label)
    try:
        kernels = analysis.latent_kernels(lambda z: run.generate(z, labels), two)
    except ValueError as error:
        raise UserError(f"{error}; if it has styles, give --space=w") from None
    chosen = [name for name in layers.split(",") if name] or list(kernels)
    found = {name: choose("latent layer", name, kernels) for name in chosen}
    return two, found, common.of_class(run, label)


def _affine_in_w(run: Trained, two: Array, label: int | None, layers: str) -> _Affine:
    styles, synthesis = need_styles(run), halves_of(run).synthesis
    chosen = _layers(styles, layers)
    ws = styles.mapping(run.state, two, common.labels_of(run, 2, label))[:, 0]
    base = in_all(ws[:1], styles.layers)

    def moved(w: Array) -> Array:
        return analysis.in_layers(base, w[:, None], chosen)

    # Layers of which w is not moved depend on it by no slope, and are not found.
    kernels = analysis.latent_kernels(lambda w: synthesis(moved(w), train=False), ws)
    return ws, kernels, lambda w: styles.synthesis(run.state, moved(w))
