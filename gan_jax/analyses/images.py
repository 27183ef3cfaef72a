"""Commands that hold generated images against real ones."""

from __future__ import annotations

from json import dumps

import jax
import numpy as np

from gan_jax import analysis
from gan_jax.analyses import common
from gan_jax.analyses.sources import PIXELS, check_features, features_of, held_out
from gan_jax.errors import UserError
from gan_jax.metrics.discriminator_features import discriminator_features
from gan_jax.metrics.probes import svm_probe

_STRENGTHS = (1e-4, 1e-3, 1e-2)
"""Of the L2-SVM on thousands of features; larger ones take minutes and read out less."""


def neighbours(
    workdir: str,
    output: str,
    *,
    seed: int = 0,
    step: int | None = None,
    truncation: float | None = None,
    n: int = 8,
    k: int = 5,
    features: str = PIXELS,
    split: str | None = None,
    references: int = 50_000,
) -> str:
    """Samples, and beside each the training images nearest to it: first in a feature net,
    then in pixels. Below them the same of held-out real images, which the generator cannot
    have learnt by heart: samples that are much nearer than these are copies.

    Args:
        workdir: of the run.
        output: PNG to write.
        seed: of the samples.
        step: of the checkpoint; None: the newest.
        truncation: see `open_run`.
        n: samples, and as many held-out images.
        k: neighbours of each.
        features: a feature net; "pixels" for pixels only.
        split: of the held-out images; None for "test" of built-in data, none of other.
        references: the most training images that are compared with.

    Returns:
        The median distance to the nearest of samples and of held-out images, and the path
        written.

    Raises:
        UserError: a flag is out of range, or there is no such run, net or split.
    """
    path = common.png_path(output)
    common.at_least(1, n=n, k=k, references=references)
    run = common.open_pictures(workdir, step, truncation)
    check_features(features)
    training, _ = run.real_images(references)
    if k > len(training):
        raise UserError(f"--k={k}: there are {len(training)} training images")
    groups = {"samples": common.samples(run, jax.random.key(seed), n)[0]}
    controls = held_out(run, n, split)
    if controls is not None:
        groups["held-out images"] = controls[0]
    spaces = [features] if features == PIXELS else [features, PIXELS]
    lines, pictures = [], {name: [common.rows(q[:, None])] for name, q in groups.items()}
    for space in spaces:
        known = features_of(training, space)
        for name, queries in groups.items():
            found = analysis.nearest(features_of(queries, space), known, k)
            pictures[name].append(common.rows(training[found.index]))
            middle = float(np.median(found.distance[:, 0]))
            lines.append(f"{name}: median distance to the nearest in {space} {middle:.4g}")
    picture = common.stacked(*(common.beside(*parts) for parts in pictures.values()))
    return "\n".join([*lines, common.save(path, picture)])


def spectrum(
    workdir: str,
    output: str,
    *,
    seed: int = 0,
    step: int | None = None,
    truncation: float | None = None,
    n: int = 1000,
) -> str:
    """Power spectra of real and generated images: means over images of the azimuthal
    average in decades, with one standard deviation to both sides.

    Args:
        workdir: of the run.
        output: PNG to write.
        seed: of the samples.
        step: of the checkpoint; None: the newest.
        truncation: see `open_run`.
        n: images of each kind.

    Returns:
        The largest difference of the two means, its frequency, and the path written.

    Raises:
        UserError: a flag is out of range, or there is no such run.
    """
    path = common.png_path(output)
    common.at_least(1, n=n)
    run = common.open_pictures(workdir, step, truncation)
    real = analysis.log_spectrum(run.real_images(n)[0])
    fake = analysis.log_spectrum(common.samples(run, jax.random.key(seed), n)[0])
    if len(real.frequency) < 2:
        raise UserError(f"images of {run.data.image_shape} are too small for a spectrum")
    picture = analysis.curves(
        {
            "real": analysis.Curve(real.frequency, real.mean, real.std),
            "generated": analysis.Curve(fake.frequency, fake.mean, fake.std),
        },
        x_label="cycles per image",
        y_label="log10 power, relative to one cycle",
    )
    apart = fake.mean - real.mean
    worst = int(np.abs(apart).argmax())
    said = f"most apart at {real.frequency[worst]:.0f} cycles: {apart[worst]:+.3f} decades"
    return f"{said}\n{common.save(path, picture)}"


