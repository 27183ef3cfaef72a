"""What is measured of translations between several styles whose truth is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.logs import read_lines, training_minutes
from experiments.stargan.runs import STYLES
from experiments.translation.measure import (
    Judge,
    Scores,
    emoji,
    ranks_of,
    recoloured,
    score,
    translator,
)
from experiments.translation.runs import SIDE
from gan_jax.data import open_source
from gan_jax.metrics import classifier
from gan_jax.metrics.features import FeatureNet
from gan_jax.metrics.image_quality import Measure

Direction = tuple[int, int]
"""Labels of the style that is given and of the one asked for."""
DIRECTIONS: Sequence[Direction] = tuple(permutations(range(len(STYLES)), 2))
Translate = Callable[[np.ndarray, Direction], np.ndarray]
"""uint8 (n, H, W, C) of one style to the same of the other."""

_STYLE_CLASSIFIER = classifier.Recipe(
    "emoji_style", (SIDE, SIDE, 3), len(STYLES), (16, 32, 64), 1, 64, 12, 64, 4e-3
)


class Asked(NamedTuple):
    """What a style that was asked for came to.

    Attributes:
        accuracy: share that the styles' classifier takes for the style asked for.
        kept: share whose own original is the nearest of all held-out emoji of its style, in
            features of the project's emoji classifier.
        back: mean absolute difference between the original and its translation translated
            back, of 255.
        scores: against the true counterparts.
    """

    accuracy: float
    kept: float
    back: float
    scores: Scores


class Finished(NamedTuple):
    """A run, or what needs no training.

    Attributes:
        asked: of every direction.
        made: uint8 (n, H, W, C) by direction.
        minutes: that its steps took; 0 of what is not trained.
    """

    asked: Mapping[Direction, Asked]
    made: Mapping[Direction, np.ndarray]
    minutes: float

    def mean(self, of: Callable[[Asked], float]) -> float:
        """A number's mean over all directions."""
        return float(np.mean([of(asked) for asked in self.asked.values()]))


class Judges(NamedTuple):
    """What translations are measured by.

    Attributes:
        net: the emoji classifier.
        styles: the styles' classifier.
        perceptual: of pairs.
        held_out: uint8 (n, H, W, C) of each style; equal rows are one emoji.
    """

    net: FeatureNet
    styles: FeatureNet
    perceptual: Measure
    held_out: Sequence[np.ndarray]


def aligned(split: str) -> list[np.ndarray]:
    """The emoji of a split that all styles have, uint8 (n, SIDE, SIDE, 3) of each style;
    equal rows are one emoji.
    """
    keys = [_keys(name, split) for name in STYLES.values()]
    shared = set.intersection(*map(set, keys))
    images = []
    for name, own in zip(STYLES.values(), keys, strict=True):
        images.append(emoji(name, split)[[key in shared for key in own]])
    return images


def _keys(name: str, split: str) -> tuple[str, ...]:
    keys = getattr(open_source(f"builtin:{name}:{split}"), "keys", None)
    assert keys is not None, "built-in emoji have code points"
    return tuple(keys)


def style_classifier(folder: Path) -> FeatureNet:
    """A classifier of the styles, trained once on training emoji and kept in a folder."""

    def data() -> classifier.LabelledImages:
        return classifier.LabelledImages(*_labelled("train"), *_labelled("test"))

    path = folder / "style_classifier.npz"
    return classifier.load_or_train(_STYLE_CLASSIFIER, data, path)


def _labelled(split: str) -> tuple[np.ndarray, np.ndarray]:
    parts = [emoji(name, split) for name in STYLES.values()]
    labels = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part) for part in parts])
    return np.concatenate(parts), labels


def judged(translate: Translate, by: Judges, minutes: float) -> Finished:
    """What a translator makes of held-out emoji, in all directions."""
    made, asked = {}, {}
    for direction in DIRECTIONS:
        given, truth = (by.held_out[label] for label in direction)
        made[direction] = translate(given, direction)
        back = translate(made[direction], direction[::-1])
        named = by.styles.logits(made[direction]).argmax(axis=-1)
        ranks = ranks_of(by.net.features(made[direction]), by.net.features(given))
        asked[direction] = Asked(
            float((named == direction[1]).mean()),
            float((ranks == 1).mean()),
            float(np.abs(back.astype(np.float64) - given).mean()),
            score(made[direction], Judge(by.net, by.perceptual, given, truth)),
        )
    return Finished(asked, made, minutes)


def measure(workdir: Path, by: Judges) -> Finished:
    """A finished run."""
    translate = translator(workdir)

    def into(images: np.ndarray, direction: Direction) -> np.ndarray:
        return translate(images, str(direction[1]))

    return judged(into, by, training_minutes(read_lines(workdir / "metrics.jsonl")))


def baselines(by: Judges) -> dict[str, Finished]:
    """What needs no training: nothing changed, and colours matched."""
    known = aligned("train")

    def matched(images: np.ndarray, direction: Direction) -> np.ndarray:
        return recoloured(images, *(known[label] for label in direction))

    return {
        "unchanged": judged(lambda images, direction: images, by, 0.0),
        "recoloured": judged(matched, by, 0.0),
    }
