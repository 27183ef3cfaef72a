"""What the study's page says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from experiments.conditional.measure import EACH, PAIRS, REFERENCE, Finished, Scores
from experiments.conditional.runs import (
    BATCH,
    CHANCE,
    CLASSES,
    CURVE_SAMPLES,
    HALF_LIFE,
    KERNEL,
    METHODS,
    RATE,
    SEEDS,
    STEPS,
    WIDTH,
)
from experiments.report import ranged, table, wrapped

GOAL, NARROW, ROWS = 0.95, 0.5, 6
"""GOAL: share of samples of the class asked for; NARROW: part of the spread of digits under
which samples of a class are nearly one; ROWS: of samples in pictures."""
REAL, MORE = "held-out digits", "other training digits"

Runs = Mapping[str, Sequence[Finished]]
"""Of each method, by seed."""


def page(runs: Runs, known: Mapping[str, Scores], accuracy: float) -> str:
    """The page.

    Args:
        runs: of every method.
        known: scores of `REAL` and `MORE`.
        accuracy: of the classifier on all held-out digits.
    """
    real = known[REAL]
    pictures = "\n".join(f"![{m.title}](samples_{name}.png)" for name, m in METHODS.items())
    return f"""# Labels in four ways, on digits

{_settings(runs)}

{methods_table(runs, known)}

Every cell is the mean over {len(SEEDS)} seeds and, in brackets, the lowest and the highest.
{_columns(accuracy)}

{goal_summary(runs, real)}

{diversity_summary(runs, real)}

![Share of samples of the class asked for, over training](accuracy.png)

{_curve_words()}

## Samples

{_legend()}

{pictures}
![{REAL}](real.png)

{SEEN}

## By class

{class_table(runs, real)}

{hardest(runs)}

The time below is of measuring and drawing, beside other work.
"""


SEEN = """CGAN's digits differ from row to row; some are smeared, and a few have turned into
another digit. Hidden concatenation's differ less, in stroke and slant more than in form,
and its 2 and 6 hold on to one odd form in a seed, which the classifier lets pass. ACGAN's
digits are the cleanest and, but for those, the most alike: what its classifier is sure of
pays. Projection's misses are whole digits of another class, or lie between two; with hinge
losses and spectral norm they are rarer, and smears and gaps in strokes are what is left to
see. A spread above that of digits is no greater variety of hands: strokes that are broken
differ too. Of samples without labels many are no digit, and their distance says so: labels
help to draw, not only to choose."""


def _settings(runs: Runs) -> str:
    minutes = np.mean([run.minutes for each in runs.values() for run in each])
    return wrapped(
        "Mirza and Osindero's CGAN (`cgan`: labels beside both inputs, 1411.1784), Reed's "
        "hidden concatenation (`hidden_cgan`: beside the latent and the discriminator's "
        "last feature map, 1605.05396), ACGAN (`acgan`: a classifier in the discriminator, "
        "1610.09585) and class-conditional batch norm with a projection (`dcgan` with "
        "labels, 1802.05637), all on DCGAN's networks and with its loss, on the built-in "
        f"MNIST: width {WIDTH}, windows of {KERNEL} x {KERNEL}, batches of {BATCH}, "
        f"{STEPS:,} steps, Adam({RATE:g}, 0.5, 0.999), samples of the generator's average "
        f"with a half-life of {HALF_LIFE:,.0f} images. The rate and the number of steps "
        "were tried on CGAN, and are the same for all but hidden concatenation, which at "
        "that rate makes one image a class, whatever the latent, after 3,000 steps: it has "
        f"Adam({METHODS['hidden'].rate:g}, 0.5, 0.999) and {METHODS['hidden'].steps:,} "
        "steps. Projection is also there with the recipe of "
        "its own paper, hinge losses and spectral norm in place of the discriminator's "
        f"batch norm. A run took {minutes:.1f} minutes in the mean, on one core that other "
        "work used too."
    )


def _legend() -> str:
    return wrapped(
        f"A column a class, from 0 to 9, {ROWS} latents each, of the first seed and not "
        f"chosen: {'; '.join(method.title for method in METHODS.values())}; and {REAL}."
    )


def _columns(accuracy: float) -> str:
    return wrapped(
        f"All rows are of {EACH} images a class, {CLASSES * EACH:,} in all, and compare "
        f"with {REFERENCE:,} training digits a class, in the features of the project's own "
        f"digit classifier, which is right on {accuracy:.1%} of all held-out digits; these "
        "are not Inception distances. Accuracy: the share of samples in which it sees the "
        "class asked for. Distances: the Fréchet distance of all, and the mean over "
        "classes of that within a class. Spread: the root mean squared distance of two "
        "samples of a class in those features, and the mean perceptual distance (in "
        f"SqueezeNet) of {PAIRS} pairs of a class, both only of samples in which the "
        "classifier sees the class, as otherwise wrong ones would pass for variety. The "
        f"row {CHANCE} is what chance gives: a GAN without labels, whose samples are given "
        f"labels in turn. {REAL.capitalize()} are from other writers than the training "
        f"digits, so that their distance is no floor; {MORE}, none of which is compared "
        "with itself, give that."
    )


def _curve_words() -> str:
    return wrapped(
        f"Of {CURVE_SAMPLES:,} samples of the average; hidden is hidden concatenation, "
        f"spectral is {METHODS['spectral'].title}. A band reaches from the lowest seed to "
        "the highest, the line is its middle."
    )


_COLUMNS: Mapping[str, tuple[Callable[[Scores], float], str]] = {
    "accuracy": (lambda scores: scores.accuracy.overall, ".1%"),
    "Fréchet distance": (lambda scores: scores.distance, ".1f"),
    "within classes": (lambda scores: scores.intra_class, ".1f"),
    "spread": (lambda scores: scores.spread, ".2f"),
    "perceptual": (lambda scores: scores.perceptual, ".3f"),
}
"""Columns of the table: what they show of scores, and how it is written."""


def methods_table(runs: Runs, known: Mapping[str, Scores]) -> str:
    """A row a method, and digits."""
    rows = []
    for name, method in METHODS.items():
        cells = [
            ranged([value(run.scores) for run in runs[name]], form)
            for value, form in _COLUMNS.values()
        ]
        rows.append((method.title, *cells))
    for name, scores in known.items():
        cells = [f"{value(scores):{form}}" for value, form in _COLUMNS.values()]
        rows.append((name, *cells))
    return table(("", *_COLUMNS), rows)


def mean_of(runs: Sequence[Finished], column: str) -> float:
    """The mean over seeds of one of the table's columns."""
    value, _ = _COLUMNS[column]
    return float(np.mean([value(run.scores) for run in runs]))


