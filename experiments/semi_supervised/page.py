"""What the study's page says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.report import ranged, table, wrapped
from experiments.semi_supervised.measure import SAMPLES, TESTS, Finished
from experiments.semi_supervised.runs import (
    ALONE,
    BATCHES,
    CELLS,
    D_FEATURES,
    EVERY,
    G_FEATURES,
    GANS,
    LABELS,
    MATCHING,
    MINIBATCH,
    MINIBATCH_RATES,
    NAMES,
    SEEDS,
    STEPS,
)

Runs = Mapping[tuple[str, int], Sequence[Finished]]
"""Of each of `CELLS`, by seed."""


def page(runs: Runs) -> str:
    """The page.

    Args:
        runs: of each of `CELLS`.
    """
    pictures = "\n\n".join(
        f"{NAMES[name].capitalize()}, {LABELS[0]} labels:\n\n"
        f"![{NAMES[name]}](samples_{name}.png)"
        for name in GANS
    )
    return f"""# Digits with few labels

{_settings()}

{accuracy_table(runs)}

Test accuracy on all {TESTS:,} test digits after the last step, without noise: the mean over
{len(SEEDS)} seeds and, in brackets, the lowest and the highest. A seed draws other labels.
A run took {minutes(runs):.0f} minutes on average, on a core that had other work to do too.

{summary(runs)}

{_paper()}

![Test accuracy over training, {LABELS[0]} labels](accuracy_{LABELS[0]}.png)

![Test accuracy over training, {LABELS[1]} labels](accuracy_{LABELS[1]}.png)

{_curve_words()}

## Samples

{samples_table(runs)}

{_sample_words()}

{pictures}

{SEEN}
"""


SEEN = """\
Digits of feature matching are mostly readable but broken and speckled, as the paper says of
them: they serve the classifier, not the eye. Those of minibatch discrimination are no
better here, against the paper, where they are the better ones: the perceptron's background
is speckled all over, few classes are there, and 7 is too frequent. Its classifier is below
the labels alone for most of the training, in one seed by more than ten points, and above
them only at the end. So this variant is not trained well here; its authors have a
convolutional network and 500 epochs. The curves of feature matching are not flat yet after
the last step."""


def _settings() -> str:
    rates = ", ".join(f"{rate:g} ({player})" for player, rate in MINIBATCH_RATES.items())
    few, many = LABELS
    return wrapped(
        "Semi-supervised GANs (1606.03498, section 5; `configs/semi_supervised_gan.py`) on "
        f"the built-in MNIST, of which {few} or {many:,} digits have labels, as many of "
        f"each class: {NAMES[MATCHING]}, and {NAMES[MINIBATCH]} with an adversarial "
        f"generator. {NAMES[ALONE].capitalize()}: the same discriminator with the same "
        "noise, weight normalisation and Adam, on the very same batches of labelled "
        "digits, and nothing else. Networks are narrower than the authors' "
        f"({_widths(D_FEATURES)} for the discriminator, {_widths(G_FEATURES)} for the "
        f"generator) and training is much shorter: {STEPS:,} steps of {BATCHES[MATCHING]} "
        f"labelled, {BATCHES[MATCHING]} unlabelled and as many generated digits, where "
        f"theirs has 180,000; {BATCHES[MINIBATCH]} for {NAMES[MINIBATCH]}, which compares "
        f"all pairs of a batch, with rates of {rates}. All else as in the config."
    )


def _widths(features: Sequence[int]) -> str:
    return "-".join(map(str, features))


def last(finished: Sequence[Finished]) -> list[float]:
    """Test accuracy of every seed after its last step."""
    return [float(run.accuracy[-1]) for run in finished]


def accuracy_table(runs: Runs) -> str:
    """A row a variant, a column a number of labels."""
    rows = [
        (
            title,
            *(
                ranged(last(runs[name, labels]), ".2%") if (name, labels) in runs else "-"
                for labels in LABELS
            ),
        )
        for name, title in NAMES.items()
    ]
    return table(("", *(f"{labels:,} labels" for labels in LABELS)), rows)


def minutes(runs: Runs) -> float:
    """The mean over all runs."""
    return float(np.mean([run.minutes for finished in runs.values() for run in finished]))


def summary(runs: Runs) -> str:
    """What each variant adds to the labels, seed by seed."""
    parts = []
    for name, labels in CELLS:
        if name == ALONE:
            continue
        pairs = zip(last(runs[name, labels]), last(runs[ALONE, labels]), strict=True)
        gains = [100.0 * (ours - alone) for ours, alone in pairs]
        parts.append(
            f"With {labels:,} labels {NAMES[name]} is {ranged(gains, '+.1f')} points from "
            "the labels alone."
        )
    return wrapped(" ".join(parts))


def _paper() -> str:
    return wrapped(
        "The paper's table 1 has 93 of 10,000 test digits named wrongly with 100 labels "
        "(deviation 6.5 over ten seeds), an accuracy of 99.07%, by feature matching; it "
        "has no number for 1,000. Its authors' code tests an average of the discriminator "
        "over training, as a run of 180,000 steps can; here it is the "
        "discriminator of the last step, in all rows."
    )


def _curve_words() -> str:
    return wrapped(
        f"Every {EVERY} steps. A band reaches from the lowest seed to the highest, the "
        "line is its middle."
    )


def samples_table(runs: Runs) -> str:
    """A row a variant and number of labels."""
    rows = []
    for name, labels in CELLS:
        told = [run.samples for run in runs[name, labels] if run.samples is not None]
        if told:
            rows.append(
                (
                    NAMES[name],
                    f"{labels:,}",
                    ranged([each.distance for each in told], ".0f"),
                    ranged([each.recognised for each in told], ".0%"),
                    ranged([each.classes for each in told], ".1f"),
                )
            )
    return table(("", "labels", "distance", "recognised", "classes"), rows)


def _sample_words() -> str:
    return wrapped(
        f"{SAMPLES:,} samples of each run. Distance: the Fréchet distance to {TESTS:,} "
        "training digits in the features of the project's own digit classifier, not an "
        "Inception distance. Recognised: the share of which it is sure. Classes: exp of "
        "the entropy of its guesses, at most 10. The pictures are of the first seed, and "
        "not chosen."
    )
