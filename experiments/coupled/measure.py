"""What is measured of pairs: whether both images show one digit, and whether the second is
the first in the other look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from experiments.coupled.runs import METHODS, Method
from experiments.logs import read_lines, training_minutes
from gan_jax import prng
from gan_jax.data.builtin_source import open_builtin
from gan_jax.data.renderings import edges, inverted
from gan_jax.metrics import classifier
from gan_jax.numerics import to_uint8
from gan_jax.trained import Trained, open_run

SAMPLES, _PASS, _GREY = 2_000, 500, 128

Classify = Callable[[np.ndarray], np.ndarray]
"""`(uint8 (n, 28, 28, 1)) -> classes`, int (n,)."""


class Agreement(NamedTuple):
    """Of pairs of images.

    Attributes:
        classes: share of pairs that show one digit.
        chance: the same of independent images of the same digits.
        pixels: share of pixels on one side of the middle grey in the second image and in
            the first one's rendering.
        others: the same of a second image from another pair.
    """

    classes: float
    chance: float
    pixels: float
    others: float


class Finished(NamedTuple):
    """A run.

    Attributes:
        agreement: of its pairs.
        shown: uint8 (n, 28, 56, 1), the first of them, side by side.
        minutes: that its steps took.
    """

    agreement: Agreement
    shown: np.ndarray
    minutes: float


def classifiers(folder: Path) -> dict[str, Classify]:
    """By look: the project's own for digits and negatives, which are inverted first, and
    one for edges, trained as that one is and kept in a folder.
    """
    recipe, _ = classifier.CLASSIFIERS["mnist"]
    digits = classifier.load_classifier("mnist")

    def data() -> classifier.LabelledImages:
        parts = [open_builtin("mnist_edges", split) for split in ("train", "test")]
        arrays = [part.arrays[key] for part in parts for key in ("image", "label")]
        return classifier.LabelledImages(*arrays)

    path = folder / "edges_classifier.npz"
    outlines = classifier.load_or_train(recipe._replace(name="edges"), data, path)
    return {
        "digits": lambda images: digits.logits(images).argmax(axis=-1),
        "negatives": lambda images: digits.logits(inverted(images)).argmax(axis=-1),
        "edges": lambda images: outlines.logits(images).argmax(axis=-1),
    }


def agreement(
    first: np.ndarray, second: np.ndarray, method: Method, by: Mapping[str, Classify]
) -> Agreement:
    """Of pairs, uint8 (n, 28, 28, 1) of digits and of the other look each."""
    named = by["digits"](first), by[method.look](second)
    shares = [np.bincount(names, minlength=10) / len(names) for names in named]
    rendered, bright = method.render(first) >= _GREY, second >= _GREY
    return Agreement(
        float((named[0] == named[1]).mean()),
        float(shares[0] @ shares[1]),
        float((rendered == bright).mean()),
        float((rendered == np.roll(bright, 1, axis=0)).mean()),
    )


def pairs(run: Trained, seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of both domains of the same latents, uint8 (count, 28, 28, 1) each."""
    latents = run.latents(prng.fold_name(jax.random.key(seed), "measured"), count)
    make = jax.jit(lambda z: tuple(to_uint8(x) for x in run.generator(z, train=False)))
    made = [make(latents[start : start + _PASS]) for start in range(0, count, _PASS)]
    first, second = (np.concatenate(part) for part in zip(*made, strict=True))
    return first, second


def measure(
    name: str, workdir: Path, seed: int, by: Mapping[str, Classify], shown: int
) -> Finished:
    """A finished run.

    Args:
        name: of the method.
        workdir: of the run.
        seed: of the latents.
        by: see `classifiers`.
        shown: how many pairs are kept.
    """
    first, second = pairs(open_run(workdir), seed, SAMPLES)
    return Finished(
        agreement(first, second, METHODS[name], by),
        np.concatenate((first[:shown], second[:shown]), axis=2),
        training_minutes(read_lines(workdir / "metrics.jsonl")),
    )


def true_pairs(by: Mapping[str, Classify]) -> dict[str, Agreement]:
    """By look: of test digits and their own renderings."""
    digits = open_builtin("mnist", "test").arrays["image"][:SAMPLES]
    looks = {"negatives": inverted, "edges": edges}
    methods = {look: Method("", look, render, True) for look, render in looks.items()}
    return {k: agreement(digits, m.render(digits), m, by) for k, m in methods.items()}
