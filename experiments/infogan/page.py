"""What the study's page says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from experiments.infogan.measure import CLASSES, EACH, Finished, Naming
from experiments.infogan.paths import NAMES as PATHS_OF
from experiments.infogan.paths import PATHS
from experiments.infogan.paths import STEPS as PATH_STEPS
from experiments.infogan.runs import (
    BASELINE,
    BATCH,
    CONTINUOUS,
    DENSE,
    HALF_LIFE,
    INFORMED,
    METHODS,
    PLAIN,
    SEEDS,
    STEPS,
    VALUES,
    WIDTH,
)
from experiments.report import ranged, table, wrapped

GOAL = 0.8
"""Purity of the code on samples."""

Runs = Mapping[str, Sequence[Finished]]
"""Of each of `METHODS`, by seed."""


def page(runs: Runs, said: Mapping[str, str]) -> str:
    """The page.

    Args:
        runs: of each of `METHODS`.
        said: the commands that drew the codes, of each of `METHODS`.
    """
    return f"""# Codes that name digits

{_settings()}

{runs_table(runs)}

Every cell is the mean over seeds and, in brackets, the lowest and the highest.
{_columns()}

{summary(runs)}

{explained(runs)}

![Information about the categorical code, over training](information.png)

{_curve_words()}

## The codes of the first seed

{said[INFORMED]}

![Codes with the term](codes_{INFORMED}.png)

{_picture_words()}

Samples by value of the code (down) and by the class that the classifier sees (across):

{counts_table(runs[INFORMED][0].counts)}

The same without the term, and without dense layers:

{said[BASELINE]}

![Codes without the term](codes_{BASELINE}.png)

{said[PLAIN]}

![Codes without dense layers](codes_{PLAIN}.png)

{SEEN}

## What continuous codes change

{paths_table(runs)}

{_path_words()}

