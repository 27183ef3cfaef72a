"""What the study's page says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from experiments.report import one_or_ranged, ranged, table, wrapped
from experiments.stargan.measure import Asked, Direction, Finished, Judges
from experiments.stargan.runs import (
    BATCH,
    BLOCKS,
    D_LAYERS,
    D_WIDTH,
    METHODS,
    RATE,
    SEEDS,
    STEPS,
    STYLES,
    WIDTH,
)
from experiments.translation.page import BASELINES, COLUMNS
from experiments.translation.runs import SIDE

Runs = Mapping[str, Sequence[Finished]]
"""Of each of `METHODS` by seed, and one of each of `BASELINES`."""
_OWN: Mapping[str, tuple[Callable[[Asked], float], str]] = {
    "style asked for": (lambda asked: asked.accuracy, ".1%"),
    "identity kept": (lambda asked: asked.kept, ".1%"),
    "way back": (lambda asked: asked.back, ".1f"),
}
_TITLES = {**BASELINES, **{name: method.title for name, method in METHODS.items()}}


def page(runs: Runs, by: Judges) -> str:
    """The page."""
    count = len(by.held_out[0])
    return f"""# One generator for three styles of emoji

{_settings()}

{runs_table(runs)}

{_columns(by, count)}

{scores_table(runs)}

{_scores_words(count)}

{summary(runs)}

## From every style to every other

{directions_table(runs)}

{_directions_words()}

## Translations

{_picture_words()}

{_pictures()}

{SEEN}
"""


SEEN = wrapped(
    "What is seen: with the published losses shapes stay, and colours do in one seed of "
    "three. In the others, of which one is shown, faces turn blue or red and green things "
    "orange, and the way back undoes it, so that nothing in the losses minds. With the "
    "identity loss colours stay and small things change, such as hair, shading and "
    "outlines. All are softer than the emoji they are made from, and some of the finer "
    "ones, such as scrolls and tools, fray."
)
"""Written after a look at the pictures; numbers are above."""


def _settings() -> str:
    return wrapped(
        "StarGAN (1711.09020, `configs/stargan.py:emoji`) between the emoji of "
        f"{', '.join(list(STYLES)[:-1])} and {list(STYLES)[-1]} at {SIDE} pixels, all of "
        "the training emoji of each, never shown as pairs; with the published losses, and "
        f"with CycleGAN's identity loss, of weight "
        f"{METHODS['identity'].options['identity']:g}, besides. Generators of width "
        f"{WIDTH} with {BLOCKS} residual blocks, discriminators of width {D_WIDTH} with "
        f"{D_LAYERS} layers, {STEPS:,} steps of {BATCH} examples (40,000 of 16 in the "
        "paper), each of five updates of the discriminator and one of the generator, "
        f"Adam({RATE:g}, 0.5) (1e-4 in the paper), whose rate falls to 0 over the second "
        "half; all else as in the config."
    )


def _cells(runs: Sequence[Finished], of: Callable[[Asked], float], form: str) -> str:
    return one_or_ranged([run.mean(of) for run in runs], form)


def runs_table(runs: Runs) -> str:
    """What the paper asks for: a row for each way to translate."""
    rows = []
    for name, title in _TITLES.items():
        cells = [_cells(runs[name], of, form) for of, form in _OWN.values()]
        minutes = [run.minutes for run in runs[name]]
        rows.append((title, *cells, ranged(minutes, ".1f") if name in METHODS else ""))
    return table(("", *_OWN, "minutes"), rows)


def _columns(by: Judges, count: int) -> str:
    return wrapped(
        f"Means over all six directions and {len(SEEDS)} seeds and, in brackets, the "
        f"lowest and the highest seed, of the {count} held-out emoji that all styles have. "
        "Style asked for: share that a classifier of the three styles, right for "
        f"{by.styles.accuracy:.1%} of held-out emoji, takes for that style. Identity kept: "
        "share whose own original is the nearest of all held-out emoji of its style in the "
        "features of the project's emoji classifier. Way back: mean absolute difference, "
        "of 255, between an emoji and its translation translated back. Nothing changed is "
        "the emoji itself; colours matched maps each channel so that the training emoji of "
        "the one style have the histogram of the other. Minutes are of training, on a core "
        "that other work used too."
    )


def scores_table(runs: Runs) -> str:
    """Against true counterparts, as the study of translation scores."""
    rows = []
    for name, title in _TITLES.items():
        cells = [
            _cells(runs[name], lambda asked, value=value: value(asked.scores), form)
            for value, form in COLUMNS.values()
        ]
        rows.append((title, *cells))
    return table(("", *COLUMNS), rows)


def _scores_words(count: int) -> str:
    return wrapped(
        "Against the same emoji in the style asked for, by the scores of "
        "[the study of translation](../translation): mean absolute difference of pixels, "
        "distances in features, and how often, and at which rank, the counterpart is the "
        f"nearest of all {count}, {1.0 / count:.1%} by chance."
    )


def summary(runs: Runs) -> str:
    """Whether styles are changed, and emoji kept."""

    def mean(name: str, of: Callable[[Asked], float]) -> float:
        return sum(run.mean(of) for run in runs[name]) / len(runs[name])

    accuracy, kept = _OWN["style asked for"][0], _OWN["identity kept"][0]
    return wrapped(
        f"StarGAN's translations have the style asked for in "
        f"{mean('stargan', accuracy):.1%} of cases (colours matched: "
        f"{mean('recoloured', accuracy):.1%}) and keep the identity in "
        f"{mean('stargan', kept):.1%}; with an identity loss "
        f"{mean('identity', accuracy):.1%} and {mean('identity', kept):.1%}. "
        "The true counterpart is the nearest for "
        f"{mean('stargan', lambda asked: asked.scores.first):.1%} and "
        f"{mean('identity', lambda asked: asked.scores.first):.1%} of translations, for "
        f"{mean('unchanged', lambda asked: asked.scores.first):.1%} of unchanged emoji."
    )


def directions_table(runs: Runs) -> str:
    """A row for each direction, of the published losses."""
    titles = list(STYLES)

    def cell(direction: Direction, of: Callable[[Asked], float], form: str) -> str:
        return ranged([of(run.asked[direction]) for run in runs["stargan"]], form)

    rows = []
    for given, label in runs["stargan"][0].asked:
        numbers = [cell((given, label), of, form) for of, form in _OWN.values()]
        still = runs["unchanged"][0].asked[given, label].scores.l1
        ours = cell((given, label), lambda asked: asked.scores.l1, ".1f")
        rows.append((titles[given], titles[label], *numbers, ours, f"{still:.1f}"))
    return table(("from", "to", *_OWN, "L1", "L1 unchanged"), rows)


def _directions_words() -> str:
    return wrapped(
        "Of StarGAN with the published losses. L1: against the true counterparts, of 255; "
        "unchanged: that of the emoji itself."
    )


def _picture_words() -> str:
    titles = list(STYLES)
    rows = [
        f"{given}'s, then as {' and '.join(t for t in titles if t != given)}"
        for given in titles
    ]
    return wrapped(
        f"Held-out emoji, not chosen, of the first seed. Rows, from above: "
        f"{'; '.join(rows)}."
    )


def _pictures() -> str:
    return "\n\n".join(
        f"{method.title[0].upper()}{method.title[1:]}:\n\n![{method.title}]({name}.png)"
        for name, method in METHODS.items()
    )