def embed(
    workdir: str,
    output: str,
    *,
    seed: int = 0,
    step: int | None = None,
    truncation: float | None = None,
    method: str = "tsne",
    features: str = PIXELS,
    n: int = 500,
    near: int = 30,
) -> str:
    """Features of real and generated images in the plane, coloured by origin, and beside
    that by class where there are classes.

    Args:
        workdir: of the run.
        output: PNG to write.
        seed: of the samples and of the method.
        step: of the checkpoint; None: the newest.
        truncation: see `open_run`.
        method: "tsne" or "umap".
        features: a feature net, or "pixels".
        n: images of each kind.
        near: how many count as near: t-SNE's perplexity, UMAP's neighbours.

    Returns:
        The path written.

    Raises:
        UserError: a flag is out of range, there is no such run or net, or a library is
            missing.
    """
    path = common.png_path(output)
    common.at_least(2, n=n, near=near)
    if method not in analysis.EMBEDDINGS:
        known = " or ".join(analysis.EMBEDDINGS)
        raise UserError(f"--method={method}: expected {known}")
    run = common.open_pictures(workdir, step, truncation)
    check_features(features)
    real, real_labels = run.real_images(n)
    fake, fake_labels = common.samples(run, jax.random.key(seed), n)
    if len(real) + len(fake) <= near:
        raise UserError(f"--near={near} needs more than {len(real) + len(fake)} images")
    rows = features_of(np.concatenate([real, fake]), features)
    places = analysis.embed(rows, method, seed=seed, neighbours=near)
    origin = np.repeat([0, 1], [len(real), len(fake)])
    parts = [analysis.points(places, origin, ["real", "generated"])]
    if real_labels is not None and fake_labels is not None:
        labels = np.concatenate([real_labels, fake_labels])
        names = [str(label) for label in range(common.conditional(run))]
        parts.append(analysis.points(places, labels, names))
    return common.save(path, common.beside(*parts))


def features(
    workdir: str,
    *,
    step: int | None = None,
    n: int = 2000,
    held: int = 1000,
    split: str | None = None,
    json: bool = False,
) -> str:
    """What a linear L2-SVM reads out of the discriminator (1511.06434, section 5.1): its
    activations, pooled by maxima to 4 x 4 grids, side by side.

    Args:
        workdir: of a run on labelled data.
        step: of the checkpoint; None: the newest.
        n: training images.
        held: held-out images.
        split: of these; None for "test" of built-in data.
        json: whether to return JSON.

    Returns:
        The share of held-out images that are classified rightly, and how it was found.

    Raises:
        UserError: a flag is out of range, there is no such run or split, its images have no
            labels, or scikit-learn is missing.
    """
    common.at_least(10, n=n, held=held)
    run = common.open_pictures(workdir, step)
    tested = held_out(run, held, split)
    if tested is None:
        raise UserError("name the split of held-out images with --split")
    images, labels = run.real_images(n)
    if labels is None or tested[1] is None:
        raise UserError(f"{workdir}: the run's images have no labels to be read out")
    labelled = run.data.num_classes is not None
    net = discriminator_features(run.discriminator, labelled=labelled)
    rows = net.features(images)
    probe = svm_probe(
        rows, labels, net.features(tested[0]), tested[1], strengths=_STRENGTHS
    )
    result = {
        "accuracy": probe.accuracy,
        "training_images": len(images),
        "held_out_images": len(tested[0]),
        "features": rows.shape[1],
        "c": probe.chosen,
        "step": run.step,
    }
    if json:
        return dumps(result, indent=2)
    return (
        f"accuracy {probe.accuracy:.4f} on {len(tested[0]):,} held-out images: a linear "
        f"L2-SVM (C = {probe.chosen:g}) on {rows.shape[1]:,} features of {len(images):,} "
        f"training images, step {run.step:,}"
    )