{path_summary(runs)}
"""


SEEN = """\
In the first picture seven values are a digit each, in all styles that noise gives it: 5, 2,
3, 8, 1, 0 and 6. The other three share 4, 7 and 9, which differ by a stroke, and there a
continuous code turns one into the next. One continuous code slants 1 and 8 and thins
strokes, the other leans and thins too; neither has one meaning for all digits. In the
second the code of ten values closes a loop or thickens a stroke, and the digit is in the
noise. In the third values are pairs of digits that look alike, and many samples are none.
Beyond the range of training strokes thin out and break."""


def _settings() -> str:
    return wrapped(
        "InfoGAN (1606.03657, `configs/infogan.py`) on the built-in MNIST, without labels: "
        f"62 values of noise, a categorical code of {VALUES} values and {CONTINUOUS} "
        f"continuous ones. Width {WIDTH}, dense layers of {DENSE} units (the paper has 64 "
        f"and 1,024), batches of {BATCH}, {STEPS:,} steps, samples of the generator's "
        f"average with a half-life of {HALF_LIFE:,.0f} images; all else as in the config. "
        "In the baseline the information term has the weight 0 in the generator's loss; Q "
        "learns as before, so that all can be measured of both. The last row has "
        f"convolutions alone. All rows have {len(SEEDS)} seeds."
    )


def _columns() -> str:
    return wrapped(
        f"Purity of samples: {EACH} samples of each value of the code, and the share of "
        "the class that the project's digit classifier sees most often among them, a mean "
        f"over values ({1.0 / CLASSES:.0%} if all classes were equally frequent in each; "
        "chance gives a little more). Of digits: Q's most likely value of all 10,000 test "
        "digits against their labels; purity is the share that has the most frequent label "
        "of its value, and matched the share that is right when values and classes are "
        "matched one to one, in the best way. Information: lower bounds in nats, of "
        f"{math.log(VALUES):.2f} that the categorical code has; for the continuous codes Q "
        "has the deviation of its own errors on these samples and not 1 as in training, "
        "which would bound less than nothing. Distance: the Fréchet distance to 10,000 "
        "training digits in the classifier's features, not an Inception distance. Minutes "
        "are of training, on a core that had other work to do too."
    )


_COLUMNS: Mapping[str, tuple[Callable[[Finished], float], str]] = {
    "purity of samples": (lambda run: run.generated.purity, ".1%"),
    "purity of digits": (lambda run: run.real.purity, ".1%"),
    "matched digits": (lambda run: run.real.matched, ".1%"),
    "categorical, nats": (lambda run: run.categorical, ".2f"),
    "continuous, nats": (lambda run: run.continuous, ".2f"),
    "distance": (lambda run: run.distance, ".1f"),
    "minutes": (lambda run: run.minutes, ".1f"),
}
"""Columns of the table: what they show of a run, and how it is written."""


def runs_table(runs: Runs) -> str:
    """A row for InfoGAN and one for the baseline."""
    rows = [
        (
            title,
            *(
                ranged([value(run) for run in runs[name]], form)
                for value, form in _COLUMNS.values()
            ),
        )
        for name, (title, *_) in METHODS.items()
    ]
    return table(("", *_COLUMNS), rows)


def summary(runs: Runs) -> str:
    """Whether the goal is met, and where a code names no single class."""
    ours, base = (
        float(np.mean([run.generated.purity for run in runs[name]]))
        for name in (INFORMED, BASELINE)
    )
    met = "met" if ours >= GOAL else "not met"
    plain = float(np.mean([run.generated.purity for run in runs[PLAIN]]))
    each = ", ".join(_named(run.generated) for run in runs[INFORMED])
    return wrapped(
        f"The goal, a purity of {GOAL:.0%}, is {met}: {ours:.1%}, and {base:.1%} without "
        f"the term. By seed: {each}, of {CLASSES} classes. Without dense layers it is "
        f"{plain:.1%}. The paper reports that its code names digits with an error of 5%."
    )


def explained(runs: Runs) -> str:
    """What a high purity may hide, and what noise still does."""
    all_noise = PATHS_OF[-1]
    ours, base = (
        float(np.mean([run.paths[all_noise].change for run in runs[name]]))
        for name in (INFORMED, BASELINE)
    )
    near, far = (
        float(np.mean([run.distance for run in runs[name]])) for name in (INFORMED, PLAIN)
    )
    return wrapped(
        "A purity must be read beside the distance: a generator of one picture a value "
        f"would be pure. Here samples are near digits, at {near:.1f}, and from one draw of "
        f"all noise to another a picture changes by {ours:.0f} of 255, by {base:.0f} "
        "without the term. All of the code's information is there within some hundred "
        "steps, before there are digits, and says only that Q tells its values apart; they "
        "come to be classes slowly, and faster with dense layers, through which a code "
        "reaches the whole picture at once: without them samples stay at a distance of "
        f"{far:.1f}."
    )


def _named(naming: Naming) -> str:
    return f"{naming.purity:.1%} with values for {naming.classes}"


def _curve_words() -> str:
    return wrapped(
        "In nats, from the batches of training, of which the code's entropy "
        f"{math.log(VALUES):.2f} is the most (figure 1 of the paper). A band reaches from "
        "the lowest seed to the highest, the line is its middle."
    )


def _picture_words() -> str:
    return wrapped(
        "Rows are the values of the categorical code. On the left are samples, nothing in "
        "which was chosen: a column has the same noise and the same continuous codes all "
        "the way down. Then the first of these with each continuous code from -2 to 2, "
        "twice the range of training."
    )


def counts_table(counts: np.ndarray) -> str:
    """Samples by value and class seen."""
    rows = [(value, *map(int, row)) for value, row in enumerate(counts)]
    return table(("value", *map(str, range(CLASSES))), rows)


_ALONG: Mapping[str, tuple[str, str]] = {
    "change": ("change", ".1f"),
    "largest": ("largest step", ".2f"),
    "kept": ("class kept", ".0%"),
    "slant": ("slant", "+.2f"),
    "ink": ("ink", "+.0f"),
}
"""Fields of `Paths`, their titles, and how they are written."""


def paths_table(runs: Runs) -> str:
    """What runs along, in both kinds of runs."""
    rows = [
        (
            title,
            path,
            *(
                ranged([getattr(run.paths[path], field) for run in runs[name]], form)
                for field, (_, form) in _ALONG.items()
            ),
        )
        for name, (title, *_) in METHODS.items()
        for path in PATHS_OF
    ]
    return table(("", "along", *(head for head, _ in _ALONG.values())), rows)


def _path_words() -> str:
    return wrapped(
        f"{PATHS} paths of {PATH_STEPS} pictures each, on which one thing runs from -1 to "
        "1, the range of training, and all else stays: each continuous code; the first "
        "value of the noise, which has the same range and no name; and all noise, from one "
        "draw to another. Change: root mean squared difference of the pictures at both "
        "ends, of 255. Largest step: of a path's steps in the classifier's features, over "
        "the mean one; 1 is even. Class kept: share of paths on which the classifier sees "
        "one class all along. Slant and ink: the mean change from one end to the other of "
        "the shift to the right per row upwards, in pixels, and of the brightness, in "
        "percent of that in the middle; their sign is arbitrary, so that seeds cancel."
    )


def path_summary(runs: Runs) -> str:
    """What a continuous code does beside one value of the noise."""
    codes, noise = PATHS_OF[:CONTINUOUS], PATHS_OF[CONTINUOUS : CONTINUOUS + 1]

    def mean(name: str, along: Sequence[str], field: str) -> float:
        values = [getattr(run.paths[path], field) for run in runs[name] for path in along]
        return float(np.mean(values))

    change = mean(INFORMED, codes, "change")
    step, still = mean(INFORMED, codes, "largest"), mean(INFORMED, noise, "largest")
    return wrapped(
        f"A continuous code changes a picture by {change:.1f}, "
        f"{change / mean(INFORMED, noise, 'change'):.1f} times as much as a value of the "
        f"noise, and by {mean(BASELINE, codes, 'change'):.1f} without the term. Its "
        f"largest step is {step:.2f} times the mean one, that of the noise {still:.2f} "
        f"times; the class stays on {mean(INFORMED, codes, 'kept'):.0%} of its paths, and "
        f"on {mean(INFORMED, noise, 'kept'):.0%} of those of the noise."
    )
