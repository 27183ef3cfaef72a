"""What the study's page says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.gmmn.measure import (
    BANDWIDTHS,
    COMPARED,
    SAMPLES,
    TEST,
    VALIDATION,
    Finished,
)
from experiments.gmmn.runs import (
    AUTOENCODER_STEPS,
    BATCH,
    CODES,
    CODES_STEPS,
    GAN_RATE,
    GAN_STEPS,
    HALF_LIFE,
    METHODS,
    PIXELS,
    SEEDS,
    STEPS,
)
from experiments.report import ranged, table, wrapped
from gan_jax.metrics.parzen import ParzenScore

COUNTS = (1_000, 10_000)
"""Centroids of k-means."""
TRUE = "training digits"
PUBLISHED: Mapping[str, float] = {TRUE: 243.0, "k-means": 313.0}
"""Of Theis et al. (1511.01844), table 1."""

Runs = Mapping[str, Sequence[Finished]]
"""Of each method, by seed."""


def kmeans_name(count: int) -> str:
    """A row of the table of pitfalls."""
    return f"{count:,} centroids of k-means"


def page(runs: Runs, known: Mapping[str, ParzenScore], floor: tuple[float, float]) -> str:
    """The page.

    Args:
        runs: of every method.
        known: scores of `TRUE` and of centroids.
        floor: discrepancy of training digits to test digits, in pixels, and in codes of the
            first seed's autoencoder.
    """
    pictures = "\n".join(f"![{m.title}](samples_{name}.png)" for name, m in METHODS.items())
    return f"""# Moments in place of a discriminator, and how not to score it

{_settings()}

{methods_table(runs, floor[0])}

{_columns()}

![Held-out discrepancies over training](discrepancy.png)

{_figure(floor)}

## The pitfall of Parzen windows

{_pitfall()}

{pitfall_table(runs, known)}

{verdict(runs, known)}

## Samples

{_shown()}

{pictures}
![Centroids](kmeans.png)
![Test digits](real.png)

{SEEN}
"""


SEEN = """GMMN's digits are crisp, but many are broken or specked, and strokes are missing.
GMMN+AE's are smooth, but a part of them is one and the same grey blur. The GAN has hardly
begun: its digits are grey clouds. All three stop far short of the papers' numbers, and were
still getting better. What the table of pitfalls shows does not depend on them: real digits,
and centroids of k-means, which look like digits with soft edges, score about as published.

