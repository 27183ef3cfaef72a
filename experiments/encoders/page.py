"""What the study's page says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from experiments.encoders.measure import (
    CLASSES,
    CODES,
    CRELU,
    ENCODERS,
    GAME,
    PIXELS,
    POOLED,
    REGRESSION,
    SAMPLES,
    TRAIN,
    UNTRAINED,
    Finished,
    Read,
    Scores,
)
from experiments.encoders.runs import (
    HALF_LIFE,
    METHODS,
    REGRESSION_BATCH,
    REGRESSION_RATE,
    REGRESSION_STEPS,
    SEEDS,
)
from experiments.report import ranged, table, wrapped

Found = Mapping[str, Sequence[Finished]]
"""Of each method, by seed."""


class Baselines(NamedTuple):
    """What encoders and generators are compared with.

    Attributes:
        pixels: what is read out of the digits themselves.
        distance: Fréchet distance of test digits to training digits.
        accuracy: of the classifier on test digits.
    """

    pixels: Read
    distance: float
    accuracy: float


SEEN = """\
What the encoders of BiGAN and ALI give back are whole digits, most of the same class, slant
and weight as above, and at times plainly others, written as cleanly: a 3 comes back as a 6
and a 4 as a 9. Latent regression follows the strokes more closely and changes the class
more seldom, though it has never seen a digit. Between digits the images stay digits for
most of the way, and some change class within a step. BigBiGAN draws the cleanest digits of
the three and gives back about half of their classes: what comes back is a digit that looks
alike, an 8 for a 2, a 9 for a 4, in strokes of its own; between digits it changes class in
one step and stays sharp."""


def page(found: Found, baselines: Baselines) -> str:
    """The page.

    Args:
        found: of all methods.
        baselines: that need no run.
    """
    return f"""# Encoders of games, on digits

{_settings()}

{codes_table(found, baselines)}

{_columns(baselines)}

{summary(found, baselines)}

## Features before the code

{features_table(found)}

{_features_words()}

## Digits and their reconstructions

![Digits and their reconstructions](reconstructions.png)

{_rows_words()}

{SEEN}

![Samples](samples.png)

Samples, not chosen, a row a seed: {_titles()}.

![Between digits](between.png)

From a test digit (left) to another (right) on the straight line between their codes, by the
games' own encoders, first seed: {_titles()}.

## Samples and minutes

{samples_table(found, baselines)}

