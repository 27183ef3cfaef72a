"""The page of the study of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from experiments.report import ranged, table, wrapped
from experiments.text.measure import NAMES, SEQUENCES, Curves, Names
from experiments.text.ngrams import ORDER
from experiments.text.oracle import LENGTH, TRAIN, UNITS, WORDS
from experiments.text.runs import (
    D_ALONE,
    D_BOTH,
    D_RATE,
    FIRST_RATE,
    PLANS,
    RATE,
    ROLLOUTS,
    SEEDS,
    TEMPERATURES,
    TRAININGS,
)


class Marks(NamedTuple):
    """What the curves are compared with.

    Attributes:
        own: negative log likelihood under the oracle of its own held-out sequences.
        random: of sequences of words that are all alike.
    """

    own: float
    random: float


class Findings(NamedTuple):
    """Everything that was measured.

    Attributes:
        curves: on the oracle's sequences, by training and seed.
        marks: of the oracle.
        insights: of SeqGAN's discriminators, by seed; see `measure.insight`.
        names: by training and seed.
        others: training names, held-out names and those of n-grams, by what they are.
        shown: a few names of the first seed, by training.
    """

    curves: Mapping[str, Sequence[Curves]]
    marks: Marks
    insights: Sequence[float]
    names: Mapping[str, Sequence[Names]]
    others: Mapping[str, Names]
    shown: Mapping[str, Sequence[str]]


def page(found: Findings) -> str:
    """The page."""
    return f"""# Texts: rewards, relaxations and likelihood

{_settings()}

## The synthetic oracle

{_oracle(found.insights)}

{oracle_table(found)}

{verdict(found)}

![Under the oracle](oracle.png)

{_figure()}

## Names

{_names()}

{names_table(found)}

{_shown(found)}
"""


def _settings() -> str:
    oracle, names = PLANS["oracle"], PLANS["names"]
    return wrapped(
        "SeqGAN (1609.05473) and a GAN by the Gumbel-softmax relaxation (1611.04051), "
        "beside maximum likelihood alone, from `configs/seqgan.py:names` and "
        f"`configs/gumbel_gan.py`, on the same LSTM of {UNITS} units. All begin with "
        f"maximum likelihood, in which they are one and the same: {oracle.first:,} steps "
        f"at a rate of {FIRST_RATE:g}, as in the authors' code, and {oracle.settled:,} at "
        f"{RATE:g}, in batches of {oracle.batch} (names: {names.first:,} and "
        f"{names.settled} of {names.batch}). Then SeqGAN's discriminator learns alone for "
        f"{oracle.alone} steps of {D_ALONE} updates at {D_RATE:g} (names: {names.alone}), "
        f"and both in turn for {oracle.both} (names: {names.both}), with {ROLLOUTS} "
        f"roll-outs of every prefix (16 in the paper), a baseline, and {D_BOTH} updates of "
        "the discriminator to one of the generator (some thousands in the authors' code). "
        f"The relaxation's temperature falls from {TEMPERATURES[0]:g} to "
        f"{TEMPERATURES[1]:g}; straight through (1611.01144), the discriminator is shown "
        f"one-hot rows as the real ones are. Maximum likelihood goes on at {RATE:g} as "
        f"long as the others do. Cells are means over {len(SEEDS)} seeds with the lowest "
        "and the highest in brackets."
    )


def _oracle(insights: Sequence[float]) -> str:
    return wrapped(
        f"The test of section 4 of the paper: an LSTM with {UNITS} units, vectors of "
        f"{UNITS} and weights from N(0, 1) is the truth, with a vocabulary of {WORDS} "
        f"words instead of 5,000. It makes {TRAIN:,} sequences of {LENGTH} words to learn "
        "from (10,000 in the paper). Under the oracle: the negative log likelihood of a "
        f"word of {SEQUENCES:,} generated sequences, in nats, the paper's measure; it does "
        "not see whether sequences are unlike each other. Held out: that of the oracle's "
        "own sequences under the generator, which does. Different: the share of generated "
        "sequences that is left when equal ones are counted once. The discriminator that "
        "gives the first rewards ranks the generator's sequences a little as the oracle "
        f"does: Spearman's correlation is {ranged(insights, '.2f')}."
    )


def oracle_table(found: Findings) -> str:
    """A row a training, and one each of the marks."""
    rows: list[tuple[object, ...]] = []
    for name, training in TRAININGS.items():
        runs = found.curves[name]
        rows.append(
            (
                training.title,
                ranged([run.oracle[-1] for run in runs], ".3f"),
                ranged([run.test[-1] for run in runs], ".3f"),
                ranged([run.unlike[-1] for run in runs], ".1%"),
                ranged([run.minutes for run in runs], ".1f"),
            )
        )
    rows.append(("the oracle itself", f"{found.marks.own:.3f}", "", "", ""))
    rows.append(("words at random", f"{found.marks.random:.3f}", "", "", ""))
    return table(("", "under the oracle", "held out", "different", "minutes"), rows)


def gains(found: Findings, name: str) -> list[float]:
    """By how much a training is better than maximum likelihood alone under the oracle at
    its end, seed by seed, in nats.
    """
    pairs = zip(found.curves["likelihood"], found.curves[name], strict=True)
    return [float(alone.oracle[-1] - other.oracle[-1]) for alone, other in pairs]


def verdict(found: Findings) -> str:
    """What the table says of the paper's claim."""
    sentences = []
    for name in [name for name in TRAININGS if name != "likelihood"]:
        values = gains(found, name)
        better = sum(value > 0.0 for value in values)
        sentences.append(
            f"{TRAININGS[name].title} ends below maximum likelihood alone for {better} of "
            f"{len(values)} seeds, by {ranged(values, '.3f')} nats of a word"
            + _repeating(found.curves[name])
        )
    return wrapped(
        f"{' '.join(sentences)} A generator may fall below the oracle's own "
        f"{found.marks.own:.3f} by making its likeliest sequences more often than it does; "
        "the held-out column then rises."
    )


