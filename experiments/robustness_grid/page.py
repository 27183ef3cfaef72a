"""What the grid's page says."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np

from experiments.report import table
from experiments.robustness_grid.measure import (
    ARCHITECTURES,
    AXES,
    BATCH,
    CLIP,
    DEEP,
    DEEP_UPDATES,
    HELD_OUT,
    NARROW,
    OBJECTIVES,
    RATE,
    SAMPLES,
    SHOWN,
    UPDATES,
    WIDTH,
    Cells,
    Score,
    updates_of,
)


def page(cells: Cells, known: Mapping[str, Score]) -> str:
    """The page, from cells by objective and architecture, and scores to read them by."""
    rows = [
        (a, updates_of(a), *(cells[o, a].score for o in OBJECTIVES)) for a in ARCHITECTURES
    ]
    readings = "; ".join(f"{name} {score}" for name, score in known.items())
    return f"""# Objectives and architectures

The grid of 1704.00028 (section 5.2) at small scale: four objectives on seven pairs of
networks, on MNIST instead of 64 x 64 bedrooms. A cell is the Fréchet distance of
{SAMPLES:,} samples in the features of the project's own digit classifier; in brackets, the
share of samples in which it is sure to see a digit, and how many digits it sees, the
exponential of the entropy of its guesses. The distance is what ranks cells: the classifier
can be sure of what is no digit, so a share means something where many digits are seen.
For comparison: {readings}.

{table(("architecture", "updates", *OBJECTIVES), rows)}

{summary(cells)}

{narrow(cells, known[HELD_OUT].spread)}

![Samples of every cell](samples.png)

The first {SHOWN} samples of every cell, not chosen.

The row of {DEEP} has {DEEP_UPDATES} updates of each player, all others {UPDATES}: its
distances compare with each other and not with those of other rows.

What differs from the paper: the data, width {WIDTH} instead of 64, batches of
{BATCH}, and only {UPDATES} or {DEEP_UPDATES} updates of each player; one critic step per
generator step, not five, also for WGAN and WGAN-GP, so that all objectives see as many
images in as many updates; a rate of {RATE:g} for all (there 2e-4 for DCGAN,
1e-4 for LSGAN and WGAN-GP, 5e-5 for WGAN), with its optimizers and momenta; weights clipped
at {CLIP}, not 0.01; one seed. Penalised critics have layer normalisation where the others
have batch normalisation. Both networks of the last row have all their 101 layers. Nothing
was chosen per cell: rate, clipping and batch were chosen on the baseline, for all
objectives together. The grid shows how training starts, not where it ends: a cell that has
not begun to train may do so later, and the distances of one seed swing by tens.
"""


def summary(cells: Cells) -> str:
    """How far each objective came over the architectures trained equally long."""
    lines = []
    compared = [a for a in ARCHITECTURES if a != DEEP]
    for objective in OBJECTIVES:
        ranked = sorted((cells[objective, a].score.distance, a) for a in compared)
        (best, first), (worst, last) = ranked[0], ranked[-1]
        median = np.median([distance for distance, _ in ranked])
        lines.append(
            f"- {objective}: best {best:.0f} ({first}), median {median:.0f}, worst "
            f"{worst:.0f} ({last})"
        )
    head = f"Distances over the architectures with {UPDATES} updates:\n\n"
    return head + "\n".join(lines)


def narrow(cells: Cells, whole: float) -> str:
    """Which cells give nearly one image, by the spread of held-out digits."""
    shares = {name: cells[name].score.spread / whole for name in product(*AXES)}
    found = [f"{o} on {a} {s:.2f}" for (o, a), s in shares.items() if s < NARROW]
    return (
        f"Samples of {len(found)} of {len(cells)} cells are nearly one image, whatever the "
        f"latent: their pixels vary less than {NARROW:g} times as much as those of "
        f"{HELD_OUT} ({', '.join(found) or 'none'})."
    )