The core was shared with much else: alone, runs take a fraction of their minutes."""


def _settings() -> str:
    return wrapped(
        "Generative moment matching networks (1502.02761) in pixels (GMMN) and in the "
        "codes of an autoencoder (GMMN+AE), and the GAN of 2014 on perceptrons (1406.2661, "
        "non-saturating) beside them, on the built-in MNIST. From `configs/gmmn.py`, "
        f"`configs/gmmn.py:ae` and `configs/gan.py`, but shorter: batches of {BATCH} "
        f"(1,000 in the paper), {STEPS:,} steps for GMMN, {AUTOENCODER_STEPS:,} of the "
        f"autoencoder and {CODES_STEPS:,} of its codes for GMMN+AE (40,000 in the authors' "
        f"code), {GAN_STEPS:,} steps of 128 at a rate of {GAN_RATE:g} for the GAN. Samples "
        f"are of the generators' averages, with a half-life of {HALF_LIFE:,.0f} images. "
        "The kernel is a sum of Gaussians with s^2 = "
        f"{_numbers(PIXELS)} on pixels in [0, 1], and {_numbers(CODES)} on codes, as in "
        "the authors' code."
    )


def _columns() -> str:
    return wrapped(
        f"Every cell is the mean over {len(SEEDS)} seeds and, in brackets, the lowest and "
        f"the highest. Log-likelihood: of {TEST:,} test digits under Gaussians around "
        f"{SAMPLES:,} samples, in nats, with pixels in [0, 1] and no noise added, as in "
        f"the papers; the bandwidth is the best of {BANDWIDTHS[0]} to {BANDWIDTHS[-1]} for "
        f"{VALIDATION:,} other test digits. Held-out discrepancy: squared, unbiased, times "
        f"1000, of {COMPARED:,} samples to as many test digits, in pixels and under GMMN's "
        f"kernel for all; the last row compares training digits with them."
    )


def _figure(floor: tuple[float, float]) -> str:
    return wrapped(
        "Left: the root of the held-out squared discrepancy in pixels (0 where the "
        "unbiased estimate is negative), under the kernel that GMMN is trained with. A "
        "band reaches from the lowest seed to the highest, the line is its middle. Right: "
        "the same of GMMN+AE's codes to codes of test digits, which is what it is trained "
        f"for. Codes of {TRUE} are at {_root(floor[1]):.3f}, their pixels at "
        f"{_root(floor[0]):.3f}."
    )


def _pitfall() -> str:
    return wrapped(
        "Theis, van den Oord and Bethge (1511.01844, section 3.2 and table 1) let "
        "centroids of k-means stand for samples, and real training digits, which are "
        "samples of the true distribution: a model that blurs wins over the truth. The "
        "same here, in order of the score, beside the numbers of the papers."
    )


def _mean(scores: Sequence[ParzenScore]) -> float:
    return float(np.mean([score.mean for score in scores]))


def _scores(runs: Runs, name: str) -> list[ParzenScore]:
    return [run.score for run in runs[name]]


def methods_table(runs: Runs, floor: float) -> str:
    """A row a method, and one of training digits."""
    rows: list[tuple[object, ...]] = []
    for name, method in METHODS.items():
        scores = _scores(runs, name)
        rows.append(
            (
                method.title,
                ranged([s.mean for s in scores], ".0f"),
                f"{np.mean([s.bandwidth for s in scores]):.2f}",
                ranged([1e3 * run.pixels.values[-1] for run in runs[name]], ".2f"),
                f"{runs[name][0].pixels.images[-1]:,}",
                f"{np.mean([run.minutes for run in runs[name]]):.1f}",
            )
        )
    rows.append((TRUE, "", "", f"{1e3 * floor:.2f}", "", ""))
    head = (
        "", "log-likelihood", "bandwidth", "held-out discrepancy", "images", "minutes",
    )  # fmt: skip
    return table(head, rows)


def pitfall_table(runs: Runs, known: Mapping[str, ParzenScore]) -> str:
    """Everything that was scored, the best below."""
    rows: list[tuple[float, tuple[str, ...]]] = []
    for name, method in METHODS.items():
        scores = _scores(runs, name)
        here, error = _mean(scores), float(np.mean([s.error for s in scores]))
        width = float(np.mean([s.bandwidth for s in scores]))
        said = f"{method.published:.0f} ({method.paper})"
        rows.append((here, _row(method.title, ParzenScore(here, error, width), said)))
    for name, score in known.items():
        published = PUBLISHED[TRUE if name == TRUE else "k-means"]
        rows.append((score.mean, _row(name, score, f"{published:.0f} (1511.01844)")))
    head = ("Gaussians around", "log-likelihood", "bandwidth", "in the papers")
    return table(head, [cells for _, cells in sorted(rows)])


def _row(name: str, score: ParzenScore, published: str) -> tuple[str, ...]:
    value = f"{score.mean:.0f} ± {score.error:.0f}"
    return name, value, f"{score.bandwidth:.2f}", published


def verdict(runs: Runs, known: Mapping[str, ParzenScore]) -> str:
    """Whether k-means beats the true distribution, and which models do."""
    true = known[TRUE]
    best = max(map(kmeans_name, COUNTS), key=lambda name: known[name].mean)
    gap = known[best].mean - true.mean
    beats = "beat" if gap > 0 else "do not beat"
    above = [m.title for n, m in METHODS.items() if _mean(_scores(runs, n)) > true.mean]
    return wrapped(
        f"{best[0].upper()}{best[1:]} {beats} the true distribution, by {abs(gap):.0f} "
        f"nats; models that do: {', '.join(above) or 'none'}. ± is the standard error over "
        "test digits. Nothing can be better than the truth: the score measures how near "
        "the centres lie to all digits in pixels, and means of digits lie nearer than "
        "digits do."
    )


def _shown() -> str:
    titles = ", ".join(method.title for method in METHODS.values())
    return wrapped(
        f"The first hundred of the first seed, not chosen: {titles}; then centroids of "
        "k-means, and test digits."
    )


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _root(square: float) -> float:
    return float(np.sqrt(max(square, 0.0)))