def repeats(runs: Sequence[Curves]) -> bool:
    """Whether a training ends with less than half of its sequences different."""
    return _different(runs) < 0.5


def _different(runs: Sequence[Curves]) -> float:
    return sum(float(run.unlike[-1]) for run in runs) / len(runs)


def _repeating(runs: Sequence[Curves]) -> str:
    """The end of a sentence: whether a training makes the same again and again."""
    if not repeats(runs):
        return "."
    share = _different(runs)
    return f", but by repeating itself: {share:.1%} of its sequences are different ones."


def _figure() -> str:
    return wrapped(
        "Left: under the oracle, from the end of maximum likelihood on. Right: held-out "
        "sequences under the generator. A band reaches from the lowest seed to the "
        "highest. A training that ends by repeating itself is left out."
    )


def _names() -> str:
    return wrapped(
        "Female names of the US census of 1990, nine tenths to learn from and every tenth "
        f"held out. Likelihood: of a character under {ORDER}-grams of the training names "
        "(Witten and Bell's smoothing), in nats, ends included. Novel: not among the "
        "training names. Different: left when equal ones are counted once. Found: "
        f"held-out names that are among those of the row. Rows are of {NAMES:,} names, but "
        "the last two of all there are."
    )


def names_table(found: Findings) -> str:
    """A row a training, and one each of others' names."""
    rows: list[tuple[object, ...]] = []
    for name, training in TRAININGS.items():
        runs = found.names[name]
        rows.append(
            (
                training.title,
                ranged([run.likelihood for run in runs], ".2f"),
                ranged([run.novel for run in runs], ".0%"),
                ranged([run.unlike for run in runs], ".0%"),
                ranged([run.found for run in runs], ".1%"),
                ranged([run.length for run in runs], ".1f"),
            )
        )
    for title, names in found.others.items():
        rows.append(
            (
                title,
                f"{names.likelihood:.2f}",
                f"{names.novel:.0%}",
                f"{names.unlike:.0%}",
                f"{names.found:.1%}",
                f"{names.length:.1f}",
            )
        )
    return table(("", "likelihood", "novel", "different", "found", "characters"), rows)


def _shown(found: Findings) -> str:
    lines = [
        wrapped(f"{TRAININGS[name].title}: {', '.join(names)}.")
        for name, names in found.shown.items()
    ]
    return "\n\n".join(["The first of the first seed, not chosen.", *lines])
