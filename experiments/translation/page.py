"""What the study's page says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from experiments.report import one_or_ranged, ranged, table, wrapped
from experiments.translation.measure import Finished, Scores
from experiments.translation.runs import (
    BATCH,
    BLOCKS,
    METHODS,
    PAIRED,
    RATE,
    SEEDS,
    SIDE,
    WIDTH,
)

BASELINES: Mapping[str, str] = {
    "unchanged": "nothing changed",
    "recoloured": "colours matched",
}
"""What needs no training: titles by name."""

Runs = Mapping[str, Sequence[Finished]]
"""Of each of `METHODS` by seed, and one of each of `BASELINES`."""


def page(runs: Runs, count: int) -> str:
    """The page.

    Args:
        runs: of methods and baselines.
        count: held-out emoji.
    """
    return f"""# From one style of emoji to another, without pairs

{_settings()}

{runs_table(runs)}

{_columns(count)}

{summary(runs)}

![Translations of held-out emoji](translations.png)

{_picture_words()}

{SEEN}
"""


SEEN = wrapped(
    "What is seen: CycleGAN keeps shapes and colours and takes up what Twitter has "
    "everywhere, such as signs on blue squares; it draws softly, with the grain of its "
    "transposed convolutions, and hair and clothes stay as Google has them. Without the "
    "identity loss some things change their colours (the butterfly is red), and one seed "
    "of three exchanges figure and ground, which cycles allow: that is the end of its "
    "range. Without cycles each seed draws one picture whatever it is given. DiscoGAN "
    "keeps outlines, in coarse grain. pix2pix is blurred, but some of what only pairs can "
    "tell is there. All draw less sharply than the emoji they are given, which therefore "
    "stay the nearest in SqueezeNet and, for being found, in the classifier."
)
"""Written after a look at the pictures of all seeds; numbers are above."""


def _settings() -> str:
    return wrapped(
        "CycleGAN (1703.10593, `configs/cyclegan.py:emoji`), DiscoGAN (1703.05192, "
        "`configs/discogan.py:emoji`) and, with pairs, pix2pix (1611.07004, "
        f"`configs/pix2pix.py:emoji`) from Google's emoji to Twitter's at {SIDE} pixels. "
        "Without pairs the two domains are halves of the training emoji that have none in "
        "common, so that nothing that is learnt from has its counterpart in the other "
        f"domain; pix2pix has all pairs. Width {WIDTH}, {BLOCKS} residual blocks, batches "
        f"of {BATCH} of each domain, {METHODS['cyclegan'].steps:,} steps at a rate of "
        f"{RATE:g} (2e-4 in the papers), which falls to 0 over the second half; DiscoGAN "
        f"batches of {METHODS['discogan'].batch}, {METHODS['discogan'].steps:,} steps at "
        "its own rate; all else as in the configs."
    )


COLUMNS: Mapping[str, tuple[Callable[[Scores], float], str]] = {
    "L1": (lambda scores: scores.l1, ".1f"),
    "features": (lambda scores: scores.features, ".2f"),
    "perceptual": (lambda scores: scores.perceptual, ".3f"),
    "found first": (lambda scores: scores.first, ".1%"),
    "reciprocal rank": (lambda scores: scores.rank, ".3f"),
}
"""Columns of the table: what they show of scores, and how it is written."""


def runs_table(runs: Runs) -> str:
    """A row for each way to translate."""
    titles = BASELINES | {name: method.title for name, method in METHODS.items()}
    rows = []
    for name, title in titles.items():
        cells = [
            one_or_ranged([value(run.scores) for run in runs[name]], form)
            for value, form in COLUMNS.values()
        ]
        minutes = [run.minutes for run in runs[name]]
        rows.append((title, *cells, ranged(minutes, ".1f") if name in METHODS else ""))
    return table(("", *COLUMNS, "minutes"), rows)


def _columns(count: int) -> str:
    return wrapped(
        f"Cells of trained methods are means over {len(SEEDS)} seeds and, in brackets, the "
        f"lowest and the highest. All are of {count} held-out emoji against the same emoji "
        "as Twitter draws them. L1: mean absolute difference, of 255. Features: distance "
        "in the project's emoji classifier, which was trained on Google's; perceptual: in "
        "SqueezeNet. Found first: share of translations whose own counterpart is the "
        f"nearest of all {count} in the classifier's features, {1.0 / count:.1%} by "
        "chance; reciprocal rank: the mean of one over its rank. Nothing changed is the "
        "emoji itself; colours matched maps each channel so that all training emoji of the "
        "one half have the histogram of the other. Minutes are of training, on a core that "
        "other work used too."
    )


def summary(runs: Runs) -> str:
    """Who comes nearest, and what cycles and identity are worth."""

    def mean(name: str, field: str) -> float:
        values = [getattr(run.scores, field) for run in runs[name]]
        return sum(values) / len(values)

    unpaired = [name for name in METHODS if name != PAIRED]
    best = min(unpaired, key=lambda name: mean(name, "l1"))
    still = mean("unchanged", "l1")
    return wrapped(
        f"Without pairs {METHODS[best].title} comes nearest in pixels, at "
        f"{mean(best, 'l1'):.1f}, where an unchanged emoji is at {still:.1f} and "
        f"pix2pix, which has seen pairs, at {mean(PAIRED, 'l1'):.1f}. CycleGAN finds the "
        f"counterpart first for {mean('cyclegan', 'first'):.1%}, without identity losses "
        f"for {mean('no_identity', 'first'):.1%}, without cycles for "
        f"{mean('no_cycle', 'first'):.1%}, DiscoGAN for {mean('discogan', 'first'):.1%}; "
        f"an unchanged emoji does for {mean('unchanged', 'first'):.1%}."
    )


def _picture_words() -> str:
    titles = [*BASELINES.values(), *(method.title for method in METHODS.values())]
    return wrapped(
        "Rows, from above: Google's emoji, held out and not chosen; "
        f"{'; '.join(titles[1:])}; and Twitter's. Methods are of the first seed."
    )