def _conditional() -> list[str]:
    return [name for name, method in METHODS.items() if method.conditional]


def _listed(names: Sequence[str]) -> str:
    return "; ".join(METHODS[name].title for name in names) or "none"


def goal_summary(runs: Runs, real: Scores) -> str:
    """Who reaches the goal, on all seeds and in the mean."""
    every, mean = [], []
    for name in _conditional():
        shares = [run.scores.accuracy.overall for run in runs[name]]
        every += [name] if min(shares) >= GOAL else []
        mean += [name] if np.mean(shares) >= GOAL else []
    chance = mean_of(runs[CHANCE], "accuracy")
    return wrapped(
        f"At least {GOAL:.0%} of samples are of the class asked for in the mean over seeds "
        f"with {_listed(mean)}, and in every seed with {_listed(every)}. In real digits "
        f"the classifier sees their class in {real.accuracy.overall:.1%}, and chance is "
        f"{chance:.1%}."
    )


def diversity_summary(runs: Runs, real: Scores) -> str:
    """How much of the variety of real digits the methods have, and who has least."""
    parts = []
    for column in ("spread", "perceptual"):
        value, _ = _COLUMNS[column]
        shares = {n: mean_of(runs[n], column) / value(real) for n in METHODS}
        written = "; ".join(f"{METHODS[n].title} {s:.0%}" for n, s in shares.items())
        parts.append(f"- {column}: {written}.")
    narrow = [
        name for name in METHODS if mean_of(runs[name], "spread") < NARROW * real.spread
    ]
    nearest = min(_conditional(), key=lambda name: mean_of(runs[name], "within classes"))
    rest = (
        f"Less than {NARROW:.0%} of the first have: {_listed(narrow)}. Nearest to the "
        f"digits of a class comes {METHODS[nearest].title}, at "
        f"{mean_of(runs[nearest], 'within classes'):.1f}, where {REAL} are at "
        f"{real.intra_class:.1f}."
    )
    head = f"Variety within a class, of that of {REAL}:"
    listed = "\n".join(wrapped(part, "  ") for part in parts)
    return f"{head}\n\n{listed}\n\n{wrapped(rest)}"


def _by_class(runs: Sequence[Finished]) -> np.ndarray:
    return np.mean([run.scores.accuracy.per_class for run in runs], axis=0)


def class_table(runs: Runs, real: Scores) -> str:
    """Accuracy of each class, a mean over seeds."""
    rows = [(METHODS[n].title, *_shares(_by_class(runs[n]))) for n in _conditional()]
    rows.append((REAL, *_shares(real.accuracy.per_class)))
    return table(("", *range(CLASSES)), rows)


def _shares(values: np.ndarray) -> list[str]:
    return [f"{value:.0%}" for value in values]


def hardest(runs: Runs) -> str:
    """Each method's worst class."""
    parts = []
    for name in _conditional():
        shares = _by_class(runs[name])
        worst = int(np.argmin(shares))
        parts.append(f"{METHODS[name].title} {worst} ({shares[worst]:.0%})")
    return wrapped(f"The class that is missed most often: {'; '.join(parts)}.")