{_samples_words()}
"""


def _titles() -> str:
    return ", ".join(method.title for method in METHODS.values())


def _settings() -> str:
    runs = "; ".join(
        f"{m.title} (`configs/{m.config}`), {m.steps:,} steps of {m.batch}, "
        f"Adam({_rates(m.rates)}; {m.b1:g}), {_options(m.model)}"
        for m in METHODS.values()
    )
    return wrapped(
        "Generator and encoder play against a discriminator that sees pairs (x, E(x)) and "
        "(G(z), z): BiGAN (1605.09782) on perceptrons, ALI (1606.00704) with a stochastic "
        "encoder on DCGAN's networks, and BigBiGAN (1907.02544) with scores of images, "
        "latents and pairs. All see MNIST without labels, and are much smaller and trained "
        f"much shorter than in the papers: {runs}. Generators and encoders are averages "
        f"with a half-life of {HALF_LIFE:,.0f} images."
    )


def _rates(rates: Sequence[float]) -> str:
    """One that all have, or those of generator, encoder and discriminator."""
    if len(set(rates)) == 1:
        return f"{rates[0]:g}"
    players = ("generator", "encoder", "discriminator")
    return ", ".join(f"{rate:g} {who}" for rate, who in zip(rates, players, strict=True))


def _options(model: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in model.items())


def _of(runs: Sequence[Finished], encoder: str) -> list[Scores]:
    return [run.scores[encoder] for run in runs]


def codes_table(found: Found, baselines: Baselines) -> str:
    """A row a method and encoder, and pixels."""
    head = ("encoder", "values", "linear", "nearest", "class kept", "error", "z unknown")
    rows = []
    for name, method in METHODS.items():
        for encoder in ENCODERS:
            scores = _of(found[name], encoder)
            read = [one.read[CODES] for one in scores]
            rows.append(
                (
                    f"{method.title}, {encoder}",
                    read[0].width,
                    ranged([one.linear for one in read], ".1%"),
                    ranged([one.nearest for one in read], ".1%"),
                    ranged([one.kept for one in scores], ".1%"),
                    ranged([one.error for one in scores], ".3f"),
                    ranged([one.unknown for one in scores], ".2f"),
                )
            )
    raw = baselines.pixels
    own = f"{baselines.accuracy:.1%}"
    rows.append(
        (PIXELS, raw.width, f"{raw.linear:.1%}", f"{raw.nearest:.1%}", own, "0", "")
    )
    return table(head, rows)


def _columns(baselines: Baselines) -> str:
    return wrapped(
        f"The mean over {len(SEEDS)} seeds and, in brackets, the lowest and the highest, "
        "on all 10,000 test digits. Codes are E(x), stochastic encoders' means. Linear: "
        "accuracy of logistic regression on standardised codes; nearest: of the nearest "
        f"training digit in Euclidean distance; both know {TRAIN:,} training digits and "
        "their labels. Class kept: in how many G(E(x)) the project's own digit classifier "
        f"sees the class of x; in the digits themselves it sees {baselines.accuracy:.1%}, "
        "and chance is about 10%. Error: root mean square of G(E(x)) - x, of pixels in "
        "[0, 1], which no game here makes small on purpose. z unknown: mean square of "
        "E(G(z)) - z, of the variance of z; it is what latent regression minimises, and 1 "
        f"is what a constant has. That is an encoder of the same architecture, trained for "
        f"{REGRESSION_STEPS:,} steps of {REGRESSION_BATCH} samples of the finished "
        f"generator (Adam, {REGRESSION_RATE:g} falling to 0 as a cosine); it never sees a "
        "digit, and its batch statistics are those of samples. Untrained encoders have the "
        "weights that the game begins with."
    )


def _mean(scores: Sequence[Scores], column: str) -> float:
    if column == "kept":
        return float(np.mean([one.kept for one in scores]))
    return float(np.mean([getattr(one.read[CODES], column) for one in scores]))


def summary(found: Found, baselines: Baselines) -> str:
    """What each game's encoder has before the baselines, a point a method."""
    lines = []
    for name, method in METHODS.items():
        parts = []
        for column, word in (
            ("linear", "linear probe"), ("nearest", "nearest digit"), ("kept", "class kept")
        ):  # fmt: skip
            value = _mean(_of(found[name], GAME), column)
            over = [
                f"{100.0 * (value - _mean(_of(found[name], other), column)):+.1f}"
                for other in (REGRESSION, UNTRAINED)
            ]
            from_pixels = ""
            if column != "kept":
                raw = getattr(baselines.pixels, column)
                from_pixels = f" and {100.0 * (value - raw):+.1f} from pixels"
            parts.append(
                f"{word} {value:.1%}, {over[0]} points from latent regression, {over[1]} "
                f"from the untrained encoder{from_pixels}"
            )
        lines.append(wrapped(f"- {method.title}: {'; '.join(parts)}.", "  "))
    return "\n".join(lines)


def features_table(found: Found) -> str:
    """BigBiGAN's features before its MLP."""
    rows = []
    for encoder in ENCODERS:
        for features in (CODES, POOLED, CRELU):
            read = [one.read[features] for one in _of(found["bigbigan"], encoder)]
            rows.append(
                (
                    f"{METHODS['bigbigan'].title}, {encoder}",
                    features,
                    read[0].width,
                    ranged([one.linear for one in read], ".1%"),
                    ranged([one.nearest for one in read], ".1%"),
                )
            )
    return table(("encoder", "features", "values", "linear", "nearest"), rows)


def _features_words() -> str:
    return wrapped(
        'BigBiGAN is measured in the paper by what its ResNet gives, means over space '
        '("avepool"), and by those normalised, with positive and negative parts beside '
        "each other (BN+CReLU), whose mean and variance are here over the "
        f"{TRAIN:,} digits that probes learn from."
    )  # fmt: skip


def _rows_words() -> str:
    rows = [f"{m.title}, {kind}" for m in METHODS.values() for kind in (GAME, REGRESSION)]
    return wrapped(
        f"Test digits, {CLASSES} classes in turn, drawn once and not chosen, and below "
        f"them G(E(x)) of the first seed, by the encoders: {'; '.join(rows)}."
    )


def samples_table(found: Found, baselines: Baselines) -> str:
    """The generators by themselves."""
    rows = [
        (
            method.title,
            ranged([run.distance for run in found[name]], ".1f"),
            ranged([run.minutes for run in found[name]], ".1f"),
        )
        for name, method in METHODS.items()
    ]
    rows.append(("test digits", f"{baselines.distance:.1f}", ""))
    head = ("", f"Fréchet distance of {SAMPLES:,}", "minutes")
    return table(head, rows)


def _samples_words() -> str:
    return wrapped(
        "Distances are to the digits that probes learn from, in the features of the digit "
        "classifier; they are not Inception distances. Minutes are those of the games' "
        "steps by the clock, on a core that other work had a part of."
    )
