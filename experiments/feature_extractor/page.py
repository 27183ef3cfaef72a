"""What the study's page says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.feature_extractor.kmeans import CENTROIDS, PATCH, PATCHES
from experiments.feature_extractor.measure import (
    FEATURES,
    KMEANS,
    PIXELS,
    TRAINED,
    UNTRAINED,
    Read,
)
from experiments.feature_extractor.runs import (
    BATCH,
    GRID,
    KERNEL,
    LABELS,
    RATE,
    SEEDS,
    SIDE,
    STEPS,
    STRENGTHS,
    WIDTH,
)
from experiments.report import table, wrapped

Found = Mapping[str, Sequence[Read]]
"""What was read out of each kind of features, by seed."""


def page(found: Found, minutes: float) -> str:
    """The page.

    Args:
        found: of all `FEATURES`.
        minutes: of training, a mean over runs.
    """
    return f"""# A discriminator as feature extractor

{_settings(found, minutes)}

{accuracy_table(found)}

Share of the 10,000 test digits that are classified rightly: the mean over {len(SEEDS)}
seeds and, in brackets, the lowest and the highest. A seed draws the labels, the networks'
weights and the start of k-means: rows of one column learn from the same digits.

![Accuracy by the number of labels](accuracy.png)

{summary(found)}

{chosen(found)}

## The generator beside it

![Samples of the three runs](samples.png)

A row of samples of each run, not chosen.

{SEEN}

## How it compares with the paper

{_paper()}

What was read out before is kept, so that the time at the end is not that of everything.
"""


SEEN = """Most are digits or nearly so, some are none: the generator is not done after so
few steps, and what its discriminator has learnt is what telling such samples from digits
takes. That is more than its weights tell at the start, and less than k-means finds in a
few seconds."""


def _settings(found: Found, minutes: float) -> str:
    widths = {name: f"{found[name][0].width:,}" for name in FEATURES}
    size = f"{PATCH} x {PATCH}"
    return wrapped(
        "The recipe of 1511.06434 (section 5.1) on digits: DCGAN is trained on the "
        f"built-in MNIST without labels ({SIDE} x {SIDE} pixels, width {WIDTH}, windows of "
        f"{KERNEL} x {KERNEL}, {STEPS:,} steps of {BATCH} images, Adam({RATE:g}, 0.5), "
        f"{minutes:.1f} minutes of one busy core); the activations of all three "
        "convolutional layers of its discriminator are pooled by maxima to "
        f"{GRID} x {GRID} grids, flattened and put side by side, {widths[TRAINED]} "
        "features; and a linear L2-SVM learns from them, with C = "
        f"{' or '.join(f'{c:g}' for c in STRENGTHS)}, chosen on a fifth of its labelled "
        "digits. Beside it are the discriminator before its first step "
        f"({widths[UNTRAINED]}); {CENTROIDS} k-means centroids of {PATCHES:,} white {size} "
        "patches with triangle activations summed over quadrants (Coates and Ng, "
        f"{widths[KMEANS]}); and raw pixels ({widths[PIXELS]}). All are standardised for "
        "the SVM."
    )


def accuracy_table(found: Found) -> str:
    """A row a kind of features, a column a number of labels."""
    head = ("", "features", *(f"{each:,} labels a class" for each in LABELS))
    rows = [
        (name, f"{found[name][0].width:,}", *(_cell(found[name], each) for each in LABELS))
        for name in FEATURES
    ]
    return table(head, rows)


def _cell(reads: Sequence[Read], each: int) -> str:
    values = [read.accuracy[each] for read in reads]
    return f"{np.mean(values):.1%} ({min(values):.1%} to {max(values):.1%})"


def mean_accuracy(reads: Sequence[Read], each: int) -> float:
    """The mean over seeds."""
    return float(np.mean([read.accuracy[each] for read in reads]))


def summary(found: Found) -> str:
    """Which features are best where, and what training adds to the network."""
    lines = []
    for each in LABELS:
        means = {name: mean_accuracy(found[name], each) for name in FEATURES}
        first, second = sorted(means, key=lambda name: -means[name])[:2]
        gains = [
            trained.accuracy[each] - untrained.accuracy[each]
            for trained, untrained in zip(found[TRAINED], found[UNTRAINED], strict=True)
        ]
        lines.append(
            f"- {each:,} labels a class: {first} is best, {_points(means, first, second)} "
            f"points above {second}. Training adds {100.0 * np.mean(gains):.1f} points to "
            f"the discriminator ({100.0 * min(gains):.1f} to {100.0 * max(gains):.1f}); "
            f"beside k-means it stands at {_signed(means[TRAINED] - means[KMEANS])} "
            f"points, beside pixels at {_signed(means[TRAINED] - means[PIXELS])}."
        )
    return "\n".join(wrapped(line, "  ") for line in lines)


def _points(means: Mapping[str, float], first: str, second: str) -> str:
    return f"{100.0 * (means[first] - means[second]):.1f}"


def _signed(difference: float) -> str:
    return f"{100.0 * difference:+.1f}"


def chosen(found: Found) -> str:
    """How often the SVM's C was the largest candidate."""
    most = max(STRENGTHS)
    all_of = [read.chosen[each] for reads in found.values() for read in reads
              for each in LABELS]  # fmt: skip
    return wrapped(
        f"C was {most:g}, the larger, in {sum(c == most for c in all_of)} of "
        f"{len(all_of)} fits. liblinear stops after 1,000 passes, which it needs more of "
        "where digits are many, C is large and features are few, as with pixels."
    )


def _paper() -> str:
    return wrapped(
        "There the discriminator was trained on ImageNet and its features classify "
        "CIFAR-10: 82.8%, beside 80.6% of one layer of k-means with 4,800 features, "
        "and with 400 labels a class 73.8% beside 70.7% of three layers of k-means. Here "
        "it is trained on the very data that it classifies, is much smaller, and saw "
        f"{STEPS * BATCH:,} images."
    )
