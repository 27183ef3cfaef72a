"""What the study's page says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.coupled.measure import SAMPLES, Agreement, Finished
from experiments.coupled.runs import (
    BATCH,
    D_WIDTH,
    G_WIDTH,
    HALF_LIFE,
    METHODS,
    RATE,
    SEEDS,
    STEPS,
)
from experiments.report import one_or_ranged, table, wrapped

Runs = Mapping[str, Sequence[Finished]]
"""Of each method, by seed."""
_TRUE = "test digits and their own renderings"


def page(runs: Runs, truth: Mapping[str, Agreement]) -> str:
    """The page.

    Args:
        runs: of every method.
        truth: of true pairs, by look.
    """
    return f"""# What belongs together, learnt without pairs

{_settings()}

{agreement_table(runs, truth)}

{_columns()}

{verdict(runs)}

## Samples

{_shown()}

{_pictures()}
"""


def _settings() -> str:
    return wrapped(
        "CoGAN (1606.07536) on one half of the training digits of MNIST and on negatives, "
        "or edges, of the other half, beside two GANs that share no weights but take the "
        "same latents. From `configs/cogan.py` and `configs/cogan.py:edges`, but smaller "
        f"and far shorter: widths of {G_WIDTH} and {D_WIDTH} (128 and 20 in the paper), "
        f"{STEPS:,} steps of {BATCH} examples of either domain (25,000 of 128 there) at a "
        f"rate of {RATE:g} (2e-4 there). Samples are of the generators' averages, with a "
        f"half-life of {HALF_LIFE:,.0f} images. Tied generators share all layers but the "
        "last, tied discriminators all but the first."
    )


def agreement_table(runs: Runs, truth: Mapping[str, Agreement]) -> str:
    """A row a method, and one of true pairs for each look."""
    rows: list[tuple[str, ...]] = []
    for look, known in truth.items():
        for name, method in METHODS.items():
            if method.look == look:
                found = [run.agreement for run in runs[name]]
                minutes = np.mean([run.minutes for run in runs[name]])
                rows.append((look, method.title, *_cells(found), f"{minutes:.1f}"))
        rows.append((look, _TRUE, *_cells([known]), ""))
    head = (
        "second domain", "", "one digit", "by chance", "agreeing pixels", "of others",
        "minutes",
    )  # fmt: skip
    return table(head, rows)


def _cells(found: Sequence[Agreement]) -> list[str]:
    """A number, or the mean and the range of several."""
    return [one_or_ranged(values, ".1%") for values in zip(*found, strict=True)]


def _columns() -> str:
    return wrapped(
        f"Every cell is the mean over {len(SEEDS)} seeds and, in brackets, the lowest and "
        f"the highest, each of {SAMPLES:,} latents. One digit: share of latents whose two "
        "images classifiers name alike; the project's own for digits and, inverted, for "
        "negatives, and one trained in the same way for edges. By chance: what independent "
        "images of the same digits would have. Agreeing pixels, the paper's measure: the "
        "first image is rendered in the other look and compared with the second, a pixel "
        "agreeing if both are on one side of the middle grey. Of others: the same with "
        "the second image of another latent. Minutes: of training, on a core shared with "
        "much else; the last rows of each domain are what a perfect model would have."
    )


def _mean(runs: Sequence[Finished], field: str) -> float:
    return float(np.mean([getattr(run.agreement, field) for run in runs]))


def verdict(runs: Runs) -> str:
    """What tying does, by look."""
    sentences = []
    for look in dict.fromkeys(method.look for method in METHODS.values()):
        tied, untied = (
            next(n for n, m in METHODS.items() if (m.look, m.tied) == (look, kind))
            for kind in (True, False)
        )
        gains = [
            (_mean(runs[name], "classes"), _mean(runs[name], "chance"))
            for name in (tied, untied)
        ]
        apart = all(
            a.agreement.classes > b.agreement.classes
            for a in runs[tied]
            for b in runs[untied]
        )
        sentences.append(
            f"With {look}, tied weights show one digit for {gains[0][0]:.1%} of latents "
            f"where chance gives {gains[0][1]:.1%}, untied ones for {gains[1][0]:.1%} "
            f"where it gives {gains[1][1]:.1%}; "
            + (
                "every tied run is above every untied one."
                if apart
                else "the ranges of their runs overlap."
            )
        )
    return wrapped(" ".join(sentences))


def _shown() -> str:
    return wrapped(
        "The first pairs of the first seed, not chosen: the image of the first domain on "
        "the left, that of the second on the right."
    )


def _pictures() -> str:
    return "\n\n".join(
        f"{method.title.capitalize() if not method.tied else method.title}, {method.look}:"
        f"\n\n![{method.title}, {method.look}]({name}.png)"
        for name, method in METHODS.items()
    )
